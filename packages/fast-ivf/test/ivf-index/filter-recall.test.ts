import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exactSearch, IvfIndex, type SearchResult } from '../../src/index.js'
import { numbers } from '../kernels/machine.js'
import { mixture } from '../mixture.js'

const [DIM, COUNT, NQ, K, NPROBE] = [32, 20_000, 100, 10, 8]
const points = mixture(COUNT + NQ, DIM, 61, 200)
const [vectors, queries] = [points.slice(0, COUNT * DIM), points.slice(COUNT * DIM)]
const rows = Array.from({ length: COUNT }, (_, row) => row)

/** Rows from the nearest to a point to the farthest. */
const point = vectors.subarray(77 * DIM, 78 * DIM)
const gaps = rows.map((row) => point.reduce((sum, x, i) => sum + (x - (vectors[row * DIM + i] as number)) ** 2, 0))
const fromPoint = rows.toSorted((a, b) => (gaps[a] as number) - (gaps[b] as number))

/** What is allowed; least recall of queries alone and of all together, where fewer are compared one by one. */
const FILTERS: [string, number[], alone: number, together: number][] = [
  ['50 %', some(0.5), 0.95, 0.95],
  ['10 %', some(0.1), 0.95, 0.95],
  ['1 %', some(0.01), 0.95, 0.95],
  ['0.1 %', some(0.001), 1, 1],
  ['the half near a point', fromPoint.slice(0, COUNT / 2), 0.93, 0.93],
  ['the 10 % near a point', fromPoint.slice(0, COUNT / 10), 0.8, 0.8],
  ['the 1 % near a point', fromPoint.slice(0, COUNT / 100), 0.95, 0.999],
  ['the 1 % farthest from a point', fromPoint.slice(-COUNT / 100), 0.85, 0.999],
]

describe.each([
  ['IVF128,Flat', 'l2'],
  ['IVF128,SQ4', 'cosine'],
] as const)('%s by %s', (spec, metric) => {
  let index: IvfIndex
  let base: SearchResult
  beforeAll(async () => {
    index = await IvfIndex.build(vectors, { calibrate: false, spec, metric, dim: DIM, nprobe: NPROBE })
    base = await index.search(queries)
  })
  afterAll(() => index.close())

  test('without a filter nearly all are found', async () => {
    expect(await recallOf(answersOf(base), rows)).toBeGreaterThanOrEqual(0.97)
  })

  test.each(FILTERS)('%s: enough is found for at most twice the work', async (_, allowed, alone, together) => {
    const filter = new Set(allowed)
    const found = await index.search(queries, { filter })
    const ones: (number | undefined)[][] = []
    let vectorsAlone = 0
    for (let q = 0; q < NQ; q++) {
      const one = await index.search(queries.subarray(q * DIM, (q + 1) * DIM), { filter })
      ones.push(...answersOf(one))
      vectorsAlone += one.work.vectors
    }
    expect(await recallOf(ones, allowed)).toBeGreaterThanOrEqual(alone)
    expect(await recallOf(answersOf(found), allowed)).toBeGreaterThanOrEqual(together)
    // Fixed costs are not doubled: so many more vectors take less than twice the time.
    for (const work of [vectorsAlone, found.work.vectors]) expect(work).toBeLessThanOrEqual(2.1 * base.work.vectors)
  })

  async function recallOf(found: (number | undefined)[][], allowed: number[]): Promise<number> {
    const own = Float32Array.from({ length: allowed.length * DIM }, (_, i) => {
      return vectors[(allowed[Math.floor(i / DIM)] as number) * DIM + (i % DIM)] as number
    })
    const truth = await exactSearch(own, queries, { k: K, metric, dim: DIM })
    const hits = found.map((ids, q) => truth.of(q).filter(({ id }) => ids.includes(allowed[id])).length)
    return hits.reduce((sum, count) => sum + count, 0) / truth.counts.reduce((sum, count) => sum + count, 0)
  }
})

function answersOf(result: SearchResult): (number | undefined)[][] {
  return Array.from({ length: result.nq }, (_, q) => result.of(q).map(({ id }) => id))
}

/** About such a share of the rows. */
function some(share: number): number[] {
  const random = numbers(Math.round(share * 1e4))
  return rows.filter(() => random() < share * 2 ** 32)
}
