import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { type CompressedFastIVF, type Progress, Projection } from '../../src/index.js'
import { similarity, supervised } from '../../src/projections/learned/learned.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { compressed, DIM, expectFinite, METRICS, sample } from './trained.js'

const LEARNED = ['similarity', 'supervised'] as const
const reason = new Error('enough')

describe('abort', () => {
  test.each(['AE12', 'NET12'])('ends the training of %s at once, with the signal’s reason', async (spec) => {
    const controller = new AbortController()
    let told = 0
    const onProgress = (): void => {
      told++
      controller.abort(reason)
    }
    const options = { spec, dim: DIM, threads: 0, signal: controller.signal, onProgress }
    await expect(Projection.train(sample, options)).rejects.toBe(reason)
    expect(told).toBe(1)
  })

  test('ends the training of PCA64 in its midst', async () => {
    const vectors = mixture(2000, 400, 3)
    for (const spec of ['PCA64', 'RR400']) {
      const controller = new AbortController()
      const training = Projection.train(vectors, { spec, dim: 400, threads: 0, signal: controller.signal })
      setImmediate(() => controller.abort(reason))
      await expect(training).rejects.toBe(reason)
    }
  })

  test.each(['AE12', 'NET12', 'PCA12', 'RR12', 'T12', 'L2norm'])('before the start trains no %s', async (spec) => {
    const options = { spec, dim: DIM, threads: 0, signal: AbortSignal.abort(reason) }
    await expect(Projection.train(sample, options)).rejects.toBe(reason)
    await expect(Projection.train([sample].values(), options)).rejects.toBe(reason)
  })

  test('a callback that throws ends it, too', async () => {
    const onProgress = (): never => {
      throw reason
    }
    await expect(Projection.train(sample, { spec: 'NET12', dim: DIM, threads: 0, onProgress })).rejects.toBe(reason)
  })
})

test('no memory is lost, however training ends', async () => {
  const engine = await createEngine({ threads: 0 })
  for (const metric of METRICS) {
    const training = { engine, metric, dim: DIM, sample: toMatrix(sample, DIM, 'x'), centroids: undefined, seed: 1 }
    for (const make of [similarity, supervised]) {
      const plan = make({ width: 12, batchSize: 64, stepsPerEpoch: 4, epochs: 2 })
      await plan.train({ ...training, options: {} })
      expect(engine.bytes).toBe(0)
      const controller = new AbortController()
      const onProgress = (): void => controller.abort(reason)
      await expect(plan.train({ ...training, options: { signal: controller.signal, onProgress } })).rejects.toBe(reason)
      expect(engine.bytes).toBe(0)
      const wild = make({ width: 12, stepsPerEpoch: 9, epochs: 1, learningRate: 1e30 })
      expect((await refusal(wild.train({ ...training, options: {} }))).code).toBe('ERR_NOT_FINITE')
      expect(engine.bytes).toBe(0)
    }
  }
  engine.close()
})

describe('progress', () => {
  test.each([
    ['similarity', { compressorStepsPerEpoch: 7, compressorEpochs: 3 }],
    ['similarity', { compressorStepsPerEpoch: 1, compressorEpochs: 1 }],
    ['similarity', { compressorStepsPerEpoch: -1, compressorEpochs: 2 }],
    ['supervised', { compressorStepsPerEpoch: 25, compressorEpochs: 3 }],
    ['supervised', { compressorStepsPerEpoch: 1, compressorEpochs: 2 }],
    ['supervised', { compressorStepsPerEpoch: -1, compressorEpochs: 2 }],
  ] as const)('of %s rises to its end: %o', async (compressor, schedule) => {
    const seen: Progress[] = []
    const index = await compressed({ compressor, ...schedule }, sample, (progress) => seen.push(progress))
    const told = seen.filter(({ phase }) => phase === 'compress')
    expect(told.length).toBeGreaterThan(0)
    const { total } = told[0]!
    expect(told.at(-1)).toMatchObject({ done: total, total })
    expect(told.map(({ total }) => total)).toEqual(told.map(() => total))
    for (const [i, { done, epoch, loss, accuracy, top10Accuracy }] of told.entries()) {
      expect(done).toBeGreaterThan(told[i - 1]?.done ?? 0)
      expect(epoch).toBeGreaterThanOrEqual(told[i - 1]?.epoch ?? 1)
      expect(Number.isFinite(loss)).toBe(true)
      if (compressor === 'similarity') expect([accuracy, top10Accuracy]).toEqual([undefined, undefined])
      else {
        expect(accuracy).toBeGreaterThanOrEqual(0)
        expect(accuracy).toBeLessThanOrEqual(top10Accuracy!)
        // Of eight cells every one is among the ten likeliest.
        expect(top10Accuracy).toBe(1)
      }
    }
    if (compressor === 'supervised') expect(told.at(-1)!.epoch).toBe(schedule.compressorEpochs)
    await index.close()
  })

  test('the loss falls', async () => {
    for (const compressor of LEARNED) {
      const seen: number[] = []
      const schedule = { compressorStepsPerEpoch: 40, compressorEpochs: 4 }
      const index = await compressed(
        { compressor, ...schedule },
        sample,
        ({ loss }) => loss !== undefined && seen.push(loss),
      )
      expect(seen.at(-1)).toBeLessThan(0.9 * seen[0]!)
      await index.close()
    }
  })
})

describe('the seed', () => {
  test.each(LEARNED.flatMap((compressor) => METRICS.map((metric) => [compressor, metric] as const)))(
    'decides %s by %s, the number of threads does not, however large the work',
    async (compressor, metric) => {
      // Batches that are worth a pool of threads.
      const batch = { compressorBatchSize: compressor === 'similarity' ? 704 : 30_000, compressorStepsPerEpoch: 2 }
      const vectors = mixture(1500, DIM, 6)
      const train = async (seed: number, threads: number) => {
        const index = await compressed({ compressor, metric, seed, threads, ...batch, compressorEpochs: 1 }, vectors)
        const { parameters } = index.projection!
        await index.close()
        return parameters
      }
      const [one, two, other] = [await train(5, 0), await train(5, 2), await train(6, 0)]
      expectSame(two.weight!, one.weight!)
      expectSame(two.bias ?? [], one.bias ?? [])
      expect(other.weight).not.toEqual(one.weight)
    },
  )

  test.each(['PCA12', 'RR12'])('decides %s', async (spec) => {
    const vectors = mixture(6000, DIM, 6)
    const train = async (seed: number, threads: number) => {
      const projection = await Projection.train(vectors, { spec, dim: DIM, seed, threads })
      await projection.close()
      return projection.parameters.weight!
    }
    const [one, two, other] = [await train(5, 0), await train(5, 2), await train(6, 0)]
    expectSame(two, one)
    if (spec === 'RR12') expect(other).not.toEqual(one)
  })
})

describe('too large a step', () => {
  test.each(LEARNED.flatMap((compressor) => METRICS.map((metric) => [compressor, metric] as const)))(
    'of %s by %s is refused by name, and the index is untrained as it was',
    async (compressor, metric) => {
      let index: CompressedFastIVF | undefined
      const own = { compressor, metric, compressorLearningRate: 1e30, compressorStepsPerEpoch: 20 }
      const error = await refusal(compressed(own, sample, undefined, (made) => (index = made)))
      expect(error.code).toBe('ERR_NOT_FINITE')
      expect(error.message).toMatch(/learning rate of 1e\+30.*compressorLearningRate/)
      expect([index!.trained, index!.size, index!.bytes]).toEqual([false, 0, 0])
      expect((await refusal(index!.search(sample))).code).toBe('ERR_NOT_TRAINED')
      expect((await refusal(index!.train(sample))).code).toBe('ERR_NOT_FINITE')
      await index!.close()
    },
  )
})

test.each(LEARNED)(
  'too large a step at the very end of %s is told as well, not blamed on the vectors',
  async (compressor) => {
    for (const metric of METRICS) {
      for (const compressorStepsPerEpoch of [1, 2]) {
        for (const compressorLearningRate of [1e19, 1e30, 1e39, Infinity]) {
          const own = { compressor, metric, compressorLearningRate, compressorStepsPerEpoch, compressorEpochs: 1 }
          const error = await refusal(compressed(own, sample.subarray(0, 100 * DIM)))
          expect(error.code).toBe('ERR_NOT_FINITE')
          expect(error.message).toMatch(/learning rate of .*compressorLearningRate/)
        }
      }
    }
  },
)

describe('few vectors', () => {
  test.each(METRICS)('by %s are refused where they cannot teach, and else are enough', async (metric) => {
    const few = sample.subarray(0, 5 * DIM)
    for (const spec of ['AE12', 'PCA12', 'PCAC12']) {
      const error = await refusal(Projection.train(few, { spec, metric, dim: DIM, threads: 0 }))
      expect(error).toMatchObject({
        code: 'ERR_TOO_FEW',
        message: expect.stringMatching(/5 vectors cannot teach .*12.* give/),
      })
    }
    for (const spec of ['RR12', 'T12', 'L2norm']) {
      const projection = await Projection.train(few, { spec, metric, dim: DIM, threads: 0 })
      expectFinite(await projection.apply(sample))
      await projection.close()
    }
    for (const rows of [1, 2, 5]) {
      const options = { compressor: 'supervised', metric, nlist: 1, nprobe: 1 } as const
      const index = await compressed(options, sample.subarray(0, rows * DIM))
      expect((await index.search(sample.subarray(0, DIM), { k: 1, rescoreFactor: 5 })).ids[0]).toBe(0)
      await index.close()
    }
  })

  test('the fewest that teach, do', async () => {
    for (const metric of METRICS) {
      const index = await compressed(
        { compressor: 'similarity', metric, nlist: 2, nprobe: 2 },
        sample.subarray(0, 64 * DIM),
      )
      expectFinite(index.projection!.parameters.weight, index.projection!.parameters.bias)
      await index.close()
    }
    const [rows, dim] = [40, 40]
    const own = await Projection.train(mixture(rows, dim, 1), { spec: 'PCA40', dim, threads: 0, metric: 'l2' })
    expectFinite(own.parameters.weight, own.parameters.bias)
    await own.close()
  })
})
