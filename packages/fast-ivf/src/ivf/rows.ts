import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Prepared } from '../quantizers/quantizer.js'
import type { Allowed } from './allowed.js'
import { chunksOf } from './bits.js'
import type { Queries } from './choose.js'
import { updateLimits } from './finish.js'
import type { Model } from './model.js'
import { findProbes } from './probes.js'
import { type Bound, beginSearch, type ScanVisit, type Search, type Store, scan } from './scan.js'
import type { Segment } from './segment.js'
import { type Part, partsOf, type Visited } from './spilled.js'
import { type CellVisit, groupByCell, type Probes } from './visits.js'

/** Which candidates are compared exactly. */
export type Rescore =
  | { kind: 'none' }
  /** The best factor · k by estimate; sorted again, or left in the order of their estimates. */
  | { kind: 'factor'; factor: number; reorder: boolean }
  /** Some of the k, to fit a line that is applied to all. */
  | { kind: 'calibrated'; samples: number }
  /** Those whose estimate, less epsilon standard errors, may still beat the k-th; `given`: the caller says how many. */
  | { kind: 'bound'; epsilon: number; given?: boolean }

/** The queries of a search, for those who look for more cells. */
export interface AskedRows {
  readonly model: Model
  readonly queries: Queries
  readonly prepared: Prepared
}

/** Says, once each query's nearest cells have been visited, which others it visits. */
export interface StoppingRule {
  /** So many cells every query visits. */
  readonly wave: number
  /** Neighbours that it looks for; heaps have room for as many. */
  readonly k: number
  /** Vectors that a query is likely to be compared with: decides where it runs. */
  readonly vectors: number
  /**
   * The cells that are worth a visit, behind those of the wave and in their order; `probes` may be written over. The
   * heaps are merged into the first lane's. Also the recall that each query can expect.
   */
  decide(
    search: Search,
    probes: Probes,
    asked: AskedRows,
    options: RunOptions,
  ): Promise<{ probes: Probes; expected: Float32Array }>
}

/** How rows are searched for: nothing is optional below the edge. */
export interface RowSettings {
  /** Places of each heap. */
  k: number
  nprobe: number
  ratioThreshold: number
  rescore: Rescore
  /** Only these may be answers; more cells are visited where they are few. */
  allowed?: Allowed | undefined
  /** Stops before nprobe cells. */
  rule?: StoppingRule | undefined
}

/** Heaps of candidates, not yet merged over the lanes, and what their slots mean. */
export interface Candidates {
  search: Search
  stores: Store[]
  probes: Probes
  /** With a rule, nq: the recall that each query can expect. */
  expected: Float32Array | undefined
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
  { k, nprobe, ratioThreshold, rescore, allowed, rule }: RowSettings,
  { signal }: RunOptions,
  onItems?: (done: number, total: number) => void,
): Promise<Candidates> {
  const { metric, dim, quantizer, exact } = model
  const { given, coded } = queries
  const { nq } = given
  const prepared = await quantizer.prepare(scratch, coded.rows, nq, { signal })
  const wanted = { nprobe, ratioThreshold, k, allowed }
  let probes = await findProbes(model, scratch, queries, prepared, wanted, signal)
  const bounded = rescore.kind === 'bound'
  // Who visits all cells meets every vector in its own.
  const parts: readonly Part[] = nprobe < model.nlist ? partsOf(segments) : segments
  const stores = storesOf(parts, placeMasks(scratch, parts, allowed))
  // What is in two cells that a query visits is met in its own: with a rule, when all that it visits is known.
  const met = parts.length > segments.length ? await import('./met.js') : undefined
  const visited = (): Visited | undefined => met?.placeVisited(scratch, probes, model.nlist)
  // The nearest cells first, so that limits are tight for the rest.
  const ranks = bounded ? [0, 1, FIRST_WAVE] : [0, FIRST_WAVE]
  const first = rule ? { ...probes, used: probes.used.map((used) => Math.min(used, rule.wave)) } : probes
  const nearest = wavesOf(first, ranks, rule ? 'own' : 'all')
  let vectors = scoredBy(nearest)
  const cost = (rule ? nq * rule.vectors : vectors) * quantizer.scan.cost
  const compared = { queries: given.rows, norms: coded.norms, visited: rule ? undefined : visited() }
  const search = await beginSearch(scratch, { metric, dim, quantizer, exact, prepared, k, nq, ...compared, cost })
  const limits = bounded || rule ? scratch.alloc(nq * 4) : 0
  const bound = bounded ? boundOf(search, limits, rescore.epsilon) : undefined
  let [scanned, items] = [0, itemsOf(nearest)]
  await visit(search, nearest, rule ? undefined : onItems)
  let expected: Float32Array | undefined
  if (rule) {
    await updateLimits(search, limits, { signal })
    const decided = await rule.decide(search, probes, { model, queries, prepared }, { signal })
    expected = decided.expected
    probes = decided.probes
    const rest = wavesOf(probes, [rule.wave], 'own')
    if (met) rest.at(-1)?.push(...wavesOf(probes, [0], 'spilled').flat())
    vectors += scoredBy(rest)
    items += itemsOf(rest)
    await visit({ ...search, visited: visited() }, rest, onItems)
  }
  const cells = probes.used.reduce((sum, used) => sum + used, 0)
  const work = { vectors, cells, rescored: bound ? comparedOf(search, bound) : 0 }
  return { search, stores, probes, expected, work }

  function wavesOf(chosen: Probes, from: readonly number[], which: 'own' | 'spilled' | 'all'): ScanVisit[][] {
    const wanted = parts.map(({ spilled }) => which === 'all' || (which === 'spilled') === (spilled !== undefined))
    const groups = visitsOf(parts, stores, placePairs(scratch, model, chosen, from), wanted, allowed)
    return bounded ? groups : [groups.flat()]
  }

  async function visit(search: Search, waves: readonly ScanVisit[][], told: typeof onItems): Promise<void> {
    for (const [i, wave] of waves.entries()) {
      if (wave.length === 0) continue
      if (i > 0 && bound) await updateLimits(search, bound.limits, { signal })
      const done = scanned
      await scan(search, wave, { signal, ...(told && { onItems: (n: number) => told(done + n, items) }) }, bound)
      scanned += wave.length
    }
  }
}

function itemsOf(waves: readonly ScanVisit[][]): number {
  return waves.reduce((sum, wave) => sum + wave.length, 0)
}

function scoredBy(waves: readonly ScanVisit[][]): number {
  let vectors = 0
  for (const wave of waves) for (const { from, to, count } of wave) vectors += (to - from) * count
  return vectors
}

function boundOf({ scratch, nq, lanes, k }: Search, limits: number, epsilon: number): Bound {
  const compared = scratch.zeros(16 * lanes)
  scratch.engine.floats(limits, nq).fill(Number.POSITIVE_INFINITY)
  return { limits, epsilon, compared, seeds: SEEDS * k }
}

function comparedOf({ scratch, lanes }: Search, { compared }: Bound): number {
  let sum = 0
  for (let lane = 0; lane < lanes; lane++) sum += scratch.engine.ints(compared + lane * 64, 1)[0] as number
  return sum
}

/** Address of each part's mask, in scratch; without a filter its own, or 0. */
function placeMasks(scratch: Scratch, parts: readonly Part[], allowed: Allowed | undefined): number[] {
  return parts.map(({ mask }, i) => {
    const words = allowed?.parts[i]
    if (!words) return mask
    const at = scratch.alloc(words.byteLength)
    scratch.engine.ints(at, words.length).set(words)
    return at
  })
}

/** The parts' slots, numbered on from one to the next. */
function storesOf(parts: readonly Part[], masks: readonly number[]): Store[] {
  let slot = 0
  return parts.map(({ codes, originals, rows, count, spilled }, i) => {
    const store = { codes, originals, rows, mask: masks[i] as number, slot, spilled }
    slot += count
    return store
  })
}

/** Pairs of cells and queries in memory, wave by wave. */
export interface PlacedPairs {
  waves: CellVisit[][]
  /** What a visit tells of its queries. */
  fields(visit: CellVisit): Pick<ScanVisit, 'queries' | 'near' | 'share' | 'apart' | 'count'>
}

/** Groups what queries visit by cell, in waves of ranks. */
export function placePairs(
  scratch: Scratch,
  { engine, nlist, metric, norms, quantizer }: Model,
  probes: Probes,
  ranks: readonly number[],
): PlacedPairs {
  const pairs = groupByCell(probes, nlist, ranks, metric === 'l2' ? undefined : norms)
  const count = pairs.queries.length
  const at = scratch.alloc(count * 16)
  engine.ints(at, count).set(pairs.queries)
  engine.floats(at + count * 4, count).set(pairs.near)
  engine.floats(at + count * 8, count).set(pairs.apart)
  engine.floats(at + count * 12, count).set(pairs.share)
  return {
    waves: pairs.waves,
    fields: ({ from, to }) => ({
      queries: at + from * 4,
      near: quantizer.residual ? at + (count + from) * 4 : 0,
      share: quantizer.byShare ? at + (3 * count + from) * 4 : 0,
      apart: at + (2 * count + from) * 4,
      count: to - from,
    }),
  }
}

/** Queries are packed for each visit: with many, slots that are not allowed are passed over only if they are many. */
const GAP = 64
const FEW = 4

/** The visits of each wave to the parts that are wanted. */
function visitsOf(
  parts: readonly Part[],
  stores: readonly Store[],
  { waves, fields }: PlacedPairs,
  wanted: readonly boolean[],
  allowed: Allowed | undefined,
): ScanVisit[][] {
  return waves.map((visits) =>
    parts.flatMap(({ starts }, i) => {
      if (!wanted[i]) return []
      const store = stores[i] as Store
      const mask = allowed?.parts[i]
      const found: ScanVisit[] = []
      for (const visit of visits) {
        const [from, to] = [starts[visit.cell] as number, starts[visit.cell + 1] as number]
        if (from === to) continue
        if (!mask) found.push({ store, from, to, ...fields(visit) })
        else {
          const gap = visit.to - visit.from < FEW ? 0 : GAP
          for (const run of chunksOf(mask, from, to, gap)) found.push({ store, ...run, ...fields(visit) })
        }
      }
      return found
    }),
  )
}
