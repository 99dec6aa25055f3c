import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { type Compressor, exactSearch, type Metric, Projection, recall } from '../../src/index.js'
import { similarity, supervised } from '../../src/projections/learned/learned.js'
import { pca } from '../../src/projections/pca/pca.js'
import { random } from '../../src/projections/random/random.js'
import { truncate } from '../../src/projections/truncate/truncate.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { plainProjection } from './plain.js'
import { compressed, DIM, expectFinite, METRICS, sample } from './trained.js'

const COMPRESSORS = ['similarity', 'supervised', 'pca', 'random'] as const satisfies Compressor[]
const cases = COMPRESSORS.flatMap((compressor) => METRICS.map((metric) => [compressor, metric] as const))

describe.each(cases)('%s by %s', (compressor, metric) => {
  test('vectors that are all equal are found, each once', async () => {
    const equal = sample.map((_, i) => sample[i % DIM]!)
    const index = await compressed({ compressor, metric }, equal)
    expectFinite(index.projection!.parameters.weight, index.projection!.parameters.bias)
    for (const rescore of [false, true]) {
      const found = (await index.search(equal.subarray(0, DIM), { k: 500, rescore })).of(0)
      expect(new Set(found.map(({ id }) => id)).size).toBe(400)
      expectFinite(found.map(({ score }) => score))
    }
    await index.close()
  })

  test('vectors that are all zero are learned from; by cosine they are no answers', async () => {
    const index = await compressed({ compressor, metric }, new Float32Array(400 * DIM))
    expectFinite(index.projection!.parameters.weight, index.projection!.parameters.bias)
    expect(index.size).toBe(400)
    const { counts } = await index.search(sample.subarray(0, DIM), { k: 500 })
    expect(counts[0]).toBe(metric === 'cosine' ? 0 : 400)
    await index.close()
  })

  test('a few vectors that are zero, or all alike, do not spoil the rest', async () => {
    const mixed = sample.slice()
    mixed.fill(0, 0, 40 * DIM)
    for (let i = 40; i < 120; i++) mixed.copyWithin(i * DIM, 200 * DIM, 201 * DIM)
    const index = await compressed({ compressor, metric }, mixed)
    const query = mixed.subarray(300 * DIM)
    const found = await index.search(query, { k: 10, rescoreFactor: 40 })
    const truth = await exactSearch(mixed, query, { k: 10, dim: DIM, metric, threads: 0 })
    expect(recall(found, truth, 10)).toBeGreaterThan(0.999)
    await index.close()
  })

  test('vectors very small or large are found as well as others', async () => {
    const usual = await found(sample, compressor, metric)
    for (const size of [1e-20, 1e-15, 1e15]) {
      const own = await found(
        sample.map((value) => value * size),
        compressor,
        metric,
      )
      // As good as what is learned from vectors of usual size.
      expect(own, `size ${size}`).toBeGreaterThan(usual - 0.03)
    }
  })
})

test('a batch of equal vectors among others leaves the network a scale', async () => {
  const [dim, engine] = [3, await createEngine({ threads: 0 })]
  for (const seed of [83, 151]) {
    const rows = mixture(1000, dim, seed)
    for (let i = 1; i < 985; i++) rows.copyWithin(i * dim, 0, dim)
    const training = {
      engine,
      metric: 'l2',
      dim,
      sample: toMatrix(rows, dim, 'x'),
      centroids: undefined,
      seed,
    } as const
    const plan = supervised({ width: 2, batchSize: 100, stepsPerEpoch: 13, epochs: 1 })
    const { weight, bias } = await plan.train({ ...training, options: {} })
    expectFinite(weight, bias)
    expect(Math.hypot(...weight!)).toBeGreaterThan(0.01)
  }
  engine.close()
})

test.each(METRICS)('of any dim, by %s, any number of components is learned', async (metric) => {
  const engine = await createEngine({ threads: 0 })
  for (const dim of [1, 2, 3, 5, 15, 16, 17, 33]) {
    const rows = mixture(150, dim, dim)
    for (const width of new Set([1, Math.ceil(dim / 2), dim])) {
      for (const make of [similarity, supervised, pca, random, truncate]) {
        const plan = make({ width, stepsPerEpoch: 2, epochs: 1, batchSize: 40 })
        const training = { engine, metric, dim, sample: toMatrix(rows, dim, 'x'), centroids: undefined, seed: 1 }
        const parameters = await plan.train({ ...training, options: {} })
        expect([parameters.dim, parameters.width, parameters.metric]).toEqual([dim, width, metric])
        const projection = Projection.of(parameters, { threads: 0 })
        expectNearly(await projection.apply(rows), plainProjection(parameters, rows))
        await projection.close()
      }
    }
  }
  expect(engine.bytes).toBe(0)
  engine.close()
})

describe('batches', () => {
  test('teach what their vectors teach at once', async () => {
    async function* slowly() {
      const buffer = new Float32Array(100 * DIM)
      for (let from = 0; from < 400; from += 100) {
        buffer.set(sample.subarray(from * DIM, (from + 100) * DIM))
        yield buffer
      }
    }
    for (const spec of ['PCA12', 'PCAC12', 'RR12', 'T12', 'L2norm']) {
      const options = { spec, dim: DIM, metric: 'l2', threads: 0 } as const
      const whole = await Projection.train(sample, options)
      const parts = [sample.subarray(0, 7 * DIM), [], [...sample.subarray(7 * DIM)]]
      for (const batches of [parts.values(), slowly()]) {
        const own = await Projection.train(batches, options)
        expect(own.parameters).toEqual(whole.parameters)
        await own.close()
      }
      await whole.close()
    }
  })

  test('without end are read no further than is needed, and told to end', async () => {
    let [given, ended] = [0, false]
    function* endless() {
      try {
        for (;;) {
          given += 10_000
          yield mixtureOf16
        }
      } finally {
        ended = true
      }
    }
    const projection = await Projection.train(endless(), { spec: 'PCA2', dim: 16, threads: 0 })
    expect(given).toBeGreaterThanOrEqual(65_536)
    expect(given).toBeLessThan(200_000)
    expect(ended).toBe(true)
    await projection.close()
  })

  test('of which the second is wrong are refused, naming its row', async () => {
    const bad = sample.slice()
    bad[3 * DIM] = Number.NaN
    const training = Projection.train([sample, bad].values(), { spec: 'PCA12', dim: DIM, threads: 0 })
    await expect(training).rejects.toMatchObject({ code: 'ERR_NOT_FINITE', message: expect.stringMatching(/row 403 /) })
  })
})

const mixtureOf16 = mixture(10_000, 16, 1)

/** Within a few last bits of the longest. */
function expectNearly(found: Float32Array, expected: Float64Array): void {
  const size = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
  found.forEach((value, i) => {
    if (!(Math.abs(value - expected[i]!) < 3e-5 * size)) throw new Error(`number ${i} is ${value}, not ${expected[i]}`)
  })
}

/** recall@10 of the first vectors by compressed ones, all finite. */
async function found(vectors: Float32Array, compressor: Compressor, metric: Metric): Promise<number> {
  const index = await compressed({ compressor, metric }, vectors)
  expectFinite(index.projection!.parameters.weight, index.projection!.parameters.bias)
  const queries = vectors.subarray(0, 40 * DIM)
  const result = await index.search(queries, { k: 10 })
  expectFinite(result.scores)
  expectSame(result.counts, new Array(40).fill(10))
  const truth = await exactSearch(vectors, queries, { k: 10, dim: DIM, metric, threads: 0 })
  await index.close()
  return recall(result, truth, 10)
}
