import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { exactSearch, IvfIndex, type IvfIndexOptions } from '../../src/index.js'
import { trueNearest } from '../../src/ivf/truth.js'
import { expectNear, METRICS } from '../ivf-index/matches.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NQ, K] = [20, 2600, 25, 12]
const vectors = mixture(COUNT, DIM, 81)
const queries = mixture(NQ, DIM, 82)
const removed = new Set(Array.from({ length: 300 }, (_, i) => (i * 7) % COUNT))
const left = Array.from({ length: COUNT }, (_, row) => row).filter((row) => !removed.has(row))

/** In three segments of different sizes, with removed rows in each. */
async function living(word: string, options: IvfIndexOptions): Promise<IvfIndex> {
  const index = await IvfIndex.train(vectors, { spec: `IVF9,${word}`, dim: DIM, kmeansIterations: 2, ...options })
  for (const [from, to] of [
    [0, 2200],
    [2200, 2590],
    [2590, COUNT],
  ] as const) {
    await index.add(vectors.subarray(from * DIM, to * DIM))
  }
  await index.remove(removed)
  return index
}

describe.each(METRICS)('by %s', (metric) => {
  test.each<[string, IvfIndexOptions, number]>([
    ['Flat', {}, 1e-4],
    ['SQ4', {}, 1e-4],
    ['PQ5x4', { keep: 'f16' }, 3e-3],
    ['PCA8,SQ4', {}, 1e-4],
    ['PCA8,Flat', {}, 1e-4],
  ])('%s %o: the truth is what an exact search among the vectors that are there finds', async (word, options, most) => {
    const index = await living(word, { metric, compactAt: 1, ...options })
    const found = await index.whileHeld((contents) => trueNearest(contents, toMatrix(queries, DIM, 'queries'), K, {}))
    const there = left.map((row) => vectors.subarray(row * DIM, (row + 1) * DIM))
    const truth = await exactSearch(there, queries, { k: K, metric, dim: DIM })
    for (let q = 0; q < NQ; q++) {
      const named = truth.of(q).map(({ id, score }) => ({ id: left[id] as number, score }))
      expectNear(found.of(q), named, most)
    }
    await index.close()
  })

  test("without the vectors, the truth is of what codes stand for: the index's own vectors", async () => {
    const index = await living('SQ4', { metric, keep: 'none', compactAt: 1 })
    const found = await index.whileHeld((contents) => trueNearest(contents, toMatrix(queries, DIM, 'queries'), K, {}))
    const there = await Promise.all(left.map(async (row) => (await index.get(row)) as Float32Array))
    // What a code stands for is compared as it is: it has no length of 1.
    const truth = await exactSearch(there, queriesAs(metric), { k: K, metric: metric === 'l2' ? 'l2' : 'ip', dim: DIM })
    for (let q = 0; q < NQ; q++) {
      const named = truth.of(q).map(({ id, score }) => ({ id: left[id] as number, score }))
      expectNear(found.of(q), named, 1e-4)
    }
    await index.close()
  })
})

test('with fewer vectors than are wanted, counts are lower', async () => {
  const index = await IvfIndex.build(vectors.subarray(0, 5 * DIM), { spec: 'IVF2,Flat', dim: DIM, metric: 'l2' })
  const { counts, ids } = await index.whileHeld((contents) =>
    trueNearest(contents, toMatrix(queries, DIM, 'queries'), 8, {}),
  )
  expect(counts).toEqual(new Uint32Array(NQ).fill(5))
  expect([...ids.subarray(5, 8)]).toEqual([Number.NaN, Number.NaN, Number.NaN])
  await index.close()
})

test('a zero vector has no cosine: it is not among the true, and a zero query has none', async () => {
  for (const spec of ['IVF4,Flat', 'IVF4,SQ4']) {
    const index = await IvfIndex.build(vectors, { spec, dim: DIM })
    await index.add(new Float32Array(2 * DIM))
    const asked = new Float32Array(2 * DIM)
    asked.set(queries.subarray(0, DIM))
    const found = await index.whileHeld((contents) =>
      trueNearest(contents, toMatrix(asked, DIM, 'queries'), COUNT + 2, {}),
    )
    expect([...found.counts], spec).toEqual([COUNT, 0])
    expect(found.of(0).map(({ id }) => id)).not.toContain(COUNT)
    await index.close()
  }
})

test('where only projected vectors are stored, nobody knows the truth', async () => {
  const index = await IvfIndex.build(vectors, { spec: 'IVF4,PCA8,SQ4', dim: DIM, keep: 'none' })
  const asked = index.whileHeld((contents) => trueNearest(contents, toMatrix(queries, DIM, 'queries'), K, {}))
  expect(await refusal(asked)).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await index.close()
})

function queriesAs(metric: string): Float32Array {
  if (metric !== 'cosine') return queries
  return queries.map((x, i) => {
    const row = queries.subarray(i - (i % DIM), i - (i % DIM) + DIM)
    return x / Math.sqrt(row.reduce((sum, one) => sum + one * one, 0))
  })
}
