import { describe, expect, test } from 'vitest'
import { MiniBatchKMeans, type Vectors } from '../../src/index.js'
import { mixture } from '../mixture.js'

const DIM = 8
const vectors = mixture(400, DIM, 1)

describe('an iterable', () => {
  const make = (): MiniBatchKMeans => new MiniBatchKMeans(4, { batchSize: 32, maxSteps: 15, dim: DIM, historySize: 2 })
  const reason = new Error('enough')

  test('that fails gives its own error, and is not closed', async () => {
    const failure = new TypeError('the disk is gone')
    for (const after of [0, 1, 4]) {
      const kmeans = make()
      await kmeans.train(vectors)
      const before = kmeans.centroids
      let closed = 0
      const batches = (): AsyncIterableIterator<Vectors> => {
        let given = 0
        return {
          next: async () => {
            if (given++ === after) throw failure
            return { done: false, value: vectors }
          },
          return: async () => ({ done: true, value: closed++ }),
          [Symbol.asyncIterator]() {
            return this
          },
        }
      }
      await expect(kmeans.train(batches())).rejects.toBe(failure)
      await expect(kmeans.add(batches())).rejects.toBe(failure)
      expect([closed, kmeans.numVectors]).toEqual([0, 0])
      expect(kmeans.centroids).toEqual(before)
    }
  })

  test('that fails to close does not hide why it was closed', async () => {
    function* batches(): Generator<Vectors> {
      try {
        yield vectors
        yield [[1]]
      } finally {
        // biome-ignore lint/correctness/noUnsafeFinally: what is tested
        throw new Error('and could not close')
      }
    }
    await expect(make().train(batches())).rejects.toMatchObject({ code: 'ERR_DIM' })
  })

  test('that never answers does not hold up an abort', async () => {
    const kmeans = make()
    await kmeans.train(vectors)
    for (const method of ['train', 'add'] as const) {
      const controller = new AbortController()
      async function* batches(): AsyncGenerator<Vectors> {
        yield vectors
        setTimeout(() => controller.abort(reason))
        await new Promise(() => {})
      }
      await expect(kmeans[method](batches(), { signal: controller.signal })).rejects.toBe(reason)
    }
    expect(kmeans.numVectors).toBe(0)
    await kmeans.add(vectors)
    expect(kmeans.numVectors).toBe(400)
  })

  test('is closed when the call is aborted between two batches', async () => {
    for (const method of ['train', 'add'] as const) {
      const controller = new AbortController()
      let [given, closed] = [0, 0]
      function* batches(): Generator<Vectors> {
        try {
          for (;;) {
            if (++given === 4) controller.abort(reason)
            yield vectors
          }
        } finally {
          closed++
        }
      }
      const kmeans = make()
      await kmeans.train(vectors)
      const before = kmeans.centroids
      await expect(kmeans[method](batches(), { signal: controller.signal })).rejects.toBe(reason)
      expect([given, closed, kmeans.numVectors]).toEqual([4, 1, 0])
      expect(kmeans.centroids).toEqual(before)
    }
  })
})
