import { allocCenters, type Centers, contribute, moveToMeans } from '../clustering/centers.js'
import { rowsByCell } from '../clustering/group.js'
import { type LloydSettings, splitEmpty, trainLloyd } from '../clustering/lloyd.js'
import type { Trained } from '../clustering/minibatch.js'
import { assigningAll } from '../clustering/nearest.js'
import { seeded } from '../clustering/random.js'
import { sampleRows } from '../clustering/sample.js'
import type { Engine } from '../engine/engine.js'
import { chunkRows, loadRows } from '../engine/load.js'
import { panelsOf } from '../engine/panels.js'
import { type Matrix, pick } from '../engine/vectors.js'
import type { LongCallOptions, Progress } from '../options.js'
import { comparingAll } from './choose.js'
import { Held } from './held.js'
import { inTwoLevels } from './two-level.js'

/** Groups are found on so many vectors each. */
const POINTS = 256
/** Lloyd's iterations over all groups, at the end: vectors at the border of a group may be nearer to a neighbour's. */
const PASSES = 2

/**
 * k-means in two levels: √nlist groups, k-means in each, with a share of the centroids that follows its size, then a
 * few of Lloyd's iterations over all, in which a vector is compared with the centroids around it only. Takes √nlist
 * times less work than `trainLloyd` with all centroids, and finds nearly as good ones (after the balanced hierarchies
 * of SPANN; Q. Chen et al., NeurIPS 2021).
 *
 * @throws IvfError ERR_NOT_FINITE
 */
export async function trainHierarchy(
  engine: Engine,
  matrix: Matrix,
  settings: LloydSettings,
  options: LongCallOptions,
  groups: number = Math.round(Math.sqrt(settings.numCentroids)),
): Promise<Trained> {
  const { numCentroids, pointsPerCentroid, seed } = settings
  const sample = sampleRows(matrix, numCentroids * pointsPerCentroid, seed)
  const progress = counting(groups * (1 + PASSES), options)
  const inGroups = await trainGroups(engine, sample, { ...settings, groups }, progress, options)
  return refine(engine, sample, inGroups, settings, groups, progress, options)
}

/** Tells how many steps are done. */
type Counting = (steps: number, delta: number) => void

function counting(total: number, { onProgress }: LongCallOptions): Counting {
  let done = 0
  return (steps, delta) => {
    done += steps
    const progress: Progress = { phase: 'train', done: Math.round(done), total, delta }
    onProgress?.(progress)
  }
}

/** numCentroids × dim: centroids of the parts of each group. */
async function trainGroups(
  engine: Engine,
  sample: Matrix,
  { groups, numCentroids, seed, ...settings }: LloydSettings & { groups: number },
  progress: Counting,
  { signal }: LongCallOptions,
): Promise<Float32Array> {
  const { dim, rows } = sample
  const coarse = { ...settings, numCentroids: groups, pointsPerCentroid: POINTS, seed }
  const { centroids } = await trainLloyd(engine, sample, coarse, { signal })
  const { starts, rows: order } = rowsByCell(await groupOf(engine, sample, centroids, settings.metric, signal), groups)
  const found = new Float32Array(numCentroids * dim)
  const shareUpTo = (row: number): number => Math.round((row / rows) * numCentroids)
  for (let group = 0; group < groups; group++) {
    const [from, to] = [starts[group] as number, starts[group + 1] as number]
    const [first, end] = [shareUpTo(from), shareUpTo(to)]
    progress(1, 1)
    // A tiny group may have no centroid of its own: its vectors go to a neighbour's.
    if (first === end) continue
    const own = { ...settings, numCentroids: end - first, pointsPerCentroid: to - from, seed: (seed + group) >>> 0 }
    const trained = await trainLloyd(engine, pick(sample, order.subarray(from, to)), own, { signal })
    found.set(trained.centroids, first * dim)
  }
  return found
}

/** The group of each row. */
async function groupOf(
  engine: Engine,
  sample: Matrix,
  centroids: Float32Array,
  metric: LloydSettings['metric'],
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const { dim, rows: count } = sample
  return engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const panels = await panelsOf(engine, alloc, centroids, dim, { halfNorm: metric === 'l2' }, signal)
    const assign = assigningAll(engine, panels)
    const labels = scratch.alloc(count * 4)
    await eachChunk(engine, sample, metric, signal, (rows, from, size) =>
      assign({ rows, count: size }, labels + from * 4, { signal }),
    )
    return engine.ints(labels, count).slice()
  })
}

/** A few of Lloyd's iterations over all centroids, in two levels. */
async function refine(
  engine: Engine,
  sample: Matrix,
  centroids: Float32Array,
  { metric, seed }: LloydSettings,
  groups: number,
  progress: Counting,
  { signal }: LongCallOptions,
): Promise<Trained> {
  const { dim } = sample
  const count = centroids.length / dim
  const random = seeded((seed ^ 0x5bd1e995) >>> 0)
  const moving = { normalize: metric === 'cosine', halfNorm: metric === 'l2', countOffset: 0, normOffset: 0 }
  const history: number[] = []
  return engine.frame(async (scratch) => {
    const centers = allocCenters(scratch, count, dim)
    const { table, rows, sums, counts } = centers
    engine.floats(sums, count * dim).set(centroids)
    engine.floats(counts, count).fill(1)
    await moveToMeans(engine, centers, moving, { signal })
    const labels = scratch.alloc(chunkRows(dim) * 4)
    for (let i = 0; i < PASSES; i++) {
      engine.floats(sums, count * dim).fill(0)
      engine.floats(counts, count).fill(0)
      const held = new Held(engine)
      let squares = 0
      try {
        const cells = { metric, dim, rows: engine.floats(rows, count * dim).slice(), exact: true }
        const all = { choose: comparingAll(table), assign: assigningAll(engine, table) }
        const { assign } = inTwoLevels(engine, held, cells, all)
        await eachChunk(engine, sample, metric, signal, async (at, _, size, norms) => {
          await assign({ rows: at, count: size }, labels, { signal })
          await contribute(engine, centers, { rows: at, labels, count: size }, 1, { signal })
          for (const norm of engine.floats(norms, size)) squares += norm
          progress((size / sample.rows) * groups, delta())
        })
      } finally {
        held.release()
      }
      history.push(meanDistance(engine, centers, metric, squares, sample.rows))
      splitEmpty(engine, centers, random)
      await moveToMeans(engine, centers, moving, { signal })
    }
    return { centroids: engine.floats(rows, count * dim).slice(), history }
  })

  function delta(): number {
    const [last, now] = [history.at(-2), history.at(-1)]
    return last === undefined || now === undefined ? 1 : Math.abs(last - now)
  }
}

/** Of the rows that were added up, to the centroids before these move. `squares`: the sum of the rows' squared norms. */
function meanDistance(
  engine: Engine,
  { table: { count, dim }, rows, sums, counts }: Centers,
  metric: LloydSettings['metric'],
  squares: number,
  n: number,
): number {
  const [centers, added, tally] = [
    engine.floats(rows, count * dim),
    engine.floats(sums, count * dim),
    engine.floats(counts, count),
  ]
  let [products, norms] = [0, 0]
  for (let i = 0; i < centers.length; i++) {
    const value = centers[i] as number
    products += value * (added[i] as number)
    norms += value * value * (tally[Math.floor(i / dim)] as number)
  }
  return Math.max(0, metric === 'cosine' ? 1 - products / n : (squares - 2 * products + norms) / n)
}

/** Rows in memory, prepared, a chunk at a time. */
async function eachChunk(
  engine: Engine,
  matrix: Matrix,
  metric: LloydSettings['metric'],
  signal: AbortSignal | undefined,
  work: (rows: number, from: number, count: number, norms: number) => Promise<void>,
): Promise<void> {
  const chunk = Math.min(matrix.rows, chunkRows(matrix.dim))
  await engine.frame(async (scratch) => {
    const [rows, norms] = [scratch.alloc(chunk * matrix.dim * 4), scratch.alloc(chunk * 4)]
    for (let from = 0; from < matrix.rows; from += chunk) {
      const to = Math.min(from + chunk, matrix.rows)
      await loadRows(engine, matrix, from, to, rows, { normalize: metric === 'cosine', norms, name: 'vectors', signal })
      await work(rows, from, to - from, norms)
    }
  })
}
