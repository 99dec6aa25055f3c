import { describe, expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { KMeans } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { dot, nearest, norm, rowsOf, squaredDistance, unit } from './reference.js'

const DIM = 16

/** Points around `count` centers far apart; the center of point i is i % count. */
function blobs(points: number, count: number, seed: number): Float32Array {
  const random = seeded(seed)
  const noise = (): number => random.below(1000) / 1000 - 0.5
  const centers = Array.from({ length: count }, () => Array.from({ length: DIM }, () => 40 * noise()))
  return Float32Array.from(
    { length: points * DIM },
    (_, i) => (centers[Math.floor(i / DIM) % count]?.[i % DIM] as number) + noise(),
  )
}

/** Whether every cell holds points of one blob only: homogeneity 1. */
function homogeneous(labels: Int32Array, count: number): boolean {
  const blobOf = new Map<number, number>()
  return labels.every((label, i) => {
    const blob = i % count
    if (!blobOf.has(label)) blobOf.set(label, blob)
    return blobOf.get(label) === blob
  })
}

describe('Lloyd’s k-means', () => {
  test.each(['cosine', 'l2'] as const)('the objective falls, metric %s', async (metric) => {
    const vectors = mixture(5000, DIM, 1)
    const kmeans = new KMeans(20, { metric, iterations: 20, pointsPerCentroid: 250, dim: DIM })
    const seen: number[] = []
    await kmeans.train(vectors, { onProgress: ({ done, total, delta }) => seen.push(done, total, delta as number) })
    const { history } = kmeans
    expect(history.length).toBe(20)
    expect(seen.filter((_, i) => i % 3 === 0)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
    // The same vectors are seen from 60 % on, and before that from 30 %.
    for (const [from, to] of [
      [1, 6],
      [7, 12],
      [13, 20],
    ] as const) {
      for (let i = from; i < to; i++) expect(history[i]).toBeLessThanOrEqual((history[i - 1] as number) + 1e-6)
    }
    expect(history.at(-1)).toBeLessThan(0.9 * (history[0] as number))
  })

  test.each(['cosine', 'l2'] as const)('the history is the mean distance, metric %s', async (metric) => {
    const vectors = mixture(700, DIM, 2)
    const options = { metric, pointsPerCentroid: 100, dim: DIM }
    const kmeans = new KMeans(7, { ...options, iterations: 6 })
    const longer = new KMeans(7, { ...options, iterations: 7 })
    await kmeans.train(vectors)
    await longer.train(vectors)
    // All vectors are in the sample, so the centroids after six iterations give the history's next entry.
    const centroids = rowsOf(kmeans.centroids, DIM)
    const rows = rowsOf(vectors, DIM).map((row) => (metric === 'cosine' ? unit(row) : row))
    const gaps = rows.map((row) => {
      const centroid = centroids[nearest(row, centroids, metric)] as number[]
      return metric === 'cosine' ? 1 - dot(row, centroid) : squaredDistance(row, centroid)
    })
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
    expect(longer.history.slice(0, 2)).toEqual(kmeans.history.slice(0, 2))
    expect(kmeans.history.at(-1)).toBeGreaterThan(mean * 0.999)
    expect(kmeans.history.at(-1)).toBeLessThan(mean * 1.3)
  })

  test('of well separated blobs each cell holds one', async () => {
    for (const seed of [1, 2, 3]) {
      const vectors = blobs(4000, 10, seed)
      // Random first centroids may share a blob: a few more centroids than blobs make up for it.
      const kmeans = new KMeans(40, { dim: DIM, seed })
      await kmeans.train(vectors)
      expect(homogeneous(await kmeans.predict(vectors), 10)).toBe(true)
    }
  })

  test('cells that are empty take half of a full one', async () => {
    // Nine in ten vectors are the same one, so most first centroids are equal.
    const vectors = mixture(1000, DIM, 3)
    for (let i = 0; i < 1000; i++) if (i % 10) vectors.copyWithin(i * DIM, 0, DIM)
    const kmeans = new KMeans(30, { iterations: 20, dim: DIM })
    await kmeans.train(vectors)
    expect(kmeans.centroids.every(Number.isFinite)).toBe(true)
    const used = new Set(await kmeans.predict(vectors))
    // The 100 different vectors go to far more than the three or so cells that random rows would have given them.
    expect(used.size).toBeGreaterThan(15)
  })

  test('for cosine every centroid has norm 1 and lengths do not matter', async () => {
    const vectors = mixture(2000, DIM, 4)
    const scaled = vectors.map((x, i) => x * (1 << (Math.floor(i / DIM) % 8)))
    const [one, other] = [
      new KMeans(25, { metric: 'cosine', dim: DIM }),
      new KMeans(25, { metric: 'cosine', dim: DIM }),
    ]
    await one.train(vectors)
    await other.train(scaled)
    for (const centroid of rowsOf(one.centroids, DIM)) expect(norm(centroid)).toBeCloseTo(1, 5)
    other.centroids.forEach((x, i) => expect(x).toBeCloseTo(one.centroids[i] as number, 5))
  })

  test.each(['cosine', 'l2'] as const)('as many centroids as vectors are the vectors, metric %s', async (metric) => {
    const vectors = mixture(60, DIM, 5)
    const kmeans = new KMeans(60, { metric, dim: DIM })
    await kmeans.train(vectors)
    expect(new Set(await kmeans.predict(vectors)).size).toBe(60)
    expect(kmeans.history.at(-1)).toBeLessThan(1e-5)
  })

  test('one centroid is the mean', async () => {
    const vectors = mixture(90, DIM, 6)
    const kmeans = new KMeans(1, { dim: DIM })
    await kmeans.train(vectors)
    kmeans.centroids.forEach((x, k) => {
      expect(x).toBeCloseTo(rowsOf(vectors, DIM).reduce((sum, row) => sum + (row[k] as number), 0) / 90, 4)
    })
  })

  test.each(['cosine', 'l2'] as const)(
    'fewer different vectors than centroids end with finite centroids, metric %s',
    async (metric) => {
      for (const distinct of [
        [[1, 2, 2]],
        [
          [1, 0, 0],
          [0, 3, 0],
          [0, 0, -5],
        ],
        [[0, 0, 0]],
        [
          [0, 0, 0],
          [1, 1, 1],
        ],
      ]) {
        const data = Array.from({ length: 50 }, (_, i) => distinct[i % distinct.length] as number[])
        for (const k of [2, 20, 50]) {
          const kmeans = new KMeans(k, { metric })
          await kmeans.train(data)
          expect(kmeans.centroids.every(Number.isFinite)).toBe(true)
          const labels = await kmeans.predict(distinct)
          if (k === 50) expect(new Set(labels).size).toBe(distinct.length)
          if (metric === 'l2') expect(kmeans.history.at(-1)).toBeLessThan(k < distinct.length ? 30 : 20)
        }
      }
    },
  )

  test('the same seed gives the same centroids on any number of threads, another seed others', async () => {
    const vectors = { data: mixture(20000, 64, 7), dims: [20000, 64] }
    const run = async (options: object): Promise<Float32Array> => {
      const kmeans = new KMeans(150, { iterations: 5, ...options })
      await kmeans.train(vectors)
      const { centroids } = kmeans
      await kmeans.close()
      return centroids
    }
    const wanted = await run({ threads: 0 })
    for (const threads of [1, 2, 4]) expect(await run({ threads })).toEqual(wanted)
    expect(await run({ threads: 2, seed: 2 })).not.toEqual(wanted)
  })

  test('predictions are those of comparing with every centroid', async () => {
    const [vectors, others] = [mixture(500, DIM, 8), mixture(40, DIM, 9)]
    const kmeans = new KMeans(9, { dim: DIM })
    await kmeans.train(vectors)
    const centroids = rowsOf(kmeans.centroids, DIM)
    const scores = rowsOf(await kmeans.predictScores(others), 9)
    const labels = await kmeans.predict(others)
    rowsOf(others, DIM).forEach((row, i) => {
      centroids.forEach((c, j) => expect(scores[i]?.[j]).toBeCloseTo(squaredDistance(row, c), 4))
      expect(labels[i]).toBe(nearest(row, centroids, 'l2'))
    })
  })

  test('starts afresh when called again, with another dim as well', async () => {
    const kmeans = new KMeans(5)
    await kmeans.train({ data: mixture(100, 6, 1), dims: [100, 6] })
    await kmeans.train({ data: mixture(100, 7, 1), dims: [100, 7] })
    expect(kmeans.centroids.length).toBe(35)
  })
})
