import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Prepared } from '../quantizers/quantizer.js'
import type { Queries } from './choose.js'
import { codedDistances } from './coded-distances.js'
import { updateLimits } from './finish.js'
import type { Model } from './model.js'
import { type Bound, beginSearch, type ScanVisit, type Search, type Store, scan } from './scan.js'
import type { Segment } from './segment.js'
import { groupByCell, type Probes, withinRatio } from './visits.js'

/** Which candidates are compared exactly. */
export type Rescore =
  | { kind: 'none' }
  /** The best factor · k by estimate; sorted again, or left in the order of their estimates. */
  | { kind: 'factor'; factor: number; reorder: boolean }
  /** Some of the k, to fit a line that is applied to all. */
  | { kind: 'calibrated'; samples: number }
  /** Those whose estimate, less epsilon standard errors, may still beat the k-th. */
  | { kind: 'bound'; epsilon: number }

/** How rows are searched for: nothing is optional below the edge. */
export interface RowSettings {
  /** Places of each heap. */
  k: number
  nprobe: number
  ratioThreshold: number
  rescore: Rescore
}

/** Heaps of candidates, not yet merged over the lanes, and what their slots mean. */
export interface Candidates {
  search: Search
  stores: Store[]
  probes: Probes
  /** What it took. */
  work: { vectors: number; cells: number; rescored: number }
}

/** Cells per query of the first wave: fewer would make groups too small for whole tiles. */
const FIRST_WAVE = 4
/** The k-th exact distance of so many times k of the best estimates is a good first limit. */
const SEEDS = 2

/** The nearest of each query among the cells it visits, by their codes or, within bounds, exactly. */
export async function searchRows(
  scratch: Scratch,
  model: Model,
  segments: readonly Segment[],
  queries: Queries,
  { k, nprobe, ratioThreshold, rescore }: RowSettings,
  { signal }: RunOptions,
  onItems?: (done: number, total: number) => void,
): Promise<Candidates> {
  const { metric, dim, quantizer, exact } = model
  const { given, coded } = queries
  const { nq } = given
  const prepared = await quantizer.prepare(scratch, coded.rows, nq, { signal })
  const probes = await findProbes(model, scratch, queries, prepared, nprobe, ratioThreshold, signal)
  const bounded = rescore.kind === 'bound'
  const stores = storesOf(segments)
  // The nearest cells first, so that limits are tight for the rest.
  const groups = visitsOf(scratch, model, segments, stores, probes, bounded ? [0, 1, FIRST_WAVE] : [0, FIRST_WAVE])
  const waves = bounded ? groups : [groups.flat()]
  const items = waves.reduce((sum, wave) => sum + wave.length, 0)
  let vectors = 0
  for (const wave of waves) for (const visit of wave) vectors += (visit.to - visit.from) * visit.count
  const cost = vectors * quantizer.scan.cost
  const compared = { queries: given.rows, norms: coded.norms }
  const search = await beginSearch(scratch, { metric, dim, quantizer, exact, prepared, k, nq, ...compared, cost })
  const bound = bounded ? boundOf(search, rescore.epsilon) : undefined
  let scanned = 0
  for (const [i, wave] of waves.entries()) {
    if (wave.length === 0) continue
    if (i > 0 && bound) await updateLimits(search, bound.limits, { signal })
    const done = scanned
    await scan(search, wave, { signal, ...(onItems && { onItems: (n: number) => onItems(done + n, items) }) }, bound)
    scanned += wave.length
  }
  const cells = probes.used.reduce((sum, used) => sum + used, 0)
  return { search, stores, probes, work: { vectors, cells, rescored: bound ? comparedOf(search, bound) : 0 } }
}

function boundOf({ scratch, nq, lanes, k }: Search, epsilon: number): Bound {
  const limits = scratch.alloc(nq * 4)
  const compared = scratch.zeros(16 * lanes)
  scratch.engine.floats(limits, nq).fill(Number.POSITIVE_INFINITY)
  return { limits, epsilon, compared, seeds: SEEDS * k }
}

function comparedOf({ scratch, lanes }: Search, { compared }: Bound): number {
  let sum = 0
  for (let lane = 0; lane < lanes; lane++) sum += scratch.engine.ints(compared + lane * 64, 1)[0] as number
  return sum
}

/** The segments' slots, numbered on from one to the next. */
function storesOf(segments: readonly Segment[]): Store[] {
  let slot = 0
  return segments.map(({ codes, originals, ids, count }) => {
    const store = { codes, originals, ids, slot }
    slot += count
    return store
  })
}

/** The visits of each wave of ranks. */
function visitsOf(
  scratch: Scratch,
  { engine, nlist, metric, norms, quantizer }: Model,
  segments: readonly Segment[],
  stores: readonly Store[],
  probes: Probes,
  ranks: readonly number[],
): ScanVisit[][] {
  const pairs = groupByCell(probes, nlist, ranks, metric === 'l2' ? undefined : norms)
  const count = pairs.queries.length
  const at = scratch.alloc(count * 16)
  engine.ints(at, count).set(pairs.queries)
  engine.floats(at + count * 4, count).set(pairs.near)
  engine.floats(at + count * 8, count).set(pairs.apart)
  engine.floats(at + count * 12, count).set(pairs.share)
  return pairs.waves.map((visits) =>
    segments.flatMap(({ starts }, i) => {
      const found: ScanVisit[] = []
      for (const { cell, from, to } of visits) {
        const [first, last] = [starts[cell] as number, starts[cell + 1] as number]
        if (first === last) continue
        found.push({
          store: stores[i] as Store,
          from: first,
          to: last,
          queries: at + from * 4,
          near: quantizer.residual ? at + (count + from) * 4 : 0,
          share: quantizer.byShare ? at + (3 * count + from) * 4 : 0,
          apart: at + (2 * count + from) * 4,
          count: to - from,
        })
      }
      return found
    }),
  )
}

async function findProbes(
  model: Model,
  scratch: Scratch,
  { given, coded }: Queries,
  { units }: Prepared,
  nprobe: number,
  ratioThreshold: number,
  signal: AbortSignal | undefined,
): Promise<Probes> {
  const { engine, metric, choose, quantizer, projection } = model
  const { nq } = given
  const celled = projection?.beforeCells ? coded : given
  const { cells, distances: whole } = await choose(scratch, celled, nprobe, { signal })
  const [norms, lengths] = [engine.floats(coded.norms, nq).slice(), engine.floats(celled.norms, nq).slice()]
  const zeros = engine.floats(given.norms, nq).slice()
  const used = Uint32Array.from({ length: nq }, (_, q) => {
    // A zero query has no direction: no cosine is defined, so it has no answers.
    if (metric === 'cosine' && zeros[q] === 0) return 0
    return withinRatio(whole.subarray(q * nprobe, (q + 1) * nprobe), lengths[q] as number, metric, ratioThreshold)
  })
  const distances = projection?.centroids
    ? await codedDistances(engine, model, projection, coded, { cells, nprobe }, { signal })
    : whole
  const { rounding } = quantizer
  return { nq, nprobe, cells, distances, used, norms, rounded: rounding ? rounded() : undefined }

  function rounded(): Float32Array {
    const unit = engine.floats(units, 2 * nq)
    return Float32Array.from({ length: nq }, (_, q) => rounding * (unit[2 * q] as number) ** 2)
  }
}
