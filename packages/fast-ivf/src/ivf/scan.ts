import { lanesOf, PRODUCTS } from '../clustering/nearest.js'
import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { recordSize } from '../engine/layout.js'
import { PANEL, type Panels, panelPairs } from '../engine/panels.js'
import { records } from '../generated/kernels.js'
import type { Metric } from '../options.js'
import type { SearchResult } from '../result.js'

/** Queries in engine memory and the k nearest found so far of each, per lane. */
export interface Search {
  readonly scratch: Scratch
  readonly metric: Metric
  readonly dim: number
  readonly k: number
  readonly nq: number
  /** Address: nq × dim. */
  readonly queries: number
  readonly heaps: number
  readonly heapStride: number
  readonly lanes: number
  /** Multiply-adds expected: decides where it runs. */
  readonly cost: number
}

/** Where slots lie: slots count on from one store to the next. */
export interface Store {
  readonly vectors: Panels
  /** Address: an id per slot. */
  readonly ids: number
  /** The first slot's number. */
  readonly slot: number
}

/** Part of a store, slots from … to, and the queries that visit it. */
export interface ScanVisit {
  store: Store
  from: number
  to: number
  /** Address: count query numbers. */
  queries: number
  count: number
}

/** Makes room for the answers of `nq` queries that lie at `queries`. */
export async function beginSearch(
  scratch: Scratch,
  settings: Pick<Search, 'metric' | 'dim' | 'k' | 'nq' | 'queries' | 'cost'>,
): Promise<Search> {
  const { engine } = scratch
  const { k, nq, cost } = settings
  const lanes = engine.lanes(cost)
  const heapStride = nq * k * 8
  const heaps = scratch.alloc(heapStride * lanes)
  await engine.run(
    { kernel: 'clearHeaps', record: scratch.record('Heaps', { heaps, k }), count: nq * lanes },
    { cost: 0 },
  )
  return { ...settings, scratch, heaps, heapStride, lanes }
}

/** Scans the visits, all queries of a visit at once. */
export function scan(search: Search, visits: readonly ScanVisit[], options: RunOptions): Promise<void> {
  const { scratch, dim, k, queries, heaps, heapStride, cost } = search
  const { engine } = scratch
  return engine.frame((own) => {
    const most = visits.reduce((max, visit) => Math.max(max, visit.count), 1)
    const packed = Math.ceil(most / 4) * 4 * dim * 4
    const record = own.record('Scan', {
      visits: writeVisits(own, visits),
      queries,
      dim,
      group: engine.tileRows,
      k,
      heaps,
      heapStride,
      products: PRODUCTS,
      packed,
      ...lanesOf(own, cost, packed + PRODUCTS * 4),
    })
    return engine.run({ kernel: 'scanVisits', record, count: visits.length }, { cost, ...options })
  })
}

/** Merges the lanes, resolves ids, sorts, and copies out to rows first … of the result. */
export async function finishSearch(
  search: Search,
  stores: readonly Store[],
  result: SearchResult,
  first: number,
): Promise<void> {
  const { scratch, metric, dim, k, nq, queries, heaps, heapStride, lanes } = search
  const { engine } = scratch
  await engine.frame(async (own) => {
    const size = recordSize('Span')
    const spans = own.alloc(Math.max(1, stores.length) * size)
    for (const [i, { slot, vectors, ids }] of stores.entries()) {
      engine.ints(spans + i * size, 3).set([slot, vectors.panels, ids])
    }
    const record = own.record('Finish', {
      heaps,
      heapStride,
      lanes,
      k,
      dim,
      spans,
      nspans: stores.length,
      queries,
      squared: metric === 'l2' ? 1 : 0,
    })
    await engine.run(
      { kernel: 'finishQueries', record, count: nq },
      { cost: nq * k * (metric === 'l2' ? dim * 4 : 16) },
    )
  })
  copyOut(engine, search, result, first)
}

function copyOut(engine: Engine, { metric, k, nq, heaps }: Search, result: SearchResult, first: number): void {
  const sign = metric === 'l2' ? 1 : -1
  for (let q = 0; q < nq; q++) {
    const distances = engine.floats(heaps + q * k * 8, k)
    const ids = engine.ints(heaps + q * k * 8 + k * 4, k)
    const at = (first + q) * result.k
    let count = 0
    while (count < k && (distances[count] as number) < Number.POSITIVE_INFINITY) {
      result.ids[at + count] = ids[count] as number
      // Adding 0 makes −0 an ordinary zero.
      result.scores[at + count] = sign * (distances[count] as number) + 0
      count++
    }
    result.counts[first + q] = count
  }
}

const FIELDS = Object.keys(records.Visit)
const [PANELS, BIAS, SLOT, NPANELS, FROM, TO, QUERIES, COUNT] = (
  [
    'panels',
    'bias',
    'slot',
    'npanels',
    'from',
    'to',
    'queries',
    'count',
  ] as const satisfies (keyof typeof records.Visit)[]
).map((field) => FIELDS.indexOf(field)) as [number, number, number, number, number, number, number, number]

/** Visits of whole panels; the slots before and after the wanted ones are computed and ignored. */
function writeVisits(scratch: Scratch, visits: readonly ScanVisit[]): number {
  const at = scratch.alloc(Math.max(1, visits.length) * FIELDS.length * 4)
  const ints = scratch.engine.ints(at, visits.length * FIELDS.length)
  visits.forEach(({ store: { vectors, slot }, from, to, queries, count }, i) => {
    const record = i * FIELDS.length
    const panel = Math.floor(from / PANEL)
    ints[record + PANELS] = vectors.panels + panel * PANEL * vectors.dim * 4
    ints[record + BIAS] = vectors.bias + panel * PANEL * 4
    ints[record + SLOT] = slot + panel * PANEL
    ints[record + NPANELS] = panelPairs(to - panel * PANEL)
    ints[record + FROM] = from - panel * PANEL
    ints[record + TO] = to - panel * PANEL
    ints[record + QUERIES] = queries
    ints[record + COUNT] = count
  })
  return at
}
