import type { Engine } from '../engine/engine.js'
import { loadRows } from '../engine/load.js'
import { allocPanels, type Panels } from '../engine/panels.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
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

const EPSILON = 1e-5

/** One of the k-means. */
interface Subspace {
  table: Panels
  rows: number // the centroids, row-major
  sums: number
  counts: number
}

/** A batch in memory: per subspace its slices, batch × dim/subspaces, and its labels. */
interface Batch {
  count: number
  slices: number
  labels: number
}

/** @throws IvfError ERR_TOO_FEW when the batches end before every centroid has a first vector. */
export async function trainMiniBatch(
  engine: Engine,
  dim: number,
  next: NextBatch,
  settings: MiniBatchSettings,
  { signal, onProgress }: LongCallOptions,
): Promise<Trained> {
  const { numCentroids, subspaces, historySize, maxSteps, tol } = settings
  const width = dim / subspaces
  const kept: Batch[] = []
  const history: number[] = []
  try {
    return await engine.frame(async (scratch) => {
      const spaces: Subspace[] = Array.from({ length: subspaces }, () => ({
        table: allocPanels(engine, (bytes) => scratch.alloc(bytes), numCentroids, width),
        rows: scratch.zeros(numCentroids * width),
        sums: scratch.zeros(numCentroids * width),
        counts: scratch.zeros(numCentroids),
      }))
      await initialize()
      let ema = 1
      for (let step = 0; step < maxSteps; step++) {
        signal?.throwIfAborted()
        const matrix = await next()
        if (!matrix) break
        if (matrix.rows === 0) continue
        const batch = await load(matrix)
        kept.push(batch)
        await label(batch, batch.labels)
        await contribute(batch, batch.labels, 1)
        if (kept.length > historySize) {
          const oldest = kept.shift() as Batch
          const labels = engine.alloc(oldest.count * subspaces * 4)
          try {
            await label(oldest, labels)
            ema = 0.95 * ema + 0.05 * changed(oldest, labels)
            history.push(ema)
            if (ema >= tol) {
              await contribute(oldest, oldest.labels, -1)
              await contribute(oldest, labels, 1)
            }
          } finally {
            engine.free(labels)
            release(oldest)
          }
        }
        onProgress?.({ phase: 'train', done: step + 1, total: maxSteps, delta: ema })
        if (ema < tol) break
        for (const space of spaces) equalize(space)
        await recompute()
      }
      const centroids = new Float32Array(subspaces * numCentroids * width)
      spaces.forEach(({ rows }, s) => centroids.set(engine.floats(rows, numCentroids * width), s * numCentroids * width))
      return { centroids, history }

      /** The first rows of the first batches become the centroids. */
      async function initialize(): Promise<void> {
        let have = 0
        while (have < numCentroids) {
          const matrix = await next()
          if (!matrix) {
            throw new IvfError('ERR_TOO_FEW', `${have} vectors cannot make ${numCentroids} centroids; give at least ${numCentroids} vectors or ask for fewer centroids`)
          }
          const batch = await load(matrix)
          const count = Math.min(batch.count, numCentroids - have)
          spaces.forEach(({ sums, counts }, s) => {
            const from = engine.floats(batch.slices + s * batch.count * width * 4, count * width)
            engine.floats(sums + have * width * 4, count * width).set(from)
            engine.floats(counts + have * 4, count).fill(1)
          })
          release(batch)
          have += count
        }
        await recompute()
      }

      async function load(matrix: Matrix): Promise<Batch> {
        const count = matrix.rows
        const batch: Batch = { count, slices: engine.alloc(count * dim * 4), labels: engine.alloc(count * subspaces * 4) }
        try {
          if (subspaces === 1) {
            await loadRows(engine, matrix, 0, count, batch.slices, { normalize: settings.metric === 'cosine', name: 'vectors', signal })
          } else {
            await engine.frame(async (own) => {
              const rows = own.alloc(count * dim * 4)
              await loadRows(engine, matrix, 0, count, rows, { normalize: false, name: 'vectors', signal })
              slice(engine.floats(rows, count * dim), engine.floats(batch.slices, count * dim), count, subspaces)
            })
          }
        } catch (error) {
          release(batch)
          throw error
        }
        return batch
      }

      async function label(batch: Batch, labels: number): Promise<void> {
        for (const [s, space] of spaces.entries()) {
          const rows = batch.slices + s * batch.count * width * 4
          await assign(engine, space.table, { rows, count: batch.count }, { labels: labels + s * batch.count * 4, distances: 0 }, { signal })
        }
      }

      async function contribute(batch: Batch, labels: number, sign: 1 | -1): Promise<void> {
        for (const [s, { sums, counts }] of spaces.entries()) {
          const own = labels + s * batch.count * 4
          await engine.frame((inner) => {
            const record = inner.record('Sums', {
              rows: batch.slices + s * batch.count * width * 4,
              indices: 0,
              labels: own,
              count: batch.count,
              dim: width,
              sign,
              sums,
            })
            const cost = batch.count * width
            return engine.run({ kernel: 'addToSums', record, count: Math.ceil(width / 16) }, { cost, signal })
          })
          const tally = engine.floats(counts, numCentroids)
          for (const cell of engine.ints(own, batch.count)) tally[cell] = (tally[cell] as number) + sign
        }
      }

      async function recompute(): Promise<void> {
        for (const { table, rows, sums, counts } of spaces) {
          await engine.frame((inner) => {
            const record = inner.record('Means', {
              sums,
              counts,
              count: numCentroids,
              dim: width,
              countOffset: subspaces > 1 ? EPSILON : 0,
              normalize: settings.metric === 'cosine' ? 1 : 0,
              normOffset: EPSILON,
              halfNorm: settings.metric === 'l2' ? 1 : 0,
              rows,
              panels: table.panels,
              bias: table.bias,
            })
            return engine.run({ kernel: 'means', record, count: numCentroids }, { cost: numCentroids * width, signal })
          })
        }
      }
    })
  } finally {
    kept.forEach(release)
  }

  function release(batch: Batch): void {
    engine.free(batch.slices)
    engine.free(batch.labels)
  }

  /** The share of labels that differ. */
  function changed(batch: Batch, labels: number): number {
    const length = batch.count * subspaces
    const before = engine.ints(batch.labels, length)
    let count = 0
    engine.ints(labels, length).forEach((cell, i) => {
      if (cell !== before[i]) count++
    })
    return count / length
  }

  /** When the smallest centroid has too few members beside the largest, half of the largest goes over to it. */
  function equalize({ sums, counts }: Subspace): void {
    const tally = engine.floats(counts, numCentroids)
    let [small, large] = [0, 0]
    tally.forEach((count, cell) => {
      if (count < (tally[small] as number)) small = cell
      if (count > (tally[large] as number)) large = cell
    })
    if (small === large || (tally[small] as number) / (tally[large] as number) > settings.minMaxRatioThreshold) return
    const half = (tally[large] as number) / 2
    tally[large] = half
    tally[small] = (tally[small] as number) + half
    const from = engine.floats(sums + large * width * 4, width)
    const to = engine.floats(sums + small * width * 4, width)
    for (let i = 0; i < width; i++) {
      from[i] = (from[i] as number) / 2
      to[i] = (to[i] as number) + (from[i] as number)
    }
  }
}

/** rows: count × (subspaces · width) → slices: subspaces × count × width */
export function slice(rows: Float32Array, slices: Float32Array, count: number, subspaces: number): void {
  const dim = rows.length / count
  const width = dim / subspaces
  for (let s = 0; s < subspaces; s++) {
    for (let i = 0; i < count; i++) {
      const from = i * dim + s * width
      slices.set(rows.subarray(from, from + width), (s * count + i) * width)
    }
  }
}
