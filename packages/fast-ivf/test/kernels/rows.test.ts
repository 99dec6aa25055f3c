import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { biasOf, inPanels, prepare, rowOf } from './reference.js'

const dims = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 1025 }))
const seeds = fc.integer({ min: 1, max: 1e6 })
const counts = fc.integer({ min: 0, max: 40 })
const blocks = fc.constantFrom(1, 7, 8, 64)

describe.each(machines)('$level kernels', (m) => {
  test('prepareRows gives squared norms, unit rows, and the first bad row of each lane', () => {
    fc.assert(
      fc.property(
        dims,
        counts,
        blocks,
        seeds,
        fc.boolean(),
        fc.boolean(),
        (dim, count, block, seed, normalize, wanted) => {
          m.reset()
          const random = numbers(seed)
          const table = { rows: wholes(count * dim, seed, 1), dim }
          for (let i = 0; i < count; i++) {
            if (random() % 9 === 0) rowOf(table, i).fill(0)
            if (random() % 9 === 0)
              rowOf(table, i)[random() % dim] = [NaN, Infinity, -Infinity, 3e38][random() % 4] as number
          }
          const rows = m.put(table.rows)
          const norms = m.room(count)
          const bad = m.room(32)
          m.run(
            'prepareRows',
            m.record('Rows', { rows, dim, count, block, norms: wanted ? norms : 0, normalize: +normalize, bad }),
            Math.ceil(count / block),
            1,
          )
          const expected = prepare(table, count, normalize)
          const first = expected.indexOf(undefined)
          expect([...m.ints(bad, 32)].map((row, i) => (row === 0xffffffff ? -1 : row + i - 16))).toEqual(
            new Array(32).fill(-1).with(16, first),
          )
          expectSame(m.floats(rows, count * dim), table.rows)
          expect([...m.floats(norms, count)]).toEqual(expected.map((norm) => (wanted ? (norm ?? NaN) : NaN)))
        },
      ),
      { numRuns: 100 },
    )
  })

  test('prepareRows gives rows of any size length 1 and keeps their direction', () => {
    for (const size of [1, 1e18, 1e-10, 1e-18, 1e-30, 1e-38, 1e-40, 1e-42]) {
      for (const dim of [1, 3, 17, 128]) {
        m.reset()
        const row = fractions(dim, dim).map((value) => value * size)
        const rows = m.put(row)
        const norms = m.room(1)
        m.run(
          'prepareRows',
          m.record('Rows', { rows, dim, count: 1, block: 1, norms, normalize: 1, bad: m.room(16) }),
          1,
        )
        const length = Math.hypot(...row)
        m.floats(rows, dim).forEach((value, i) =>
          expect(value, `size ${size}`).toBeCloseTo((row[i] as number) / length, 5),
        )
        expect(m.floats(norms, 1)[0]).toBe(1)
      }
    }
  })

  test('prepareRows gives the very smallest row a direction', () => {
    m.reset()
    const rows = m.put([0, 1.4e-45, 0, -1.4e-45, 0])
    m.run(
      'prepareRows',
      m.record('Rows', { rows, dim: 5, count: 1, block: 1, norms: 0, normalize: 1, bad: m.room(16) }),
      1,
    )
    m.floats(rows, 5).forEach((value, i) =>
      expect(value).toBeCloseTo([0, Math.SQRT1_2, 0, -Math.SQRT1_2, 0][i] as number, 6),
    )
  })

  test('scatterRows puts rows and biases where they belong and nothing else, gatherRows reads them back', () => {
    const any = fc.record({
      dim: dims,
      count: counts,
      block: blocks,
      seed: seeds,
      first: fc.integer({ min: 0, max: 20 }),
      halfNorm: fc.boolean(),
      dropZero: fc.boolean(),
    })
    fc.assert(
      fc.property(any, (c) => roundTrip(m, c)),
      { numRuns: 100 },
    )
    for (let dim = 1; dim <= 40; dim++)
      roundTrip(m, { dim, count: 24, block: 64, seed: dim, first: 8, halfNorm: true, dropZero: false })
  })
})

interface Case {
  dim: number
  count: number
  block: number
  seed: number
  first: number
  halfNorm: boolean
  dropZero: boolean
}

function roundTrip(m: Machine, { dim, count, block, seed, first, halfNorm, dropZero }: Case): void {
  m.reset()
  const random = numbers(seed)
  const table = { rows: wholes(count * dim, seed, 3), dim }
  for (let i = 0; i < count; i++) if (random() % 5 === 0) rowOf(table, i).fill(0)
  const npanels = Math.ceil((first + count) / 8) + 1
  const slots = Array.from({ length: count }, (_, i) => first + i)
  const rows = m.put(table.rows)
  const panels = m.room(npanels * 8 * dim)
  const bias = m.room(npanels * 8)
  const fields = {
    rows,
    dim,
    count,
    block,
    first,
    panels,
    bias,
    halfNorm: +halfNorm,
    dropZero: +dropZero,
  }
  m.run('scatterRows', m.record('Scatter', fields), Math.ceil(count / block))
  const expected = new Float32Array(npanels * 8 * dim).fill(NaN)
  const biases = new Float32Array(npanels * 8).fill(NaN)
  slots.forEach((slot, i) => {
    rowOf(table, i).forEach((value, k) => {
      expected[inPanels(slot, k, dim)] = value
    })
    biases[slot] = biasOf(rowOf(table, i), halfNorm, dropZero)
  })
  expectSame(m.floats(panels, expected.length), expected)
  expectSame(m.floats(bias, biases.length), biases)

  const back = m.room(count * dim)
  m.run('gatherRows', m.record('Gather', { panels, dim, first, block, count, rows: back }), Math.ceil(count / block))
  const found = { rows: m.floats(back, count * dim), dim }
  slots.forEach((slot, i) => expectSame(rowOf(found, slot - first), rowOf(table, i)))
}
