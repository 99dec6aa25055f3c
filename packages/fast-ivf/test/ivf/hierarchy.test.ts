import { describe, expect, test } from 'vitest'
import { trainLloyd } from '../../src/clustering/lloyd.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { trainHierarchy } from '../../src/ivf/hierarchy.js'
import type { Progress } from '../../src/options.js'
import { createEngine } from '../../src/runtime.js'
import { meanDistance, rowsOf } from '../clustering/reference.js'
import { mixture } from '../mixture.js'

const [DIM, COUNT, CENTROIDS] = [24, 9000, 300]
const vectors = mixture(COUNT, DIM, 14, 100)
const matrix = toMatrix(vectors, DIM, 'vectors')
const settings = { numCentroids: CENTROIDS, iterations: 10, pointsPerCentroid: 100, seed: 1 }

describe.each(['l2', 'cosine'] as const)('k-means in two levels by %s', (metric) => {
  const unit = vectors.map((x, i) => {
    const row = Math.floor(i / DIM) * DIM
    return x / Math.hypot(...vectors.subarray(row, row + DIM))
  })
  const rows = rowsOf(metric === 'cosine' ? unit : vectors, DIM)

  test('its mean distance is at most 1.04 of that of Lloyd’s with all centroids', async () => {
    const engine = await createEngine({ threads: 0 })
    for (const seed of [1, 2, 3]) {
      const of = async (train: typeof trainLloyd): Promise<number> =>
        meanDistance(rows, rowsOf((await train(engine, matrix, { ...settings, metric, seed }, {})).centroids, DIM))
      expect((await of(trainHierarchy)) / (await of(trainLloyd))).toBeLessThan(1.04)
    }
    engine.close()
  })

  test('the same centroids on any number of threads', async () => {
    const found = []
    for (const threads of [0, 2, 4]) {
      const engine = await createEngine({ threads })
      found.push(await trainHierarchy(engine, matrix, { ...settings, metric }, {}))
      engine.close()
    }
    for (const other of found.slice(1)) expect(other).toEqual(found[0])
  })
})

test('the history is of the last iterations, and falls', async () => {
  const engine = await createEngine({ threads: 0 })
  const { history } = await trainHierarchy(engine, matrix, { ...settings, metric: 'l2' }, {})
  expect(history).toHaveLength(4)
  for (const [i, gap] of history.slice(1).entries()) expect(gap).toBeLessThan(history[i] as number)
  engine.close()
})

test('no cell is left empty, even where groups are tiny or vectors the same', async () => {
  const engine = await createEngine({ threads: 0 })
  const far = vectors.slice(0, 800 * DIM)
  // Three groups of one vector each, and a crowd.
  for (const row of [1, 2, 3]) far.subarray(row * DIM, (row + 1) * DIM).fill(100 * row)
  for (const [data, groups] of [
    [far, 20],
    [new Float32Array(800 * DIM).fill(1), 20],
    [far, 1],
  ] as const) {
    const { centroids } = await trainHierarchy(
      engine,
      toMatrix(data, DIM, 'vectors'),
      { ...settings, numCentroids: 400, metric: 'l2' },
      {},
      groups,
    )
    expect(centroids.length).toBe(400 * DIM)
    expect(centroids.every(Number.isFinite)).toBe(true)
  }
  engine.close()
})

test('it tells how far it is, up to the end, and stops when it is told to', async () => {
  const engine = await createEngine({ threads: 0 })
  const told: Progress[] = []
  await trainHierarchy(engine, matrix, { ...settings, metric: 'l2' }, { onProgress: (progress) => told.push(progress) })
  expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b))
  expect(told.at(-1)).toMatchObject({ phase: 'train', done: told[0]?.total })
  const reason = new Error('enough')
  for (const at of [1, told.length - 2]) {
    const controller = new AbortController()
    let calls = 0
    const onProgress = (): void => {
      if (++calls === at) controller.abort(reason)
    }
    const running = trainHierarchy(
      engine,
      matrix,
      { ...settings, metric: 'l2' },
      { onProgress, signal: controller.signal },
    )
    await expect(running).rejects.toBe(reason)
  }
  engine.close()
})
