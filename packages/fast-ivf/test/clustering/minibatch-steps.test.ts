import { describe, expect, test } from 'vitest'
import { randomBatches } from '../../src/clustering/sample.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { MiniBatchKMeans, SubvectorsMiniBatchKMeans, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { type ReferenceSettings, referenceMiniBatch, rowsOf } from './reference.js'

const DIM = 12
const STEPS = [1, 2, 3, 11, 12, 13, 14, 40]

interface Case {
  name: string
  settings: Partial<ReferenceSettings>
  sizes: number[]
  equalizes?: boolean
}

const cases: Case[] = [
  { name: 'as it is by default', settings: {}, sizes: [64] },
  { name: 'without a history', settings: { historySize: 0 }, sizes: [48] },
  { name: 'with a history of one', settings: { historySize: 1 }, sizes: [48] },
  { name: 'batches of any size', settings: { historySize: 3 }, sizes: [1, 70, 8, 33, 2, 129] },
  { name: 'equalized often', settings: { minMaxRatioThreshold: 0.4, historySize: 2 }, sizes: [40], equalizes: true },
  { name: 'centroids from many small batches', settings: { numCentroids: 33, historySize: 4 }, sizes: [5, 3, 9] },
  { name: 'one centroid', settings: { numCentroids: 1 }, sizes: [20] },
]

/** Batches of the given sizes, in turn, without end of the data in sight. */
function batchesOf(sizes: number[], seed: number): Float32Array[] {
  return Array.from({ length: 60 }, (_, i) => mixture(sizes[i % sizes.length] as number, DIM, seed * 1000 + i, 6))
}

function expectClose(found: ArrayLike<number>, wanted: ArrayLike<number>, tolerance: number): void {
  expect(found.length).toBe(wanted.length)
  for (let i = 0; i < wanted.length; i++)
    expect(Math.abs((found[i] as number) - (wanted[i] as number)), `number ${i}`).toBeLessThanOrEqual(tolerance)
}

describe.each(['cosine', 'l2'] as const)('every step is the original’s, metric %s', (metric) => {
  test.each(cases)('$name', async ({ settings: own, sizes, equalizes }) => {
    const settings = {
      numCentroids: 7,
      subspaces: 1,
      historySize: 10,
      tol: 5e-5,
      minMaxRatioThreshold: 0.005,
      metric,
      ...own,
    }
    const batches = batchesOf(sizes, 1)
    const rows = batches.map((batch) => rowsOf(batch, DIM))
    for (const maxSteps of STEPS) {
      const wanted = referenceMiniBatch(rows, { ...settings, maxSteps })
      const kmeans = new MiniBatchKMeans(settings.numCentroids, {
        ...settings,
        maxSteps,
        batchSize: 1,
        dim: DIM,
        threads: 0,
      })
      await kmeans.train(batches.values())
      expectClose(kmeans.history, wanted.history, 1e-12)
      expectClose(kmeans.centroids, wanted.centroids, 1e-4)
      if (equalizes && maxSteps === 40) expect(wanted.equalized).toBeGreaterThan(3)
    }
  })

  // A cosine of single components is but a sign: all ties.
  test.each(metric === 'l2' ? [1, 2, 6, 12] : [1, 2, 6])('%i subvectors', async (numSubvectors) => {
    const settings = {
      numCentroids: 5,
      subspaces: numSubvectors,
      historySize: 4,
      tol: 5e-5,
      minMaxRatioThreshold: 0.1,
      metric,
    }
    const batches = batchesOf([30, 41], 2)
    const rows = batches.map((batch) => rowsOf(batch, DIM))
    for (const maxSteps of STEPS) {
      const wanted = referenceMiniBatch(rows, { ...settings, maxSteps })
      const kmeans = new SubvectorsMiniBatchKMeans(5, numSubvectors, {
        ...settings,
        maxSteps,
        batchSize: 1,
        dim: DIM,
        threads: 0,
      })
      await kmeans.train(batches.values())
      expectClose(kmeans.history, wanted.history, 1e-12)
      expectClose(kmeans.centroids, wanted.centroids, 1e-4)
    }
  })

  test('an array is batches of rows drawn with replacement', async () => {
    const vectors = mixture(500, DIM, 5, 6)
    const source = randomBatches(toMatrix({ data: vectors, dims: [500, DIM] }, DIM, 'vectors'), 50, 9)
    const rows: number[][][] = []
    for (let i = 0; i < 41; i++) {
      const batch = new Float32Array(50 * DIM)
      ;(await source.next())?.copy(0, 50, batch)
      rows.push(rowsOf(batch, DIM))
    }
    const settings = { numCentroids: 9, historySize: 10, maxSteps: 40, tol: 0, minMaxRatioThreshold: 0.005, metric }
    const wanted = referenceMiniBatch(rows, { ...settings, subspaces: 1 })
    const kmeans = new MiniBatchKMeans(9, { ...settings, batchSize: 50, seed: 9, dim: DIM, threads: 0 })
    await kmeans.train(vectors)
    expectClose(kmeans.history, wanted.history, 1e-12)
    expectClose(kmeans.centroids, wanted.centroids, 1e-4)
  })
})

describe('convergence', () => {
  // Four points far apart: labels never change, so the average falls by 0.95 a step.
  const corners: Vectors = [
    [0, 0],
    [100, 0],
    [0, 100],
    [100, 100],
  ]

  test('stops at the step where the average falls below tol, and keeps the centroids from before it', async () => {
    const batches = Array.from({ length: 50 }, (_, i) => corners.map(([x, y]) => [(x as number) + i, y as number]))
    const settings = { historySize: 3, maxSteps: 1000, tol: 0.8, metric: 'l2' as const }
    const kmeans = new MiniBatchKMeans(4, { ...settings, batchSize: 4 })
    let steps = 0
    await kmeans.train(batches.values(), { onProgress: ({ done }) => (steps = done) })
    // .95⁵ = .774 is the first below .8, after 3 steps without a measurement.
    expect(steps).toBe(8)
    expectClose(kmeans.history, [0.95, 0.95 ** 2, 0.95 ** 3, 0.95 ** 4, 0.95 ** 5], 1e-12)
    const wanted = referenceMiniBatch(batches, {
      ...settings,
      numCentroids: 4,
      subspaces: 1,
      minMaxRatioThreshold: 0.005,
    })
    expectClose(kmeans.centroids, wanted.centroids, 1e-5)
    expect(kmeans.centroids[0]).toBeCloseTo((0 + 1 + 2 + 3 + 4 + 5 + 6 + 7) / 8, 5)
  })

  test('is reported as the progress’s delta', async () => {
    const kmeans = new MiniBatchKMeans(2, { batchSize: 8, historySize: 2, maxSteps: 6 })
    const deltas: (number | undefined)[] = []
    await kmeans.train(corners, {
      onProgress: ({ phase, total, delta }) => deltas.push(phase === 'train' && total === 6 ? delta : Number.NaN),
    })
    expect(deltas).toEqual([1, 1, ...kmeans.history])
  })

  test('a tol of 0 never stops', async () => {
    const kmeans = new MiniBatchKMeans(4, { batchSize: 8, historySize: 0, maxSteps: 700, tol: 0, metric: 'l2' })
    await kmeans.train(corners)
    expect(kmeans.history.length).toBe(700)
  })
})
