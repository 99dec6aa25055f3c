import { afterAll, describe, expect, test } from 'vitest'
import {
  CompressedFastIVF,
  exactSearch,
  FastIVF,
  FastIVFPQ,
  IvfIndex,
  type IvfIndexBuildOptions,
  recall,
} from '../../src/index.js'
import { METRICS } from '../ivf-index/matches.js'
import { COUNT, DIM, delivered, NQ, queries, truthBy, vectors } from './indexes.js'

const ASKED = [0.8, 0.9, 0.95, 0.99]
/** Found less asked for, on queries that calibration has not seen. */
const [BELOW, ABOVE] = [0.02, 0.05]

const opened: { close(): Promise<void> }[] = []
afterAll(async () => {
  for (const index of opened) await index.close()
})

async function built(word: string, options: IvfIndexBuildOptions = {}): Promise<IvfIndex> {
  const index = await IvfIndex.build(vectors, {
    spec: `IVF128,${word}`,
    dim: DIM,
    kmeansIterations: 4,
    calibrate: false,
    ...options,
  })
  opened.push(index)
  return index
}

describe.each(METRICS)('by %s', (metric) => {
  test.each(['Flat', 'SQ4', 'PQ12x4'])('%s: queries nobody has seen find what is asked for', async (word) => {
    const index = await built(word, { metric })
    const { rules } = await index.calibrate({ k: 10 })
    expect(rules.map(({ k }) => k)).toEqual([10])
    for (const asked of ASKED) {
      const certified = rules[0]?.targets.find(({ target }) => target === asked)
      expect(certified?.lower).toBeGreaterThanOrEqual(asked)
      const { found, estimate } = await delivered(index, asked, metric)
      expect(found).toBeGreaterThan(asked - BELOW)
      expect(found).toBeLessThan(asked + ABOVE)
      expect(Math.abs(found - estimate)).toBeLessThan(0.025)
    }
  })

  test('more recall takes more work, and less than the same recall by nprobe', async () => {
    const index = await built('SQ4', { metric })
    await index.calibrate({ k: 10 })
    const truth = await truthBy(metric)
    const asked = await Promise.all(ASKED.map((recall) => index.search(queries, { recall })))
    const work = asked.map(({ work }) => work.vectors)
    expect(work).toEqual([...work].sort((a, b) => a - b))
    let nprobe = 1
    const by = async (n: number) => index.search(queries, { nprobe: n })
    const found = recall(asked[2] as (typeof asked)[number], truth, 10)
    while (recall(await by(nprobe), truth, 10) < found) nprobe++
    expect(work[2]).toBeLessThan((await by(nprobe)).work.vectors)
  })
})

test('threads change nothing: the same calibration, the same answers, the same estimates', async () => {
  const runs = []
  for (const threads of [0, 1, 3]) {
    const index = await built('SQ4', { metric: 'l2', threads })
    const report = await index.calibrate()
    const { ids, scores, recallEstimate, work } = await index.search(queries, { recall: 0.95 })
    runs.push({ report, ids, scores, recallEstimate, work })
  }
  expect(runs[1]).toEqual(runs[0])
  expect(runs[2]).toEqual(runs[0])
})

test('the same seed gives the same calibration, another seed one that delivers the same', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  const report = await index.calibrate({ k: 10 })
  expect(await index.calibrate({ k: 10 })).toEqual(report)
  expect(index.calibration).toEqual(report)
  const other = await built('SQ4', { metric: 'l2', seed: 5 })
  await other.calibrate({ k: 10 })
  const { found } = await delivered(other, 0.95, 'l2')
  expect(found).toBeGreaterThan(0.95 - BELOW)
  expect(found).toBeLessThan(0.95 + ABOVE)
})

test('queries may be given, and their truth: the calibration is what it is with truth that was computed', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  const [given, unseen] = [queries.subarray(0, 1000 * DIM), queries.subarray(1000 * DIM)]
  const truth = await exactSearch(vectors, given, { k: 12, metric: 'l2', dim: DIM })
  const report = await index.calibrate({ queries: given, truth, k: [10, 3] })
  expect(report).toMatchObject({ queries: 500, confidence: 0.95, stale: false, rules: [{ k: 3 }, { k: 10 }] })
  expect(await index.calibrate({ queries: given, k: [3, 10, 3] })).toEqual(report)
  const known = await exactSearch(vectors, unseen, { k: 10, metric: 'l2', dim: DIM })
  for (const k of [3, 7, 10]) {
    const found = recall(await index.search(unseen, { recall: 0.9, k }), known, k)
    expect(found).toBeGreaterThan(0.9 - 2 * BELOW)
  }
})

test('more confidence costs more work, and delivers no less', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  const works = []
  for (const confidence of [0.5, 0.9, 0.999]) {
    const { rules } = await index.calibrate({ k: 10, confidence })
    works.push(rules[0]?.targets.find(({ target }) => target === 0.95)?.vectors as number)
  }
  expect(works).toEqual([...works].sort((a, b) => a - b))
  expect(works[2]).toBeGreaterThan(works[0] as number)
})

test('an index says itself what recall its searches are to have, and nprobe overrules it', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  await index.calibrate({ k: 10 })
  index.recall = 0.9
  const asked = await index.search(queries)
  expect(asked.recallEstimate?.length).toBe(NQ)
  expect((await index.search(queries, { nprobe: 4 })).recallEstimate).toBeUndefined()
  index.recall = undefined
  expect((await index.search(queries, { recall: 0.9 })).ids).toEqual(asked.ids)
  expect((await index.search(queries)).recallEstimate).toBeUndefined()
})

test('the estimate is nothing for a query without neighbours, and the whole recall where every cell is visited', async () => {
  const index = await built('Flat')
  await index.calibrate({ k: 10 })
  const asked = new Float32Array(2 * DIM)
  asked.set(queries.subarray(0, DIM), DIM)
  const some = await index.search(asked, { recall: 0.9 })
  expect(some.counts).toEqual(Uint32Array.of(0, 10))
  expect(some.recallEstimate?.[0]).toBeNaN()
  expect(some.recallEstimate?.[1]).toBeGreaterThan(0)
  const all = await index.search(queries, { recall: 1 })
  expect(all.recallEstimate).toEqual(new Float32Array(NQ).fill(1))
  expect(all.work.vectors).toBe(NQ * COUNT)
})

test.each([3, 20])(
  'with a filter that every %ith passes, its nearest are found, and nothing is estimated',
  async (one) => {
    const index = await built('SQ4', { metric: 'l2' })
    await index.calibrate({ k: 10 })
    const passing = Array.from({ length: Math.ceil(COUNT / one) }, (_, i) => one * i)
    const rows = passing.map((row) => vectors.subarray(row * DIM, (row + 1) * DIM))
    const truth = await exactSearch(rows, queries, { k: 10, metric: 'l2', dim: DIM })
    const found = await index.search(queries, { recall: 0.9, filter: (id) => id % one === 0 })
    expect(found.recallEstimate).toBeUndefined()
    const named = { ids: truth.ids.map((i) => passing[i] as number), k: 10 }
    expect(recall(found, named, 10)).toBeGreaterThan(0.88)
  },
)

test('it is stale once more than a tenth came or went, and serves on', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  await index.calibrate({ k: 10 })
  await index.remove(Array.from({ length: COUNT / 20 }, (_, i) => 20 * i))
  expect(index.calibration?.stale).toBe(false)
  await index.add(vectors.subarray(0, (COUNT / 20 + 1) * DIM))
  expect(index.calibration?.stale).toBe(true)
  expect((await index.evaluate(queries, { recall: 0.9, singles: 0 })).recall).toBeGreaterThan(0.9 - BELOW)
  expect((await index.calibrate({ k: 10 })).stale).toBe(false)
})

test('when cells have changed, nothing is known any more; before, neither', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  expect(index.calibration).toBeUndefined()
  await index.calibrate({ k: 10 })
  await index.compact()
  expect(index.calibration).toBeDefined()
  await index.optimize({ cellSize: 50 })
  expect(index.nlist).toBeGreaterThan(128)
  expect(index.calibration).toBeUndefined()
})

test('the classes of the original calibrate, too', async () => {
  const settings = { nlist: 128, metric: 'cosine', kmeansMaxSteps: 40 } as const
  const indexes = [
    new FastIVF(DIM, settings),
    new FastIVFPQ(DIM, { ...settings, pqNumSubvectors: 12, pqNumCentroids: 64 }),
    new CompressedFastIVF(DIM, { ...settings, compressionNdim: 16, compressor: 'pca' }),
  ]
  opened.push(...indexes)
  for (const index of indexes) {
    await index.train(vectors)
    await index.calibrate({ k: 10 })
    for (const asked of [0.9, 0.95]) {
      const { found } = await delivered(index, asked, 'cosine')
      expect(found, `${index.constructor.name} ${asked}`).toBeGreaterThan(asked - BELOW)
      expect(found, `${index.constructor.name} ${asked}`).toBeLessThan(asked + ABOVE)
    }
  }
})

test('vectors that were removed are neither asked for nor found', async () => {
  const index = await built('SQ4', { metric: 'l2' })
  await index.remove(Array.from({ length: COUNT / 2 }, (_, i) => 2 * i))
  await index.add(queries.subarray(0, 500 * DIM))
  await index.calibrate({ k: 10 })
  const unseen = queries.subarray(500 * DIM)
  const found = await index.evaluate(unseen, { recall: 0.95, singles: 0 })
  expect(found.recall).toBeGreaterThan(0.95 - BELOW)
  expect(found.recall).toBeLessThan(0.95 + ABOVE)
  const ids = (await index.search(unseen, { recall: 0.95 })).ids
  expect(ids.some((id) => id < COUNT && id % 2 === 0)).toBe(false)
})
