import type { Engine } from '../engine/engine.js'
import { loadAll } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { allocCenters, type Centers, contribute, moveToMeans } from './centers.js'
import type { Trained } from './minibatch.js'
import { assign } from './nearest.js'
import { type Random, seeded } from './random.js'
import { sampleRows } from './sample.js'

export interface LloydSettings {
  numCentroids: number
  iterations: number
  pointsPerCentroid: number
  metric: 'cosine' | 'l2'
  seed: number
}

const SPLIT = 1 / 1024
const ENOUGH = 16 // vectors per centroid that the first iterations see at least

/**
 * Lloyd's k-means on a random sample, each assignment one matrix product (S. Lloyd, "Least squares quantization in
 * PCM", 1982; spherical for cosine: Dhillon and Modha 2001). Starts from random rows. The first iterations see a
 * quarter and then half of the sample: centroids that still move far do not need all of it.
 *
 * @throws IvfError ERR_TOO_FEW, ERR_NOT_FINITE
 */
export async function trainLloyd(
  engine: Engine,
  matrix: Matrix,
  settings: LloydSettings,
  options: LongCallOptions,
): Promise<Trained> {
  const { numCentroids, iterations, pointsPerCentroid, metric, seed } = settings
  const { signal, onProgress } = options
  if (matrix.rows < numCentroids) {
    throw new IvfError(
      'ERR_TOO_FEW',
      `${matrix.rows} vectors cannot make ${numCentroids} centroids; give at least ${numCentroids} vectors or ask for fewer centroids`,
    )
  }
  const { dim } = matrix
  const sample = sampleRows(matrix, numCentroids * pointsPerCentroid, seed)
  const random = seeded((seed ^ 0x5bd1e995) >>> 0)
  const moving = { normalize: metric === 'cosine', halfNorm: metric === 'l2', countOffset: 0, normOffset: 0 }
  const history: number[] = []
  return engine.frame(async (scratch) => {
    const norms = scratch.alloc(sample.rows * 4)
    const rows = await loadAll(scratch, sample, { normalize: metric === 'cosine', norms, name: 'vectors', signal })
    const centers = allocCenters(scratch, numCentroids, dim)
    const { table, sums, counts } = centers
    engine.floats(sums, numCentroids * dim).set(engine.floats(rows, numCentroids * dim))
    engine.floats(counts, numCentroids).fill(1)
    await moveToMeans(engine, centers, moving, { signal })
    const [labels, distances] = [scratch.alloc(sample.rows * 4), scratch.alloc(sample.rows * 4)]
    for (let i = 0; i < iterations; i++) {
      const count = Math.max(
        Math.floor(sample.rows * shareOf(i, iterations)),
        Math.min(sample.rows, ENOUGH * numCentroids),
      )
      await assign(engine, table, { rows, count }, { labels, distances }, { signal })
      // A kernel's distance is −cos or ‖c‖²/2 − ⟨x, c⟩.
      const gap = mean(engine.floats(distances, count))
      history.push(Math.max(0, metric === 'cosine' ? 1 + gap : mean(engine.floats(norms, count)) + 2 * gap))
      engine.floats(sums, numCentroids * dim).fill(0)
      engine.floats(counts, numCentroids).fill(0)
      await contribute(engine, centers, { rows, labels, count }, 1, { signal })
      splitEmpty(engine, centers, random)
      await moveToMeans(engine, centers, moving, { signal })
      const [last, now] = [history.at(-2), history.at(-1) as number]
      onProgress?.({
        phase: 'train',
        done: i + 1,
        total: iterations,
        delta: last === undefined ? 1 : Math.abs(last - now),
      })
    }
    return { centroids: engine.floats(centers.rows, numCentroids * dim).slice(), history }
  })
}

function mean(values: Float32Array): number {
  let sum = 0
  for (const value of values) sum += value
  return sum / values.length
}

/** The share of the sample that an iteration sees. */
function shareOf(iteration: number, iterations: number): number {
  const done = iteration / iterations
  return done < 0.3 ? 0.25 : done < 0.6 ? 0.5 : 1
}

/** A centroid without members takes half of a larger one, drawn by its size, a little to the side. */
export function splitEmpty(engine: Engine, { table, sums, counts }: Centers, random: Random): void {
  const { count, dim } = table
  const tally = engine.floats(counts, count)
  for (let empty = 0; empty < count; empty++) {
    if (tally[empty] !== 0) continue
    const spare = tally.reduce((sum, size) => sum + Math.max(0, size - 1), 0)
    let ticket = random.below(Math.ceil(spare))
    const donor = tally.findIndex((size) => {
      ticket -= Math.max(0, size - 1)
      return ticket < 0
    })
    if (donor < 0) return // one vector each: what is empty stays where it is
    tally[donor] = (tally[donor] as number) / 2
    tally[empty] = tally[donor] as number
    const from = engine.floats(sums + donor * dim * 4, dim)
    const to = engine.floats(sums + empty * dim * 4, dim)
    for (let i = 0; i < dim; i++) {
      const half = (from[i] as number) / 2
      const aside = i % 2 ? SPLIT : -SPLIT
      from[i] = half * (1 + aside)
      to[i] = half * (1 - aside)
    }
  }
}
