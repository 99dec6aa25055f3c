import { describe, expect, test } from 'vitest'
import {
  MiniBatchKMeans,
  type MiniBatchKMeansOptions,
  SubvectorsMiniBatchKMeans,
  type Vectors,
} from '../../src/index.js'
import { mixture } from '../mixture.js'
import { pieces, slowly } from './pieces.js'
import { cut, dot, nearest, norm, rowsOf, squaredDistance, unit } from './reference.js'

const DIM = 12
const COUNT = 900
const vectors = mixture(COUNT, DIM, 1)
const more = mixture(70, DIM, 2)

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

describe('what was added', () => {
  test('is appended, by any number of calls and batches', async () => {
    const kmeans = await trained()
    expect([kmeans.numVectors, kmeans.labels.length, kmeans.members(0).length]).toEqual([0, 0, 0])
    await kmeans.add(vectors)
    await kmeans.add([])
    await kmeans.add(slowly(pieces(more, DIM, 13, 1)))
    const all = Float32Array.from([...vectors, ...more])
    expect(kmeans.numVectors).toBe(COUNT + 70)
    expect(kmeans.vectors).toEqual(all)
    expect(kmeans.labels).toEqual(await kmeans.predict(all))
    const rows = rowsOf(all, DIM)
    const ids = [COUNT + 69, 0, COUNT, 5, 5, COUNT - 1, COUNT + 14]
    expect(rowsOf(kmeans.getVectors(ids), DIM)).toEqual(ids.map((id) => rows[id]))
    expect([...pieces(all, DIM, 100)]).toEqual([...kmeans.batches(100)].map(({ data }) => data))
    expect([...kmeans.batches(401)].map(({ dims }) => dims)).toEqual([
      [401, DIM],
      [401, DIM],
      [168, DIM],
    ])
    const members = Array.from({ length: 10 }, (_, cell) => [...kmeans.members(cell)])
    expect(members.map((list) => [...list].sort((a, b) => a - b))).toEqual(members)
    members.forEach((list, cell) => expect(list.every((row) => kmeans.labels[row] === cell)).toBe(true))
    expect(members.flat().length).toBe(COUNT + 70)
  })

  test('can be trained on again, batch by batch', async () => {
    const kmeans = await trained()
    await kmeans.add(vectors)
    const other = make()
    await other.train(kmeans.batches(50))
    const wanted = make()
    await wanted.train(pieces(vectors, DIM, 50))
    expect(other.centroids).toEqual(wanted.centroids)
  })

  test('is a copy, in and out', async () => {
    const kmeans = await trained()
    const own = vectors.slice()
    await kmeans.add(own)
    own.fill(7)
    kmeans.vectors.fill(8)
    kmeans.centroids.fill(9)
    kmeans.labels.fill(1)
    kmeans.history.fill(10)
    expect(kmeans.vectors).toEqual(vectors)
    expect(kmeans.labels).toEqual(await kmeans.predict(vectors))
  })

  test('calls that overlap take turns', async () => {
    const kmeans = make()
    await Promise.all([
      kmeans.train(vectors),
      kmeans.add(slowly(pieces(vectors, DIM, 300))),
      kmeans.add(more),
      kmeans.train(more),
      kmeans.add(more),
    ])
    expect(kmeans.vectors).toEqual(more)
    expect(kmeans.labels).toEqual(await kmeans.predict(more))
  })

  test('counts the rows assigned', async () => {
    const kmeans = await trained()
    const seen: number[][] = []
    await kmeans.add(pieces(vectors, DIM, 400), {
      onProgress: ({ phase, done, total }) => seen.push(phase === 'assign' ? [done, total] : []),
    })
    expect(seen).toEqual([
      [400, 400],
      [800, 800],
      [900, 900],
    ])
  })
})

describe.each(['cosine', 'l2'] as const)('predictions, metric %s', (metric) => {
  test('are those of comparing with every centroid', async () => {
    const kmeans = await trained({ metric })
    const centroids = rowsOf(kmeans.centroids, DIM)
    const scores = rowsOf(await kmeans.predictScores(more), 10)
    const labels = await kmeans.predict(more)
    rowsOf(more, DIM).forEach((row, i) => {
      const wanted = centroids.map((c) => (metric === 'l2' ? squaredDistance(row, c) : dot(unit(row), c)))
      wanted.forEach((score, c) => expect(scores[i]?.[c]).toBeCloseTo(score, 4))
      expect(labels[i]).toBe(nearest(metric === 'l2' ? row : unit(row), centroids, metric))
    })
    if (metric === 'cosine') for (const centroid of centroids) expect(norm(centroid)).toBeCloseTo(1, 3)
  })

  test('of subvectors have the subvector first', async () => {
    const kmeans = new SubvectorsMiniBatchKMeans(6, 3, { batchSize: 50, maxSteps: 20, metric, dim: DIM })
    await kmeans.train(vectors)
    const books = cut([...kmeans.centroids], 3).map((book) => rowsOf(book, 4))
    const scores = cut([...(await kmeans.predictScores(more))], 3).map((part) => rowsOf(part, 6))
    const labels = cut([...(await kmeans.predict(more))], 3)
    rowsOf(more, DIM).forEach((row, i) => {
      cut(row, 3).forEach((part, s) => {
        const x = metric === 'l2' ? part : unit(part)
        books[s]?.forEach((c, j) =>
          expect(scores[s]?.[i]?.[j]).toBeCloseTo(metric === 'l2' ? squaredDistance(x, c) : dot(x, c), 4),
        )
        expect(labels[s]?.[i]).toBe(nearest(x, books[s] as number[][], metric))
      })
    })
    await kmeans.add(vectors)
    await kmeans.add(pieces(more, DIM, 33))
    const all = Float32Array.from([...vectors, ...more])
    expect(kmeans.labels).toEqual(await kmeans.predict(all))
    expect(kmeans.vectors).toEqual(all)
    expect(kmeans.numVectors).toBe(COUNT + 70)
    expect([...kmeans.batches(500)].map(({ dims }) => dims)).toEqual([
      [500, DIM],
      [470, DIM],
    ])
    expect(kmeans.getVectors([COUNT])).toEqual(more.subarray(0, DIM))
  })
})

test('many vectors are predicted in chunks as they are at once', async () => {
  const many = mixture(9000, 64, 4)
  const kmeans = new SubvectorsMiniBatchKMeans(300, 2, { batchSize: 400, maxSteps: 3, dim: 64 })
  await kmeans.train(many)
  const labels = await kmeans.predict(many)
  const scores = await kmeans.predictScores(many)
  for (let i = 0; i < labels.length; i += 97) {
    const own = scores.subarray(i * 300, (i + 1) * 300)
    expect(own[labels[i] as number]).toBeCloseTo(Math.min(...own), 3)
  }
})
