import { afterAll, describe, expect, test } from 'vitest'
import {
  CompressedFastIVF,
  exactSearch,
  FastIVF,
  FastIVFPQ,
  type Id,
  type IdList,
  IvfIndex,
  openIndex,
  type Progress,
  recall,
  recall1,
} from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NQ, K] = [16, 3000, 60, 10]
const all = mixture(COUNT + NQ, DIM, 61)
const vectors = all.subarray(0, COUNT * DIM)
const queries = all.subarray(COUNT * DIM)
const quick = { spec: 'IVF20,SQ4', dim: DIM, metric: 'l2', kmeansIterations: 2, calibrate: false } as const
const truth = await exactSearch(vectors, queries, { k: K, metric: 'l2', dim: DIM })
const index = await IvfIndex.build(vectors, quick)
await index.calibrate({ k: K })
afterAll(() => index.close())

test.each([
  [{ nprobe: 3 }],
  [{ nprobe: 8, ratioThreshold: 0.6, rescore: false }],
  [{ nprobe: 5, rescoreFactor: 3, k: 4 }],
  [{ recall: 0.9 }],
])('what a search with %o finds and looks at is told, with the truth or without', async (options) => {
  const k = 'k' in options ? options.k : K
  const found = await index.search(queries, options)
  const { latency, qps, ...told } = await index.evaluate(queries, options)
  const { vectors: scored, cells, rescored } = found.work
  expect(told).toMatchObject({
    ...{ k, queries: NQ, recall: recall(found, truth, k), recall1: recall1(found, truth, k) },
    ...{ vectors: scored / NQ, cells: cells / NQ, rescored: rescored / NQ },
  })
  // A code of 4 bits is half a byte a component, and three factors; what is kept, four bytes a component.
  expect(told.bytes).toBeGreaterThanOrEqual((scored * (DIM / 2) + rescored * DIM * 4) / NQ)
  expect(told.bytes).toBeLessThanOrEqual((scored * (DIM / 2 + 32) + rescored * DIM * 4) / NQ)
  expect(qps).toBeGreaterThan(0)
  expect(latency.p50).toBeGreaterThan(0)
  expect(latency.p95).toBeGreaterThanOrEqual(latency.p50)
  expect(latency.p99).toBeGreaterThanOrEqual(latency.p95)
  const estimates = found.recallEstimate
  if (!estimates) expect(told).not.toHaveProperty('estimate')
  else expect(told.estimate).toBeCloseTo(estimates.reduce((sum, one) => sum + one, 0) / NQ, 6)
  const { latency: _, qps: __, ...same } = await index.evaluate(queries, { ...options, truth, singles: 1 })
  expect(same).toEqual(told)
})

test('threads change nothing but times', async () => {
  const runs = []
  for (const threads of [0, 2]) {
    const own = await IvfIndex.build(vectors, { ...quick, threads })
    await own.calibrate({ k: K })
    for (const options of [{ nprobe: 4 }, { recall: 0.9 }]) {
      const { latency: _, qps: __, ...told } = await own.evaluate(queries, { ...options, singles: 0 })
      runs.push(told)
    }
    await own.close()
  }
  expect(runs.slice(2)).toEqual(runs.slice(0, 2))
})

test.each<[string, (row: number) => Id]>([
  ['numbers', (row) => 7 * row - 3],
  ['strings', (row) => `№ ${row}`],
  ['bigints', (row) => BigInt(row) << 40n],
])('ids may be %s, of the truth as well', async (_, nameOf) => {
  const ids = Array.from({ length: COUNT }, (_, row) => nameOf(row)) as IdList<Id>
  const named = await IvfIndex.build<Id>(vectors, { ...quick, ids })
  const known = { ids: Array.from(truth.ids, nameOf), k: K }
  const computed = await named.evaluate(queries, { nprobe: 4, singles: 0 })
  const given = await named.evaluate(queries, { nprobe: 4, truth: known, singles: 0 })
  const rows = recall(await index.search(queries, { nprobe: 4 }), truth, K)
  expect([computed.recall, given.recall]).toEqual([rows, rows])
  const odd = { ids: known.ids.map((id, i) => (i === 5 ? nameOf(COUNT) : id)), k: K }
  expect(await refusal(named.evaluate(queries, { truth: odd }))).toMatchObject({ code: 'ERR_ID' })
  await named.close()
})

test('all classes are measured, by their own options and defaults', async () => {
  const settings = { nlist: 20, metric: 'l2', kmeansMaxSteps: 10 } as const
  const flat = new FastIVF(DIM, settings)
  const product = new FastIVFPQ(DIM, { ...settings, pqNumSubvectors: 8, pqNumCentroids: 16 })
  const small = new CompressedFastIVF(DIM, { ...settings, compressionNdim: 8, compressor: 'pca' })
  for (const one of [flat, product, small]) await one.train(vectors)
  const whole = { k: K, nprobe: 20, singles: 0 }
  expect(await flat.evaluate(queries, whole)).toMatchObject({ recall: 1, recall1: 1, vectors: COUNT, cells: 20 })
  expect((await flat.evaluate(queries, { singles: 0 })).k).toBe(100)
  for (const one of [product, small]) {
    const estimated = await one.evaluate(queries, whole)
    const rescored = await one.evaluate(queries, { ...whole, rescoreFactor: 8 })
    expect(estimated.rescored).toBe(0)
    expect(rescored.rescored).toBe(8 * K)
    expect(rescored.recall).toBeGreaterThan(estimated.recall)
    expect(rescored.bytes - estimated.bytes).toBe(8 * K * DIM * 4)
  }
  for (const one of [flat, product, small]) await one.close()
})

describe('a filter', () => {
  const filter = (id: number): boolean => id % 3 === 0

  test('is refused without the truth of those that pass', async () => {
    expect(await refusal(index.evaluate(queries, { filter }))).toMatchObject({
      code: 'ERR_ARGUMENT',
      message: expect.stringMatching(/^filter is given, .* give truth/),
    })
  })

  test('passes through with it', async () => {
    const rows = Array.from({ length: COUNT / 3 }, (_, i) => vectors.subarray(3 * i * DIM, (3 * i + 1) * DIM))
    const some = await exactSearch(rows, queries, { k: K, metric: 'l2', dim: DIM })
    const known = { ids: some.ids.map((i) => 3 * i), k: K }
    const told = await index.evaluate(queries, { filter, truth: known, nprobe: 20, singles: 0 })
    expect(told.recall).toBeGreaterThan(0.98)
  })
})

test('where cells stay in a file, the truth is given or nothing is told', async () => {
  const stored = await openIndex(await index.toBytes(), { resident: 'centroids' })
  const told = await stored.evaluate(queries, { nprobe: 20, truth, singles: 3 })
  expect(told.recall).toBeGreaterThan(0.98)
  expect(await refusal(stored.evaluate(queries))).toMatchObject({
    code: 'ERR_UNSUPPORTED',
    message: expect.stringMatching(/^truth is left out/),
  })
  expect(await refusal(stored.explain(queries.subarray(0, DIM)))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await stored.close()
})

test('with fewer vectors than answers, those that there are count', async () => {
  const few = await IvfIndex.build(vectors.subarray(0, 6 * DIM), { ...quick, spec: 'IVF1,Flat' })
  expect(await few.evaluate(queries, { singles: 0 })).toMatchObject({ k: 10, recall: 1, recall1: 1 })
  const known = await exactSearch(vectors.subarray(0, 6 * DIM), queries, { k: 6, metric: 'l2', dim: DIM })
  expect(await few.evaluate(queries, { truth: known, singles: 0 })).toMatchObject({ k: 10, recall: 1, recall1: 1 })
  await few.close()
})

test('it says how far it is, and how many queries were timed alone is the caller’s to say', async () => {
  const steps: Progress[] = []
  await index.evaluate(queries, { nprobe: 2, singles: 70, onProgress: (step) => steps.push({ ...step }) })
  const last = (phase: Progress['phase']) => steps.findLast((step) => step.phase === phase)
  expect(last('truth')).toMatchObject({ done: COUNT * NQ, total: COUNT * NQ })
  expect(last('search')).toMatchObject({ done: NQ, total: NQ })
  expect(steps.filter(({ phase }) => phase === 'evaluate').length).toBe(70)
  const { latency } = await index.evaluate(queries, { nprobe: 2, singles: 0 })
  expect(latency).toEqual({ p50: Number.NaN, p95: Number.NaN, p99: Number.NaN })
})

test.each([
  [new Float32Array(0), {}, 'ERR_EMPTY', /^queries is empty/],
  [queries.subarray(0, 5), {}, 'ERR_DIM', /dim/],
  [queries, { singles: -1 }, 'ERR_ARGUMENT', /^singles is -1/],
  [queries, { k: 0 }, 'ERR_ARGUMENT', /^k is 0/],
  [queries, { recall: 0.9, nprobe: 1 }, 'ERR_ARGUMENT', /^recall and nprobe/],
  [queries, { truth: { ids: truth.ids, k: 9 } }, 'ERR_ARGUMENT', /^truth holds 600 ids, 9 for each/],
  [queries, { truth: { ids: [1], k: 1 }, k: 1 }, 'ERR_ARGUMENT', /^truth holds 1 ids/],
])('evaluating is refused for %#', async (some, options, code, message) => {
  expect(await refusal(index.evaluate(some, options))).toMatchObject({ code, message: expect.stringMatching(message) })
})

test('an index without vectors is not measured', async () => {
  const empty = await IvfIndex.train(vectors, quick)
  expect(await refusal(empty.evaluate(queries))).toMatchObject({ code: 'ERR_EMPTY' })
  const none = new FastIVF(DIM, { nlist: 4 })
  expect(await refusal(none.evaluate(queries))).toMatchObject({ code: 'ERR_NOT_TRAINED' })
  await empty.close()
})
