import { beforeAll, describe, expect, test } from 'vitest'
import { KMeans, MiniBatchKMeans } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { meanDistance, referenceLloyd, rowsOf } from './reference.js'

const [COUNT, DIM, CENTROIDS] = [8000, 32, 64]
const vectors = mixture(COUNT, DIM, 1, 120)
const rows = rowsOf(vectors, DIM)

/** Mean squared distance over that of 40 iterations of plain Lloyd on all vectors. */
describe('quality', () => {
  let plain: number
  beforeAll(() => {
    plain = referenceLloyd(rows, CENTROIDS, 40)
  })

  const floors: [string, number, (seed: number) => KMeans | MiniBatchKMeans][] = [
    ['KMeans', 1.05, (seed) => new KMeans(CENTROIDS, { seed, dim: DIM })],
    ['KMeans with 25 iterations', 1.03, (seed) => new KMeans(CENTROIDS, { seed, iterations: 25, dim: DIM })],
    [
      'MiniBatchKMeans',
      1.05,
      (seed) => new MiniBatchKMeans(CENTROIDS, { seed, batchSize: 512, maxSteps: 400, metric: 'l2', dim: DIM }),
    ],
  ]

  test.each(floors)('%s: mean squared distance at most %f of plain Lloyd’s', async (_, floor, make) => {
    for (const seed of [1, 2, 3]) {
      const kmeans = make(seed)
      await kmeans.train(vectors)
      expect(meanDistance(rows, rowsOf(kmeans.centroids, DIM)) / plain).toBeLessThan(floor)
    }
  })
})
