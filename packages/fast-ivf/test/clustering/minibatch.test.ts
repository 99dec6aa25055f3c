import { describe, expect, test } from 'vitest'
import {
  MiniBatchKMeans,
  type MiniBatchKMeansOptions,
  SubspaceMiniBatchKMeans,
  SubvectorsMiniBatchKMeans,
  type Vectors,
} from '../../src/index.js'
import { mixture } from '../mixture.js'
import { pieces, slowly } from './pieces.js'
import { rowsOf } from './reference.js'

const DIM = 12
const COUNT = 900
const vectors = mixture(COUNT, DIM, 1)
const _more = mixture(70, DIM, 2)
const tensor = (data: Float32Array): { data: Float32Array; dims: [number, number] } => ({
  data,
  dims: [data.length / DIM, DIM],
})

function make(options: Partial<MiniBatchKMeansOptions> = {}): MiniBatchKMeans {
  return new MiniBatchKMeans(10, { batchSize: 64, maxSteps: 25, dim: DIM, ...options })
}

async function trained(
  options: Partial<MiniBatchKMeansOptions> = {},
  data: Vectors = vectors,
): Promise<MiniBatchKMeans> {
  const kmeans = make(options)
  await kmeans.train(data)
  return kmeans
}

describe('training', () => {
  test('gives the same centroids for the same seed on any number of threads', async () => {
    // Large enough for the pool: 256 · 1024 · 96 multiply-adds a step.
    const wide = { data: mixture(3000, 96, 3), dims: [3000, 96] }
    const centroids = await Promise.all(
      [0, 1, 2, 4].map(async (threads) => {
        const kmeans = new MiniBatchKMeans(256, { batchSize: 1024, maxSteps: 14, threads })
        await kmeans.train(wide)
        const found = kmeans.centroids
        await kmeans.close()
        return found
      }),
    )
    for (const found of centroids) expect(found).toEqual(centroids[0])
  })

  test('another seed gives other centroids', async () => {
    expect((await trained({ seed: 2 })).centroids).not.toEqual((await trained({ seed: 1 })).centroids)
    expect((await trained({ seed: 1 })).centroids).toEqual((await trained()).centroids)
  })

  test('takes batches from every kind of iterable', async () => {
    const sizes = [40, 7, 100]
    const kinds = {
      array: () => [...pieces(vectors, DIM, ...sizes)].map(tensor).values(),
      generator: () => pieces(vectors, DIM, ...sizes),
      async: () => slowly(pieces(vectors, DIM, ...sizes)),
    }
    const wanted = make()
    await wanted.train(kinds.generator())
    for (const batches of Object.values(kinds)) {
      const kmeans = make()
      await kmeans.train(batches())
      expect(kmeans.centroids).toEqual(wanted.centroids)
    }
    const set = make()
    await set.train(new Set(pieces(vectors, DIM, ...sizes)))
    expect(set.centroids).toEqual(wanted.centroids)
  })

  test('finds out dim from tensors, rows and batches of them, and cannot from flat arrays', async () => {
    const inputs = [
      tensor(vectors),
      rowsOf(vectors, DIM),
      [...pieces(vectors, DIM, 100)].map(tensor).values(),
      [...pieces(vectors, DIM, 100)].map((part) => rowsOf(part, DIM)).values(),
    ]
    for (const input of inputs) {
      const kmeans = new MiniBatchKMeans(3, { batchSize: 20, maxSteps: 3 })
      await kmeans.train(input)
      expect(kmeans.centroids.length).toBe(3 * DIM)
      expect((await kmeans.predict(vectors)).length).toBe(COUNT)
    }
    await expect(new MiniBatchKMeans(3, { batchSize: 20 }).train(vectors)).rejects.toMatchObject({ code: 'ERR_DIM' })
  })

  test('leaves out empty batches and reads a buffer that the producer uses again', async () => {
    const wanted = make()
    await wanted.train(pieces(vectors, DIM, 60))
    const reused = new Float32Array(60 * DIM)
    const kmeans = make()
    await kmeans.train(
      (function* () {
        yield []
        for (const piece of pieces(vectors, DIM, 60)) {
          reused.set(piece)
          yield reused
          yield new Float32Array(0)
        }
      })(),
    )
    expect(kmeans.centroids).toEqual(wanted.centroids)
  })

  test('closes an iterable that it needs no more of', async () => {
    let [given, closed] = [0, 0]
    async function* endless(): AsyncGenerator<Float32Array> {
      try {
        for (;;) {
          given++
          yield vectors
        }
      } finally {
        closed++
      }
    }
    await make({ maxSteps: 5 }).train(endless())
    expect([given, closed]).toEqual([6, 1])
  })

  test('ends with its batches', async () => {
    const kmeans = make({ maxSteps: 1000 })
    let steps = 0
    await kmeans.train(pieces(vectors, DIM, 90), { onProgress: ({ done }) => (steps = done) })
    expect(steps).toBe(9)
  })

  test('starts afresh when called again, with another dim as well', async () => {
    const kmeans = new MiniBatchKMeans(10, { batchSize: 64, maxSteps: 25 })
    await kmeans.train({ data: mixture(100, 5, 1), dims: [100, 5] })
    await kmeans.add(mixture(10, 5, 2))
    await kmeans.train(tensor(vectors))
    expect(kmeans.numVectors).toBe(0)
    expect(kmeans.labels.length + kmeans.vectors.length).toBe(0)
    expect(kmeans.centroids).toEqual((await trained()).centroids)
  })

  test('a single vector, a single centroid', async () => {
    const kmeans = new MiniBatchKMeans(1, { batchSize: 4, maxSteps: 3, metric: 'l2' })
    await kmeans.train([[1, 2, 3]])
    expect([...kmeans.centroids]).toEqual([1, 2, 3])
  })

  test('fewer different vectors than centroids leave finite centroids', async () => {
    for (const metric of ['cosine', 'l2'] as const) {
      const data = Array.from({ length: 50 }, (_, i) => (i % 2 ? [1, 0, 0] : [0, 0, 2]))
      const kmeans = new MiniBatchKMeans(20, { batchSize: 30, maxSteps: 60, metric, minMaxRatioThreshold: 0.1 })
      await kmeans.train(data)
      expect(kmeans.centroids.every(Number.isFinite)).toBe(true)
      const [a, b] = await kmeans.predict(data)
      expect(a).not.toBe(b)
    }
  })

  test('with cosine a vector of zeros is accepted and pulls no centroid', async () => {
    const data = [...rowsOf(vectors, DIM), ...Array.from({ length: 300 }, () => new Array(DIM).fill(0))]
    const kmeans = await trained({ maxSteps: 60 }, data)
    expect(kmeans.centroids.every(Number.isFinite)).toBe(true)
    expect([...(await kmeans.predict([new Array(DIM).fill(0)]))]).toEqual([0])
    expect([...(await kmeans.predictScores([new Array(DIM).fill(0)]))]).toEqual(new Array(10).fill(0))
  })
})

test('the subvectors’ k-means has both of its names', () => {
  expect(SubspaceMiniBatchKMeans).toBe(SubvectorsMiniBatchKMeans)
})

test('the defaults are the original’s', async () => {
  const explicit = {
    historySize: 10,
    tol: 5e-5,
    minMaxRatioThreshold: 0.005,
    metric: 'cosine',
    seed: 1,
    maxSteps: 5000,
  } as const
  const data = mixture(40, 4, 1)
  const [one, two] = [
    new MiniBatchKMeans(4, { batchSize: 16, dim: 4 }),
    new MiniBatchKMeans(4, { batchSize: 16, dim: 4, ...explicit }),
  ]
  let total = 0
  await one.train(data, { onProgress: (progress) => (total = progress.total) })
  await two.train(data)
  expect(total).toBe(5000)
  expect(one.history).toEqual(two.history)
  const parts = [{}, { metric: 'l2', maxSteps: 1000 } as const, { metric: undefined } as object].map(
    (options) => new SubvectorsMiniBatchKMeans(4, 2, { batchSize: 16, dim: 4, ...options }),
  )
  for (const kmeans of parts) await kmeans.train(data, { onProgress: (progress) => (total = progress.total) })
  expect(total).toBe(1000)
  expect(parts[1]?.centroids).toEqual(parts[0]?.centroids)
  expect(parts[2]?.centroids).toEqual(parts[0]?.centroids)
})
