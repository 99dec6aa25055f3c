import { allocCenters, moveToMeans } from '../clustering/centers.js'
import { eachChunk } from '../clustering/each-chunk.js'
import { rowsByCell } from '../clustering/group.js'
import { type LloydSettings, splitEmpty, trainLloyd } from '../clustering/lloyd.js'
import type { Trained } from '../clustering/minibatch.js'
import { assign } from '../clustering/nearest.js'
import { seeded } from '../clustering/random.js'
import { sampleRows } from '../clustering/sample.js'
import type { Engine } from '../engine/engine.js'
import { panelsOf } from '../engine/panels.js'
import { type Matrix, pick } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { type Labelled, reassign } from './neighbours.js'

/** Groups are found on so many vectors each. */
const POINTS = 256
/** Lloyd's iterations over all, at the end: what lies at the border of a group may be nearer to a neighbour's centroid. */
const PASSES = 4
/** Of the iterations that are asked for, so many are made within groups. */
const WITHIN = 0.6

/**
 * k-means in two levels: √nlist groups; within each k-means, with a share of the centroids that follows its size; then
 * a few of Lloyd's iterations over all, in which a vector is compared with the centroids around its own only. It takes
 * about √nlist times less work than `trainLloyd` with all of them. The history is that of the last iterations.
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
  const { numCentroids, pointsPerCentroid, metric, seed } = settings
  const { signal, onProgress } = options
  const sample = sampleRows(matrix, numCentroids * pointsPerCentroid, seed)
  const [each, total] = [Math.ceil(groups / 8), groups + PASSES * Math.ceil(groups / 8)]
  const step = (done: number, delta = 1): void => onProgress?.({ phase: 'train', done, total, delta })
  const start = await trainGroups(engine, sample, settings, groups, step, signal)
  const random = seeded((seed ^ 0x5bd1e995) >>> 0)
  const moving = { normalize: metric === 'cosine', halfNorm: metric === 'l2', countOffset: 0, normOffset: 0 }
  const history: number[] = []
  return engine.frame(async (scratch) => {
    const centers = allocCenters(scratch, numCentroids, sample.dim)
    const { rows, sums, counts } = centers
    engine.floats(sums, numCentroids * sample.dim).set(start.centroids)
    engine.floats(counts, numCentroids).fill(1)
    await moveToMeans(engine, centers, moving, { signal })
    for (let i = 0; i < PASSES; i++) {
      history.push(await reassign(engine, sample, centers, start.labels, metric, signal))
      splitEmpty(engine, centers, random)
      await moveToMeans(engine, centers, moving, { signal })
      const [last, now] = [history.at(-2), history.at(-1) as number]
      step(groups + (i + 1) * each, last === undefined ? 1 : Math.abs(last - now))
    }
    return { centroids: engine.floats(rows, numCentroids * sample.dim).slice(), history }
  })
}

/** Centroids of the parts of each group (numCentroids × dim), and the label of each row. */
async function trainGroups(
  engine: Engine,
  sample: Matrix,
  settings: LloydSettings,
  groups: number,
  step: (done: number) => void,
  signal: AbortSignal | undefined,
): Promise<Labelled> {
  const { numCentroids, metric, seed } = settings
  const { dim, rows } = sample
  const coarse = { ...settings, numCentroids: groups, pointsPerCentroid: POINTS }
  const { centroids: middles } = await trainLloyd(engine, sample, coarse, { signal })
  const { starts, rows: order } = rowsByCell(await labelled(engine, sample, middles, metric, signal), groups)
  const centroids = new Float32Array(numCentroids * dim)
  const labels = new Uint32Array(rows)
  const without: number[] = []
  const shareUpTo = (row: number): number => Math.round((row / rows) * numCentroids)
  for (let group = 0; group < groups; group++) {
    const own = order.subarray(starts[group], starts[group + 1])
    const [first, end] = [shareUpTo(starts[group] as number), shareUpTo(starts[group + 1] as number)]
    step(group + 1)
    if (first === end) {
      without.push(...own)
      continue
    }
    const members = pick(sample, own)
    const iterations = Math.ceil(settings.iterations * WITHIN)
    const within = { metric, iterations, numCentroids: end - first, pointsPerCentroid: own.length, seed: seed ^ group }
    const found = await trainLloyd(engine, members, within, { signal })
    centroids.set(found.centroids, first * dim)
    const local = await labelled(engine, members, found.centroids, metric, signal)
    for (const [i, row] of own.entries()) labels[row] = first + (local[i] as number)
  }
  // A tiny group may have no centroid of its own.
  const rest = Uint32Array.from(without)
  const found = await labelled(engine, pick(sample, rest), centroids, metric, signal)
  for (const [i, row] of rest.entries()) labels[row] = found[i] as number
  return { centroids, labels }
}

/** The nearest of all these centroids to each row. */
async function labelled(
  engine: Engine,
  matrix: Matrix,
  centroids: Float32Array,
  metric: LloydSettings['metric'],
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const { dim, rows: count } = matrix
  const labels = new Uint32Array(count)
  if (count === 0) return labels
  await engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const panels = await panelsOf(engine, alloc, centroids, dim, { halfNorm: metric === 'l2' }, signal)
    await eachChunk(engine, matrix, metric === 'cosine', signal, async (own, { rows, from, count }) => {
      const out = own.alloc(count * 4)
      await assign(engine, panels, { rows, count }, { labels: out, distances: 0 }, { signal })
      labels.set(engine.ints(out, count), from)
    })
  })
  return labels
}
