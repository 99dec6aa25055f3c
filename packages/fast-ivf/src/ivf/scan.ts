import { lanesOf } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { recordSize } from '../engine/layout.js'
import { records } from '../generated/kernels.js'
import type { Metric } from '../options.js'
import type { Codes, Prepared, Quantizer } from '../quantizers/quantizer.js'
import type { Originals } from './originals.js'
import type { Visited } from './spilled.js'

/** Queries in engine memory and the nearest found so far of each, per lane. */
export interface Search {
  readonly scratch: Scratch
  readonly metric: Metric
  /** Components of the queries as they are given. */
  readonly dim: number
  readonly quantizer: Quantizer
  /** Estimates are the distances of the vectors themselves. */
  readonly exact: boolean
  readonly prepared: Prepared
  /** Places per heap. */
  readonly k: number
  readonly nq: number
  /** Which cells each query visits, where something is spilled. */
  readonly visited?: Visited | undefined
  /** Address: nq × dim. */
  readonly queries: number
  /** Address: nq squared norms of the queries as codes see them. */
  readonly norms: number
  readonly heaps: number
  readonly heapStride: number
  readonly lanes: number
  /** Multiply-adds expected: decides where it runs. */
  readonly cost: number
}

/** Where slots lie: slots count on from one store to the next. */
export interface Store {
  readonly codes: Codes
  readonly originals: Originals | undefined
  /** Address: a row number per slot. */
  readonly rows: number
  /** Address: a bit per slot, set where it may be an answer; 0: all may. */
  readonly mask: number
  /** The first slot's number. */
  readonly slot: number
  /** What is spilled. */
  readonly spilled?: SpilledStore | undefined
}

/** Addresses, per slot of what is spilled: the slot in its segment, where originals and rows are, and the cell there. */
export interface SpilledStore {
  readonly homes: number
  readonly owns: number
  /** Of the segment. */
  readonly codes: Codes
}

/** Part of a store, slots from … to, and the queries that visit it. */
export interface ScanVisit {
  store: Store
  from: number
  to: number
  /** Address: count query numbers. */
  queries: number
  /** Address: count distances to the centroid, or 0. */
  near: number
  /** Address: count shares of the centroid in the query, or 0: all of it. */
  share: number
  /** Address: count norms ‖query − share · centroid‖, or 0. */
  apart: number
  count: number
}

/** Only candidates that may be nearer than a query's limit are wanted, and compared exactly. */
export interface Bound {
  /** Address: nq limits. */
  limits: number
  /** Standard errors that an estimate may be wrong. */
  epsilon: number
  /** Address: per lane, 64 bytes apart, how many were compared. */
  compared: number
  /** Best estimates of a cell that are compared to find a query's first limit. */
  seeds: number
}

/** Makes room for the answers of `nq` queries that lie at `queries`. */
export async function beginSearch(
  scratch: Scratch,
  settings: Omit<Search, 'scratch' | 'heaps' | 'heapStride' | 'lanes'>,
): Promise<Search> {
  const { engine } = scratch
  const { k, nq, cost } = settings
  const lanes = engine.lanes(cost)
  const heapStride = nq * k * 8
  const heaps = scratch.alloc(heapStride * lanes)
  const record = scratch.record('Heaps', { heaps, k })
  await engine.run({ kernel: 'clearHeaps', record, count: nq * lanes }, { cost: 0 })
  return { ...settings, scratch, heaps, heapStride, lanes }
}

/** Scans the visits, all queries of a visit at once. */
export function scan(
  search: Search,
  visits: readonly ScanVisit[],
  options: RunOptions,
  bound: Bound = { limits: 0, epsilon: 0, compared: 0, seeds: 0 },
): Promise<void> {
  const { scratch, dim, k, metric, queries, norms, heaps, heapStride, cost, prepared, visited } = search
  const { packed, sums, kernel, cost: _, ...shape } = search.quantizer.scan
  const { engine } = scratch
  return engine.frame((own) => {
    const most = visits.reduce((max, visit) => Math.max(max, visit.count), 1)
    const bytes = Math.ceil(packed(most) / 16) * 16
    const products = sums(most)
    const masked = visits.reduce((max, { store, from, to }) => (store.mask ? Math.max(max, to - from) : max), 0)
    const used = bytes + products * 4 + bound.seeds * 8
    const record = own.record('Scan', {
      visits: writeVisits(own, visits),
      ...prepared,
      ...shape,
      group: engine.tileRows,
      k,
      heaps,
      heapStride,
      products,
      packed: bytes,
      masked: used,
      ...lanesOf(own, cost, used + masked * 4),
      ...bound,
      queries,
      visited: visited?.bits ?? 0,
      visitedStride: visited?.stride ?? 0,
      vectorDim: dim,
      norms,
      kept: visits[0]?.store.originals?.form ?? 0,
      squared: metric === 'l2' ? 1 : 0,
    })
    return engine.run({ kernel, record, count: visits.length }, { cost, ...options })
  })
}

const FIELDS = Object.keys(records.Visit)
const fieldOf = (field: keyof typeof records.Visit): number => FIELDS.indexOf(field)
const [CODES, FACTORS, STRIDE, ORIGINALS, MASK, SLOT, FROM, TO] = [
  fieldOf('codes'),
  fieldOf('factors'),
  fieldOf('stride'),
  fieldOf('originals'),
  fieldOf('mask'),
  fieldOf('slot'),
  fieldOf('from'),
  fieldOf('to'),
]
const [QUERIES, NEAR, SHARE, APART, COUNT, HOMES, OWNS] = [
  fieldOf('queries'),
  fieldOf('near'),
  fieldOf('share'),
  fieldOf('apart'),
  fieldOf('count'),
  fieldOf('homes'),
  fieldOf('owns'),
]

function writeVisits(scratch: Scratch, visits: readonly ScanVisit[]): number {
  const size = recordSize('Visit') / 4
  const at = scratch.alloc(Math.max(1, visits.length) * size * 4)
  const ints = scratch.engine.ints(at, visits.length * size)
  visits.forEach(({ store, from, to, queries, near, share, apart, count }, i) => {
    const { codes, originals, mask, slot, spilled } = store
    const record = i * size
    ints[record + CODES] = codes.codes
    ints[record + FACTORS] = codes.factors
    ints[record + STRIDE] = codes.stride
    ints[record + ORIGINALS] = originals?.rows ?? 0
    ints[record + MASK] = mask
    ints[record + SLOT] = slot
    ints[record + FROM] = from
    ints[record + TO] = to
    ints[record + QUERIES] = queries
    ints[record + NEAR] = near
    ints[record + SHARE] = share
    ints[record + APART] = apart
    ints[record + COUNT] = count
    ints[record + HOMES] = spilled?.homes ?? 0
    ints[record + OWNS] = spilled?.owns ?? 0
  })
  return at
}
