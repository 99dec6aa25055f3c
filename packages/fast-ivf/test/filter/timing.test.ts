import { expect, test } from 'vitest'
import { MetadataTable } from '../../src/filter/metadata-table.js'
import { parseFilter } from '../../src/filter/parse.js'
import { countBits } from '../../src/ivf/bits.js'

const ROWS = 300_000
const rowsIn = (set: Uint32Array): number => countBits(set, 0, 32 * set.length)
const FILTERS: object[] = [
  { category: 'c7' },
  { price: { $lt: 10 } },
  { price: { $in: [1, 2, 3] } },
  { category: 'c7', price: { $gte: 10, $lt: 20 } },
  { $or: [{ category: 'c1' }, { active: true }], price: { $ne: 5 } },
  { tags: 't3' },
  { tags: { $nin: ['t1', 't2'] } },
  { 'maker.country': { $exists: true } },
  { url: '/item/1234' },
  { url: { $gte: '/item/2', $lt: '/item/3' } },
]

test('300,000 rows are filtered; how long it takes is printed', async () => {
  const table = new MetadataTable()
  for (let i = 0; i < ROWS; i++) {
    const category = `c${(i * 7919) % 100}`
    const tags = [`t${i % 10}`, `t${i % 7}`]
    const maker = i % 3 === 0 ? { country: 'PT' } : {}
    table.set(
      i,
      JSON.stringify({ category, price: (i * 31) % 997, active: i % 2 === 0, tags, maker, url: `/item/${i}` }),
    )
  }
  for (const filter of FILTERS) {
    const node = parseFilter(filter)
    let longest = 0
    let since = performance.now()
    const pace = async (): Promise<void> => {
      longest = Math.max(longest, performance.now() - since)
      await new Promise((resolve) => setImmediate(resolve))
      since = performance.now()
    }
    const start = performance.now()
    const set = await table.evaluate(node, pace)
    const first = performance.now() - start
    const times = []
    for (let run = 0; run < 20; run++) {
      const begin = performance.now()
      await table.evaluate(node, pace)
      times.push(performance.now() - begin)
    }
    times.sort((a, b) => a - b)
    const [best = 0, median = 0] = [times[0], times[10]]
    console.log(
      `${JSON.stringify(filter)}: ${rowsIn(set)} rows, first ${first.toFixed(0)} ms (longest piece ${longest.toFixed(1)} ms), ` +
        `then median ${median.toFixed(2)} ms, best ${best.toFixed(2)} ms`,
    )
    expect(rowsIn(set)).toBeGreaterThan(0)
  }
})
