import { meanOf } from '../clustering/mean.js'
import { type AssignRows, assigningAll } from '../clustering/nearest.js'
import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { panelsOf } from '../engine/panels.js'
import { toMatrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'
import { planOf } from '../quantizers/registry.js'
import { comparingAll, onlyOne, type QueryRows } from './choose.js'
import { finishQueries } from './finish.js'
import type { Held } from './held.js'
import { type Model, squaredNorms } from './model.js'
import { searchRows } from './rows.js'
import { buildSegment, type Segment } from './segment.js'

/** Centroids as vectors of an index of their own, to be found as vectors are: their numbers are its rows. */
export interface CoarseIndex {
  readonly model: Model
  readonly segment: Segment
}

/** What a coarse index is made of, and how. */
export interface CoarsePlan {
  readonly metric: Metric
  readonly dim: number
  /** nlist × dim: the centroids. */
  readonly rows: Float32Array
  /** Cells that the centroids are divided into: super-cells. */
  readonly cells: number
  /** The share of the centroids that a query is compared with: its last super-cell is the one that reaches it. */
  readonly share: number
  /** As 8-bit codes, the best compared exactly; else as they are. */
  readonly codes: boolean
}

/** k-means of centroids: few points and rounds, since what divides them need not be the best. */
const SUPER_CELLS = { iterations: 4, pointsPerCentroid: 32, seed: 1 } as const

/** A coarse index of these centroids, in memory that `held` lets go of. */
export async function indexCentroids(
  engine: Engine,
  held: Held,
  { metric, dim, rows, cells, share, codes }: CoarsePlan,
  { signal }: LongCallOptions,
): Promise<CoarseIndex> {
  const plan = planOf(codes ? 'SQ8' : 'Flat', { opq: undefined })
  if (!plan) throw new Error('the codes of centroids are missing')
  const alloc = (bytes: number): number => held.alloc(bytes)
  // Queries are normalized already, and even a zero centroid has a distance from everything.
  const plain = metric === 'l2' ? 'l2' : 'ip'
  const halfNorm = plain === 'l2'
  const middles = cells === 1 ? meanOf(rows, dim) : await divided(engine, rows, dim, plain, cells, signal)
  const nearest = await panelsOf(engine, alloc, middles, dim, { halfNorm }, signal)
  const assign = assigningAll(engine, nearest)
  const varied = cells > 1 && metric === 'ip'
  const centers = varied ? await lengthened(engine, middles, rows, dim, assign, signal) : middles
  const panels = varied ? await panelsOf(engine, alloc, centers, dim, { halfNorm }, signal) : nearest
  const quantizer = await plan.train({
    ...{ engine, alloc, metric: plain, dim, centroids: centers, sample: undefined, seed: 1, options: { signal } },
  })
  const model: Model = {
    ...{ engine, metric: plain, dim, width: dim, projection: undefined, nlist: cells, rows: centers, held },
    ...{ norms: squaredNorms(centers, dim), centroids: panels, assign },
    choose: cells === 1 ? onlyOne(centers, halfNorm) : comparingAll(panels),
    ...{ quantizer, exact: plan.exact, keep: plan.exact ? 'none' : 'f32' },
  }
  const segment = await buildSegment(model, toMatrix(rows, dim, 'centroids'), 0, { signal })
  held.adopt(segment.held)
  return { model: { ...model, reach: reaching(segment, share) }, segment }
}

/** How many cells hold this share of the segment. */
function reaching({ starts, count }: Segment, share: number): (cells: Uint32Array) => number {
  return (cells) => {
    let [met, used] = [0, 0]
    while (used < cells.length && met < share * count) {
      const cell = cells[used++] as number
      met += (starts[cell + 1] as number) - (starts[cell] as number)
    }
    return used
  }
}

/** cells × dim: the middles of super-cells; for products they are directions. */
async function divided(
  engine: Engine,
  rows: Float32Array,
  dim: number,
  metric: 'ip' | 'l2',
  cells: number,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const { trainLloyd } = await import('../clustering/lloyd.js')
  const settings = { ...SUPER_CELLS, numCentroids: cells, metric: metric === 'l2' ? 'l2' : 'cosine' } as const
  return (await trainLloyd(engine, toMatrix(rows, dim, 'centroids'), settings, { signal })).centroids
}

/**
 * Directions as long as the longest centroid of each: of those that point the same way it has the largest product, and
 * that is what a query looks for.
 */
async function lengthened(
  engine: Engine,
  directions: Float32Array,
  rows: Float32Array,
  dim: number,
  assign: AssignRows,
  signal: AbortSignal | undefined,
): Promise<Float32Array> {
  const count = rows.length / dim
  const norms = squaredNorms(rows, dim)
  const longest = new Float32Array(directions.length / dim)
  await engine.frame(async (scratch) => {
    const [at, labels] = [scratch.alloc(rows.byteLength), scratch.alloc(count * 4)]
    engine.floats(at, rows.length).set(rows)
    await assign({ rows: at, count }, labels, { signal })
    for (const [row, cell] of engine.ints(labels, count).entries()) {
      longest[cell] = Math.max(longest[cell] as number, Math.sqrt(norms[row] as number))
    }
  })
  return directions.map((value, i) => value * (longest[Math.floor(i / dim)] as number))
}

/** The centroids nearest to each query, compared exactly. */
export interface NearestCentroids {
  /** Address: per query `places` distances (squared, for l2; else −⟨query, centroid⟩), then as many cells. */
  readonly heaps: number
  readonly places: number
  /** Address: how many were found, per query. */
  readonly counts: number
  /** Centroids that queries were compared with, those of super-cells among them. */
  readonly compared: number
}

/** The k nearest centroids among those of the nearest super-cells; `spare`: more that are compared exactly. */
export async function nearestCentroids(
  scratch: Scratch,
  { model, segment }: CoarseIndex,
  queries: QueryRows,
  { k, spare, nprobe }: { k: number; spare: number; nprobe: number },
  options: RunOptions,
): Promise<NearestCentroids> {
  const places = k + (model.exact ? 0 : spare)
  const settings = { k: places, nprobe, ratioThreshold: 0, rescore: { kind: 'none' } } as const
  const both = { given: queries, coded: queries }
  const { search, stores, work } = await searchRows(scratch, model, [segment], both, settings, options)
  const counts = await finishQueries(search, stores, { mode: 'exact', reorder: true }, k, options)
  const supers = model.nlist === 1 ? 0 : model.nlist
  return { heaps: search.heaps, places, counts, compared: work.vectors + queries.nq * supers }
}
