import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { allScores, nearestLabels } from '../../src/clustering/codebook.js'
import { trainLloyd } from '../../src/clustering/lloyd.js'
import { type BatchSource, trainMiniBatch } from '../../src/clustering/minibatch.js'
import { randomBatches } from '../../src/clustering/sample.js'
import type { Engine } from '../../src/engine/engine.js'
import { type Matrix, toMatrix } from '../../src/engine/vectors.js'
import { createEngine } from '../../src/runtime.js'
import { mixture } from '../mixture.js'

const [COUNT, DIM] = [2000, 96]
const matrix = toMatrix({ data: mixture(COUNT, DIM, 1), dims: [COUNT, DIM] }, DIM, 'vectors')
const reason = new Error('enough')

/** A source that fails when it is asked for batch `at`. */
function failing(at: number, ahead: boolean): BatchSource {
  const source = randomBatches(matrix, 700, 1)
  let asked = 0
  return {
    ahead,
    async next() {
      if (asked++ === at) throw reason
      return source.next()
    },
  }
}

const nan: Matrix = { rows: 50, dim: DIM, copy: (_from, _to, target) => void target.fill(Number.NaN) }

// Large enough for the pool: 700 · 300 · 96 multiply-adds a step.
describe.each([0, 2])('no engine memory is left behind on %i threads', (threads) => {
  let engine: Engine
  beforeAll(async () => {
    engine = await createEngine({ threads })
  })
  afterAll(() => engine.close())

  const settings = (subspaces: number): Parameters<typeof trainMiniBatch>[3] => ({
    numCentroids: 300,
    subspaces,
    historySize: 2,
    maxSteps: 6,
    tol: 0,
    minMaxRatioThreshold: 0.005,
    metric: 'cosine',
  })

  test.each([1, 4])('by mini-batches of %i subvectors, however they end', async (subspaces) => {
    const own = settings(subspaces)
    const { centroids, history } = await trainMiniBatch(engine, DIM, randomBatches(matrix, 700, 1), own, {})
    expect(engine.bytes).toBe(0)
    for (const ahead of [true, false]) {
      for (let at = 0; at < 7; at++) {
        await expect(trainMiniBatch(engine, DIM, failing(at, ahead), own, {})).rejects.toBe(reason)
        expect(engine.bytes).toBe(0)
      }
    }
    for (let at = 1; at <= 6; at++) {
      const controller = new AbortController()
      const onProgress = ({ done }: { done: number }): void => void (done === at && controller.abort(reason))
      const options = { signal: controller.signal, onProgress }
      const training = trainMiniBatch(engine, DIM, randomBatches(matrix, 700, 1), own, options)
      await expect(training).rejects.toBe(reason)
      expect(engine.bytes).toBe(0)
    }
    for (const ms of [0, 1, 3, 7]) {
      const signal = AbortSignal.timeout(ms)
      await trainMiniBatch(engine, DIM, randomBatches(matrix, 700, 1), own, { signal }).catch(() => {})
      expect(engine.bytes).toBe(0)
    }
    const book = { centroids, history, subspaces, numCentroids: 300, dim: DIM, metric: 'cosine' as const }
    for (const read of [nearestLabels, allScores]) {
      await read(engine, book, matrix, {})
      expect(engine.bytes).toBe(0)
      await expect(read(engine, book, nan, {})).rejects.toMatchObject({ code: 'ERR_NOT_FINITE' })
      await read(engine, book, matrix, { signal: AbortSignal.timeout(1) }).catch(() => {})
      expect(engine.bytes).toBe(0)
    }
  })

  test('by Lloyd’s k-means, however it ends', async () => {
    const own = { numCentroids: 300, iterations: 5, pointsPerCentroid: 7, metric: 'l2' as const, seed: 1 }
    await trainLloyd(engine, matrix, own, {})
    expect(engine.bytes).toBe(0)
    for (let at = 1; at <= 4; at++) {
      const controller = new AbortController()
      const onProgress = ({ done }: { done: number }): void => void (done === at && controller.abort(reason))
      await expect(trainLloyd(engine, matrix, own, { signal: controller.signal, onProgress })).rejects.toBe(reason)
      expect(engine.bytes).toBe(0)
    }
    await expect(trainLloyd(engine, nan, { ...own, numCentroids: 3 }, {})).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
    })
    expect(engine.bytes).toBe(0)
  })
})
