import type { Engine } from '../engine/engine.js'
import { loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { allocCenters, type Centers, contribute, moveToMeans } from './centers.js'
import { assign } from './nearest.js'

/**
 * The mini-batch k-means of the original FastIVF. Sums and counts never decay; the last batches are kept, and each one
 * that leaves this history is assigned once more and its contribution corrected. How many of its labels changed,
 * averaged exponentially, is the convergence. Runs `subspaces` k-means over the same batches, each on its slice of the
 * components; 1 for plain k-means.
 */
export interface MiniBatchSettings {
  numCentroids: number
  subspaces: number
  historySize: number
  maxSteps: number
  tol: number
  minMaxRatioThreshold: number
  metric: 'cosine' | 'l2'
}

/** Gives the next batch, or undefined when there are no more. */
export type NextBatch = () => Promise<Matrix | undefined>

export interface Trained {
  /** subspaces × numCentroids × (dim / subspaces) */
  centroids: Float32Array
  /** The convergence after each step that had one; falls from 1. */
  history: number[]
}

/** A batch in memory: per subspace its slices, count × dim/subspaces, and its labels. */
interface Batch {
  count: number
  slices: number
  labels: number
}

const EPSILON = 1e-5

/** @throws IvfError ERR_TOO_FEW when the batches end before every centroid has a first vector. */
export async function trainMiniBatch(
  engine: Engine,
  dim: number,
  next: NextBatch,
  settings: MiniBatchSettings,
  { signal, onProgress }: LongCallOptions,
): Promise<Trained> {
  const { numCentroids, subspaces, historySize, maxSteps, tol, metric, minMaxRatioThreshold } = settings
  const width = dim / subspaces
  const moving = {
    normalize: metric === 'cosine',
    halfNorm: metric === 'l2',
    countOffset: subspaces > 1 ? EPSILON : 0,
    normOffset: EPSILON,
  }
  const kept: Batch[] = []
  const history: number[] = []
  try {
    return await engine.frame(async (scratch) => {
      const spaces = Array.from({ length: subspaces }, () => allocCenters(scratch, numCentroids, width))
      await initialize(spaces)
      let ema = 1
      for (let step = 0; step < maxSteps; step++) {
        signal?.throwIfAborted()
        const matrix = await next()
        if (!matrix) break
        if (matrix.rows === 0) continue
        const batch = await load(matrix)
        kept.push(batch)
        await label(spaces, batch, batch.labels)
        for (const [s, space] of spaces.entries())
          await contribute(engine, space, part(batch, batch.labels, s), 1, { signal })
        if (kept.length > historySize) {
          ema = 0.95 * ema + 0.05 * (await correct(spaces, kept.shift() as Batch))
          history.push(ema)
        }
        onProgress?.({ phase: 'train', done: step + 1, total: maxSteps, delta: ema })
        if (ema < tol) break
        for (const space of spaces) {
          equalize(engine, space, minMaxRatioThreshold)
          await moveToMeans(engine, space, moving, { signal })
        }
      }
      const centroids = new Float32Array(subspaces * numCentroids * width)
      for (const [s, { rows }] of spaces.entries()) {
        centroids.set(engine.floats(rows, numCentroids * width), s * numCentroids * width)
      }
      return { centroids, history }
    })
  } finally {
    kept.forEach(release)
  }

  /** The first rows of the first batches become the centroids. */
  async function initialize(spaces: Centers[]): Promise<void> {
    let have = 0
    while (have < numCentroids) {
      const matrix = await next()
      if (!matrix) {
        throw new IvfError(
          'ERR_TOO_FEW',
          `${have} vectors cannot make ${numCentroids} centroids; give at least ${numCentroids} vectors or ask for fewer centroids`,
        )
      }
      const batch = await load(matrix)
      const count = Math.min(batch.count, numCentroids - have)
      spaces.forEach(({ sums, counts }, s) => {
        const from = engine.floats(part(batch, 0, s).rows, count * width)
        engine.floats(sums + have * width * 4, count * width).set(from)
        engine.floats(counts + have * 4, count).fill(1)
      })
      release(batch)
      have += count
    }
    for (const space of spaces) await moveToMeans(engine, space, moving, { signal })
  }

  async function load(matrix: Matrix): Promise<Batch> {
    const count = matrix.rows
    const batch: Batch = { count, slices: engine.alloc(count * dim * 4), labels: engine.alloc(count * subspaces * 4) }
    const options = { normalize: metric === 'cosine', name: 'vectors', signal }
    try {
      if (subspaces === 1) await loadRows(engine, matrix, 0, count, batch.slices, options)
      else {
        await engine.frame(async (scratch) => {
          const rows = scratch.alloc(count * dim * 4)
          await loadRows(engine, matrix, 0, count, rows, { ...options, normalize: false })
          slice(engine.floats(rows, count * dim), engine.floats(batch.slices, count * dim), count, subspaces)
        })
      }
    } catch (error) {
      release(batch)
      throw error
    }
    return batch
  }

  async function label(spaces: Centers[], batch: Batch, labels: number): Promise<void> {
    for (const [s, { table }] of spaces.entries()) {
      const own = part(batch, labels, s)
      await assign(engine, table, own, { labels: own.labels, distances: 0 }, { signal })
    }
  }

  /** Assigns a batch again, corrects its contribution, and lets it go; returns the share of labels that changed. */
  async function correct(spaces: Centers[], batch: Batch): Promise<number> {
    try {
      return await engine.frame(async (scratch) => {
        const labels = scratch.alloc(batch.count * subspaces * 4)
        const [indices, before, after] = [
          scratch.alloc(batch.count * 4),
          scratch.alloc(batch.count * 4),
          scratch.alloc(batch.count * 4),
        ]
        await label(spaces, batch, labels)
        let total = 0
        for (const [s, space] of spaces.entries()) {
          const own = part(batch, labels, s)
          const was = engine.ints(part(batch, batch.labels, s).labels, batch.count)
          const is = engine.ints(own.labels, batch.count)
          let count = 0
          for (let i = 0; i < batch.count; i++) {
            if (was[i] === is[i]) continue
            engine.ints(indices, batch.count)[count] = i
            engine.ints(before, batch.count)[count] = was[i] as number
            engine.ints(after, batch.count)[count] = is[i] as number
            count++
          }
          total += count
          await contribute(engine, space, { rows: own.rows, indices, labels: before, count }, -1, { signal })
          await contribute(engine, space, { rows: own.rows, indices, labels: after, count }, 1, { signal })
        }
        return total / (batch.count * subspaces)
      })
    } finally {
      release(batch)
    }
  }

  /** A subspace's rows of a batch, and their labels within `labels`. */
  function part({ slices, count }: Batch, labels: number, s: number): { rows: number; labels: number; count: number } {
    return { rows: slices + s * count * width * 4, labels: labels + s * count * 4, count }
  }

  function release(batch: Batch): void {
    engine.free(batch.slices)
    engine.free(batch.labels)
  }
}

/** When the smallest centroid has too few members beside the largest, half of the largest goes over to it. */
function equalize(engine: Engine, { table, sums, counts }: Centers, threshold: number): void {
  const { count, dim } = table
  const tally = engine.floats(counts, count)
  let [small, large] = [0, 0]
  for (let cell = 1; cell < count; cell++) {
    if ((tally[cell] as number) < (tally[small] as number)) small = cell
    if ((tally[cell] as number) > (tally[large] as number)) large = cell
  }
  if (small === large || (tally[small] as number) / (tally[large] as number) > threshold) return
  const half = (tally[large] as number) / 2
  tally[large] = half
  tally[small] = (tally[small] as number) + half
  const from = engine.floats(sums + large * dim * 4, dim)
  const to = engine.floats(sums + small * dim * 4, dim)
  for (let i = 0; i < dim; i++) {
    from[i] = (from[i] as number) / 2
    to[i] = (to[i] as number) + (from[i] as number)
  }
}

/** rows: count × (subspaces · width) → slices: subspaces × count × width */
function slice(rows: Float32Array, slices: Float32Array, count: number, subspaces: number): void {
  const dim = rows.length / count
  const width = dim / subspaces
  for (let s = 0; s < subspaces; s++) {
    for (let i = 0; i < count; i++) {
      const from = i * dim + s * width
      slices.set(rows.subarray(from, from + width), (s * count + i) * width)
    }
  }
}
