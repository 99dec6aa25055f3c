import { describe, expect, test } from 'vitest'
import {
  exactSearch,
  FastIVF,
  FastIVFPQ,
  IvfIndex,
  type IvfIndexSearchOptions,
  KMeans,
  type Metric,
  MiniBatchKMeans,
  type SearchResult,
} from '../../src/index.js'
import { mixture } from '../mixture.js'

const DIM = 40
const base = mixture(12000, DIM, 31)
const more = mixture(3000, DIM, 32)
const queries = mixture(700, DIM, 33)

/** The bytes of arrays, NaN padding and all. */
function bytes(...arrays: ArrayBufferView[]): Buffer {
  return Buffer.concat(
    arrays.map(({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength)),
  )
}

async function onAnyThreads(work: (threads: number) => Promise<Buffer>): Promise<void> {
  const inline = await work(0)
  for (const threads of [1, 2, 4]) expect((await work(threads)).equals(inline), `${threads} threads`).toBe(true)
}

async function indexed(threads: number, metric: Metric): Promise<FastIVF> {
  const index = new FastIVF(DIM, { nlist: 128, metric, threads, kmeansMaxSteps: 12, seed: 5 })
  await index.train(base)
  await index.add(more)
  return index
}

describe('the same bytes on any number of threads', () => {
  test.each(['cosine', 'ip', 'l2'] as const)('FastIVF: train, add, search by %s', (metric) =>
    onAnyThreads(async (threads) => {
      const index = await indexed(threads, metric)
      const found = await index.search(queries, { k: 30, nprobe: 40, ratioThreshold: 0.3 })
      expect(found.work.vectors).toBeGreaterThan(1e6)
      const all = bytes(index.centroids, index.cellSizes, found.ids, found.scores, found.counts)
      await index.close()
      return all
    }),
  )

  test.each(['cosine', 'ip', 'l2'] as const)('exactSearch by %s, of vectors with many equals', (metric) =>
    onAnyThreads(async (threads) => {
      const coarse = base.map((x) => Math.round(x))
      const found = await exactSearch(coarse, queries.subarray(0, 60 * DIM), { k: 50, metric, dim: DIM, threads })
      return bytes(found.ids, found.scores, found.counts)
    }),
  )

  test('KMeans and MiniBatchKMeans', () =>
    onAnyThreads(async (threads) => {
      const [one, two] = [
        new KMeans(100, { iterations: 4, threads, dim: DIM }),
        new MiniBatchKMeans(100, { batchSize: 2000, maxSteps: 6, threads, dim: DIM }),
      ]
      await one.train(base)
      await two.train(base)
      return bytes(one.centroids, two.centroids, await one.predict(more), await two.predict(more))
    }))
})

describe('codes: the same bytes on any number of threads', () => {
  // Many cells are chosen by an index of their own.
  test.each([
    ['IVF64,SQ1', 'cosine'],
    ['IVF64,SQ2', 'l2'],
    ['IVF64,SQ4', 'ip'],
    ['IVF64,SQ8', 'cosine'],
    ['IVF600,SQ1', 'l2'],
    ['IVF600,SQ4', 'cosine'],
    ['IVF64,PQ20x4', 'l2'],
    ['IVF64,PQ10x6', 'ip'],
    ['OPQ20,IVF64,PQ20x4', 'cosine'],
    ['IVF64s,SQ4', 'l2'],
    ['IVF64s,PQ20x4', 'cosine'],
  ] as const)('IvfIndex %s: build, add, search by %s', (spec, metric) =>
    onAnyThreads(async (threads) => {
      const options = { spec, metric, dim: DIM, threads, kmeansIterations: 3, kmeansPointsPerCentroid: 32, seed: 5 }
      const index = await IvfIndex.build(base, { calibrate: false, ...options })
      await index.add(more)
      const nprobe = spec.includes('600') ? 36 : 40
      const bounded = spec.includes('SQ')
      const asked: IvfIndexSearchOptions[] = [
        ...[{}, { rescore: false }, { rescoreFactor: 3 }, { rescoreNumSamples: 8 }],
        ...(bounded ? [{ epsilon: 0.5 }, { epsilon: 3, k: 1 }, { rescore: false, confidence: true }] : []),
      ]
      const found: SearchResult[] = []
      for (const one of asked) found.push(await index.search(queries, { k: 20, nprobe, ...one }))
      const all = found.map(({ ids, scores, counts, errors, confidences, work }) =>
        bytes(
          ids,
          scores,
          counts,
          errors ?? ids,
          confidences ?? ids,
          Float64Array.of(work.vectors, work.cells, work.rescored),
        ),
      )
      if (!spec.includes('600')) expect(found[0]?.work.vectors).toBeGreaterThan(5e6)
      all.push(bytes(index.centroids, index.cellSizes, Float64Array.of(index.bytes)))
      await index.close()
      return Buffer.concat(all)
    }),
  )

  test.each([16, 40])('FastIVFPQ of %i codewords: train, add, search', (pqNumCentroids) =>
    onAnyThreads(async (threads) => {
      const pq = { pqNumSubvectors: 20, pqNumCentroids, kmeansPqMaxSteps: 20 }
      const index = new FastIVFPQ(DIM, { nlist: 64, threads, kmeansMaxSteps: 12, seed: 5, ...pq })
      await index.train(base)
      await index.add(more)
      const parts: Buffer[] = []
      for (const options of [
        {},
        { rescore: true },
        { rescore: true, rescoreNumSamples: 10 },
        { rescoreFactor: 2, sort: false },
      ]) {
        const found = await index.search(queries, { k: 30, nprobe: 40, ratioThreshold: 0.2, ...options })
        parts.push(bytes(found.ids, found.scores, found.counts))
      }
      await index.close()
      return Buffer.concat(parts)
    }),
  )
})

describe('one pool', () => {
  test('serves several indexes and exact searches at once', async () => {
    const indexes = await Promise.all([indexed(2, 'cosine'), indexed(2, 'l2'), indexed(4, 'ip')])
    const alone: Buffer[] = []
    const ask = async (i: number): Promise<Buffer> => {
      const index = indexes[i % 3] as FastIVF
      const found =
        i < 3
          ? await index.search(queries, { k: 20, nprobe: 32 })
          : await exactSearch(base, queries.subarray(0, 80 * DIM), { dim: DIM, threads: 2 })
      return bytes(found.ids, found.scores)
    }
    for (let i = 0; i < 4; i++) alone.push(await ask(i))
    const together = await Promise.all(Array.from({ length: 12 }, (_, i) => ask(i % 4)))
    together.forEach((found, i) => expect(found.equals(alone[i % 4] as Buffer)).toBe(true))
    await Promise.all(indexes.map((index) => index.close()))
  })

  test.each([0, 2])('close() waits for what is in progress and refuses what comes: %i threads', async (threads) => {
    const index = await indexed(threads, 'cosine')
    const running = [
      index.search(queries, { k: 10, nprobe: 64 }),
      index.add(more),
      index.search(queries.subarray(0, DIM)),
    ]
    const closed = index.close()
    await expect(index.search(queries)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(index.add(more)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect((await Promise.allSettled(running)).map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
    ])
    await closed
    await index.close()
  })

  test.each([0, 2])(
    'an aborted call rejects with the reason and leaves the index usable: %i threads',
    async (threads) => {
      const index = await indexed(threads, 'cosine')
      const before = await index.search(queries, { k: 5 })
      const reason = new Error('enough')
      const many = new Float32Array(base.length * 5)
      for (let i = 0; i < 5; i++) many.set(base, i * base.length)
      for (const call of [
        (signal: AbortSignal) => index.train(many, { signal }),
        (signal: AbortSignal) => index.add(many, { signal }),
        (signal: AbortSignal) => index.search(many, { nprobe: 128, ratioThreshold: 0, signal }),
        (signal: AbortSignal) => exactSearch(many, base, { dim: DIM, threads, signal }),
      ]) {
        const controller = new AbortController()
        const running = call(controller.signal)
        setTimeout(() => controller.abort(reason), 3)
        await expect(running).rejects.toBe(reason)
      }
      const after = await index.search(queries, { k: 5 })
      expect(bytes(after.ids, after.scores).equals(bytes(before.ids, before.scores))).toBe(true)
      expect(index.size).toBe(15000)
      await index.close()
    },
  )
})
