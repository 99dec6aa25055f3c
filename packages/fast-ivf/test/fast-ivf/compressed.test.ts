import { describe, expect, test } from 'vitest'
import {
  CompressedFastIVF,
  type CompressedFastIVFOptions,
  type Compressor,
  exactSearch,
  FastIVF,
  type Progress,
  Projection,
  recall,
} from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NQ] = [48, 4000, 60]
const all = mixture(COUNT + NQ, DIM, 4)
const [vectors, queries] = [all.subarray(0, COUNT * DIM), all.subarray(COUNT * DIM)]
const truth = await exactSearch(vectors, queries, { k: 10, dim: DIM, threads: 0 })
const COMPRESSORS = ['similarity', 'supervised', 'pca', 'random'] as const satisfies Compressor[]
const small = { nlist: 32, compressionNdim: 16, threads: 0 } as const
/** The supervised network needs not be good here. */
const quick = { compressorStepsPerEpoch: 50, compressorEpochs: 4 } as const

async function trained(options: Partial<CompressedFastIVFOptions> = {}): Promise<CompressedFastIVF> {
  const index = new CompressedFastIVF(DIM, { ...small, ...quick, ...options })
  await index.train(vectors)
  return index
}

/** recall@10 in 8 cells, about .03 below what was measured: by compressed vectors, and rescored. */
const FLOORS: Record<Compressor, [bare: number, rescored: number]> = {
  similarity: [0.65, 0.99],
  supervised: [0.36, 0.94],
  pca: [0.66, 0.99],
  random: [0.41, 0.96],
}

describe.each(COMPRESSORS)('%s', (compressor) => {
  test('finds most, and rescored hardly less than without compression', async () => {
    const index = await trained({ compressor })
    const how = { k: 10, nprobe: 8, ratioThreshold: 0 }
    const bare = recall(await index.search(queries, how), truth, 10)
    const rescored = recall(await index.search(queries, { ...how, rescoreFactor: 10 }), truth, 10)
    expect(bare).toBeGreaterThan(FLOORS[compressor][0])
    expect(rescored).toBeGreaterThan(FLOORS[compressor][1])
    expect(index.projection?.width).toBe(16)
    await index.close()
  })

  test('is the same for the same seed, whatever the number of threads', async () => {
    const [one, two] = [await trained({ compressor, seed: 7 }), await trained({ compressor, seed: 7, threads: 2 })]
    expect(two.projection?.parameters).toEqual(one.projection?.parameters)
    expect(await two.search(queries)).toEqual(await one.search(queries))
    await one.close()
    await two.close()
  })

  test('tells how far it has come, and stops when asked', async () => {
    const seen: Progress[] = []
    const index = new CompressedFastIVF(DIM, { ...small, ...quick, compressor })
    await index.train(vectors, { onProgress: (progress) => seen.push(progress) })
    const learning = seen.filter(({ phase }) => phase === 'compress')
    const learns = compressor === 'similarity' || compressor === 'supervised'
    expect(learning.length > 0).toBe(learns)
    learning.forEach(({ done, total, epoch, loss }, i) => {
      expect(done).toBeGreaterThan(learning[i - 1]?.done ?? 0)
      expect(done).toBeLessThanOrEqual(total)
      expect(epoch).toBe(Math.ceil((done * quick.compressorEpochs) / total))
      expect(Number.isFinite(loss)).toBe(true)
    })
    if (learns) expect(learning.at(-1)?.done).toBe(learning.at(-1)?.total)
    const stop = new AbortController()
    const phase = learns ? 'compress' : 'assign'
    const aborted = index.train(vectors, {
      signal: stop.signal,
      onProgress: (progress) => progress.phase === phase && stop.abort(new Error('enough')),
    })
    await expect(aborted).rejects.toThrow('enough')
    // What was trained before is still there.
    expect(index.size).toBe(COUNT)
    await index.close()
  })
})

test('supervised tells accuracy by epoch, and learns to tell cells apart', async () => {
  const seen: Progress[] = []
  const index = new CompressedFastIVF(DIM, {
    ...small,
    ...{ compressor: 'supervised', compressorStepsPerEpoch: -1, compressorEpochs: 20 },
  })
  await index.train(vectors, { onProgress: (progress) => progress.phase === 'compress' && seen.push(progress) })
  const ends = seen.filter((progress, i) => seen[i + 1]?.epoch !== progress.epoch)
  // One pass over 4,000 vectors by 128.
  expect(ends.map(({ done }) => done)).toEqual(Array.from({ length: 20 }, (_, i) => 32 * (i + 1)))
  const [first, last] = [ends[0]!, ends.at(-1)!]
  expect(last.loss).toBeLessThan(first.loss! / 2)
  expect(last.accuracy).toBeGreaterThan(0.7)
  expect(last.top10Accuracy).toBeGreaterThan(0.97)
  await index.close()
})

test('has the defaults of the original', () => {
  const index = new CompressedFastIVF(DIM, { nlist: 32, compressionNdim: 16 })
  expect([index.nprobe, index.ratioThreshold, index.rescoreNumSamples, index.keep]).toEqual([10, 0.5, -1, 'f32'])
  expect([index.compressionNdim, index.trained]).toEqual([16, false])
})

test('cells are those of the vectors themselves', async () => {
  const index = await trained({ compressor: 'pca' })
  const plain = new FastIVF(DIM, { nlist: 32, threads: 0 })
  await plain.train(vectors)
  expect(index.centroids).toEqual(plain.centroids)
  expect(index.cellSizes).toEqual(plain.cellSizes)
  const [one, two] = [await index.search(queries, { k: 5 }), await plain.search(queries, { k: 5 })]
  expect([one.work.cells, one.work.vectors]).toEqual([two.work.cells, two.work.vectors])
  await index.close()
  await plain.close()
})

test('rescoring all gives the exact scores; calibrating keeps the order and comes near them', async () => {
  const index = await trained({ compressor: 'pca' })
  const k = 100
  index.ratioThreshold = 0
  const plain = await index.search(queries, { k })
  const exact = await index.search(queries, { k, rescore: true, sort: false })
  expect(exact.ids).toEqual(plain.ids)
  const calibrated = await index.search(queries, { k, rescoreNumSamples: 20 })
  expect(calibrated.ids).toEqual(plain.ids)
  const gap = (scores: Float32Array): number => Math.hypot(...scores.map((score, i) => score - exact.scores[i]!))
  expect(gap(calibrated.scores)).toBeLessThan(0.6 * gap(plain.scores))
  expect(calibrated.work.rescored).toBeLessThanOrEqual(NQ * 25)
  const sorted = await index.search(queries, { k, rescore: true })
  for (let q = 0; q < NQ; q++) {
    const { scores } = sorted
    for (let j = 1; j < k; j++) expect(scores[q * k + j]!).toBeLessThanOrEqual(scores[q * k + j - 1]!)
  }
  await index.close()
})

test('a projection can be given: an index of given centroids answers as the one that they are of', async () => {
  const index = await trained({ compressor: 'similarity' })
  const projection = await Projection.fromSafetensors(await index.projection!.toSafetensors(), { threads: 0 })
  const again = await CompressedFastIVF.fromCentroids(index.centroids, { projection, dim: DIM, threads: 0 })
  await again.add(vectors)
  expect(await again.search(queries)).toEqual(await index.search(queries))
  const options = { ...small, projection, compressionNdim: 8 }
  const other = await refusal(() => new CompressedFastIVF(DIM, options))
  expect([other.code, other.message.includes('AE16 gives 16 components')]).toEqual(['ERR_DIM', true])
  const narrow = await refusal(() => new CompressedFastIVF(40, { ...small, projection }))
  expect([narrow.code, narrow.message.includes('takes vectors of dim 48')]).toEqual(['ERR_DIM', true])
  const metric = await refusal(() => new CompressedFastIVF(DIM, { ...small, projection, metric: 'l2' }))
  expect(metric.message).toContain("trained for metric 'cosine'")
  await index.close()
  await again.close()
  await projection.close()
})

test('what cannot be had is told before any work', async () => {
  const make = (options: object): Promise<{ code: string; message: string }> =>
    refusal(() => new CompressedFastIVF(DIM, { ...small, ...options }))
  expect(await make({ compressionNdim: 64 })).toMatchObject({ code: 'ERR_DIM', message: expect.stringContaining('48') })
  for (const options of [
    { compressionNdim: 0 },
    { compressionNdim: undefined },
    { compressor: 'autoencoder' },
    { compressorBatchSize: 0 },
    { compressorStepsPerEpoch: 0 },
    { compressorStepsPerEpoch: -2 },
    { compressorEpochs: 1.5 },
    { compressorLearningRate: Number.NaN },
    { rescoreNumSamples: -2 },
    { keep: 'f64' },
  ]) {
    expect((await make(options)).code).toBe('ERR_ARGUMENT')
  }
})

test('a loss that is not finite is an error that names the learning rate, and leaves the index as it was', async () => {
  for (const compressor of ['similarity', 'supervised'] as const) {
    const index = new CompressedFastIVF(DIM, { ...small, ...quick, compressor, compressorLearningRate: 1e35 })
    const error = await refusal(index.train(vectors))
    expect(error.code).toBe('ERR_NOT_FINITE')
    expect(error.message).toContain('compressorLearningRate')
    expect(index.trained).toBe(false)
    await index.close()
  }
})

test('fewer vectors than are needed are told', async () => {
  const index = new CompressedFastIVF(DIM, { nlist: 4, compressionNdim: 16, threads: 0 })
  const error = await refusal(index.train(vectors.subarray(0, 30 * DIM)))
  expect([error.code, error.message.includes('30 vectors')]).toEqual(['ERR_TOO_FEW', true])
  await index.close()
})

test('in every metric compressed vectors rank as rescoring does, nearly', async () => {
  for (const metric of ['ip', 'l2'] as const) {
    const exact = await exactSearch(vectors, queries, { k: 10, metric, dim: DIM, threads: 0 })
    const index = await trained({ metric })
    const how = { k: 10, nprobe: 32 }
    expect(recall(await index.search(queries, how), exact, 10)).toBeGreaterThan(0.55)
    expect(recall(await index.search(queries, { ...how, rescoreFactor: 10 }), exact, 10)).toBeGreaterThan(0.95)
    await index.close()
  }
})
