import type { Engine, Scratch } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { allocCenters, type Centers, contribute, moveToMeans } from './centers.js'
import { assign } from './nearest.js'
import { loadSlices } from './slices.js'

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

/** Where batches come from. */
export interface BatchSource {
  /** The next batch, or undefined when there are no more. */
  next(): Promise<Matrix | undefined>
  /** Whether a batch may be asked for while the one before is still worked on: it costs nobody anything. */
  readonly ahead: boolean
}

export interface Trained {
  /** subspaces × numCentroids × (dim / subspaces) */
  centroids: Float32Array
  /** The convergence after each step that had one; falls from 1. */
  history: number[]
}

/** A batch in memory, one block: per subspace its slices, count × dim/subspaces; and then its labels. */
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
  source: BatchSource,
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
  let coming: Batch | undefined
  try {
    return await engine.frame(async (scratch) => {
      const spaces = Array.from({ length: subspaces }, () => allocCenters(scratch, numCentroids, width))
      await initialize(spaces)
      let ema = 1
      for (let step = 0; step < maxSteps; step++) {
        signal?.throwIfAborted()
        const batch = coming ?? (await loadNext())
        if (!batch) break
        kept.push(batch)
        coming = undefined
        const last = kept.length > historySize ? kept[0] : undefined
        await engine.frame(async (inner) => {
          const again = last ? inner.alloc(last.count * subspaces * 4) : 0
          // Side by side, so that no thread waits between the two, nor this one for all.
          const work = [label(spaces, batch, batch.labels)]
          if (last) work.push(label(spaces, last, again))
          if (source.ahead && step + 1 < maxSteps) work.push(readAhead())
          await all(work)
          for (const [s, space] of spaces.entries())
            await contribute(engine, space, part(batch, batch.labels, s), 1, { signal })
          if (last) ema = 0.95 * ema + 0.05 * (await correct(spaces, last, again, inner))
        })
        if (last) {
          history.push(ema)
          engine.free(last.slices)
          kept.shift()
        }
        onProgress?.({ phase: 'train', done: step + 1, total: maxSteps, delta: ema })
        if (ema < tol) break
        for (const space of spaces) {
          equalize(engine, space, minMaxRatioThreshold)
          await moveToMeans(engine, space, moving, { signal })
        }
      }
      const centroids = new Float32Array(subspaces * numCentroids * width)
      spaces.forEach(({ rows }, s) =>
        centroids.set(engine.floats(rows, numCentroids * width), s * numCentroids * width),
      )
      return { centroids, history }
    })
  } finally {
    for (const batch of coming ? [...kept, coming] : kept) engine.free(batch.slices)
  }

  /** The first rows of the first batches become the centroids. */
  async function initialize(spaces: Centers[]): Promise<void> {
    let have = 0
    while (have < numCentroids) {
      const batch = await loadNext()
      if (!batch) {
        throw new IvfError(
          'ERR_TOO_FEW',
          `${have} vectors cannot make ${numCentroids} centroids; give at least ${numCentroids} vectors or ask for fewer centroids`,
        )
      }
      const count = Math.min(batch.count, numCentroids - have)
      spaces.forEach(({ sums, counts }, s) => {
        const from = engine.floats(part(batch, 0, s).rows, count * width)
        engine.floats(sums + have * width * 4, count * width).set(from)
        engine.floats(counts + have * 4, count).fill(1)
      })
      engine.free(batch.slices)
      have += count
    }
    for (const space of spaces) await moveToMeans(engine, space, moving, { signal })
  }

  async function loadNext(): Promise<Batch | undefined> {
    const matrix = await source.next()
    if (!matrix) return undefined
    const count = matrix.rows
    const slices = engine.alloc(count * (dim + subspaces) * 4)
    try {
      const options = { normalize: metric === 'cosine', name: 'vectors', signal }
      await loadSlices(engine, matrix, subspaces, 0, count, slices, options)
    } catch (error) {
      engine.free(slices)
      throw error
    }
    return { count, slices, labels: slices + count * dim * 4 }
  }

  async function readAhead(): Promise<void> {
    coming = await loadNext()
  }

  async function label(spaces: Centers[], batch: Batch, labels: number): Promise<void> {
    for (const [s, { table }] of spaces.entries()) {
      const own = part(batch, labels, s)
      await assign(engine, table, own, { labels: own.labels, distances: 0 }, { signal })
    }
  }

  /** Moves the rows whose labels have changed to where they belong now; returns their share. */
  async function correct(spaces: Centers[], batch: Batch, labels: number, scratch: Scratch): Promise<number> {
    const { count } = batch
    const [indices, before, after] = [scratch.alloc(count * 4), scratch.alloc(count * 4), scratch.alloc(count * 4)]
    let total = 0
    for (const [s, space] of spaces.entries()) {
      const { rows, labels: was } = part(batch, batch.labels, s)
      const is = part(batch, labels, s).labels
      const changed = listChanges(
        engine.ints(was, count),
        engine.ints(is, count),
        engine.ints(indices, count),
        engine.ints(before, count),
        engine.ints(after, count),
      )
      await contribute(engine, space, { rows, indices, labels: before, count: changed }, -1, { signal })
      await contribute(engine, space, { rows, indices, labels: after, count: changed }, 1, { signal })
      total += changed
    }
    return total / (count * subspaces)
  }

  /** A subspace's rows of a batch, and their labels within `labels`. */
  function part({ slices, count }: Batch, labels: number, s: number): { rows: number; labels: number; count: number } {
    return { rows: slices + s * count * width * 4, labels: labels + s * count * 4, count }
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

/** Writes the number, old and new label of each row whose label has changed; returns how many. */
function listChanges(
  was: Uint32Array,
  is: Uint32Array,
  indices: Uint32Array,
  before: Uint32Array,
  after: Uint32Array,
): number {
  let changed = 0
  for (let i = 0; i < was.length; i++) {
    if (was[i] === is[i]) continue
    indices[changed] = i
    before[changed] = was[i] as number
    after[changed++] = is[i] as number
  }
  return changed
}

/** Waits for all, even when one fails: what they write to is freed next. */
async function all(work: Promise<void>[]): Promise<void> {
  for (const end of await Promise.allSettled(work)) if (end.status === 'rejected') throw end.reason
}
