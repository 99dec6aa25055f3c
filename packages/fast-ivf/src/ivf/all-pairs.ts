import { PACKED_BYTES } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import type { Metric } from '../options.js'
import type { QueryRows } from './choose.js'
import type { ScanVisit, Store } from './scan.js'

/** Vectors of one work item. */
const TILE_ROWS = 512
const MOST_QUERIES = 256

/**
 * Visits that compare slots from … to of a store with all queries, in items small enough that threads do not wait for
 * each other. `queries`: address of their numbers, nq of them.
 */
export function allPairs(
  store: Store,
  dim: number,
  [from, to]: readonly [number, number],
  { queries, nq }: { queries: number; nq: number },
): ScanVisit[] {
  const visits: ScanVisit[] = []
  const most = Math.min(MOST_QUERIES, Math.max(16, Math.floor(PACKED_BYTES / (dim * 4)) & ~3))
  for (let first = from; first < to; first += TILE_ROWS) {
    for (let q = 0; q < nq; q += most) {
      const group = { queries: queries + q * 4, near: 0, share: 0, apart: 0, count: Math.min(most, nq - q) }
      visits.push({ store, from: first, to: Math.min(first + TILE_ROWS, to), ...group })
    }
  }
  return visits
}

/** The numbers of those queries that can have answers, in scratch: under cosine a query of zeros has none. */
export function placeSearching(
  scratch: Scratch,
  metric: Metric,
  { norms, nq }: Pick<QueryRows, 'norms' | 'nq'>,
): { queries: number; nq: number } {
  const { engine } = scratch
  const queries = scratch.alloc(Math.max(1, nq) * 4)
  const lengths = engine.floats(norms, nq)
  const searching = Uint32Array.from({ length: nq }, (_, q) => q).filter((q) => metric !== 'cosine' || lengths[q] !== 0)
  engine.ints(queries, searching.length).set(searching)
  return { queries, nq: searching.length }
}
