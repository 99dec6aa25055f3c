import type { Metric } from '../options.js'

/** The cells each query visits. */
export interface Probes {
  nq: number
  nprobe: number
  /** nq × nprobe, nearest first. */
  cells: Uint32Array
  /** nq: how many of its cells a query visits. */
  used: Uint32Array
}

/** A cell and the queries that visit it: queries[from … to]. */
export interface CellVisit {
  cell: number
  from: number
  to: number
}

/** Most queries of one visit: its packed rows stay in the cache, and threads do not wait long for each other. */
export const VISIT_QUERIES = 64

/**
 * How many cells pass the ratio threshold: for cosine and inner product those whose score is at least `ratio` times
 * the best one's (its absolute value), for l2 those whose squared distance times `ratio` is at most the best one's.
 * The nearest always passes. `distances`: bias − ⟨query, centroid⟩; `norm`: the query's squared norm.
 */
export function withinRatio(distances: Float32Array, norm: number, metric: Metric, ratio: number): number {
  if (ratio === 0) return distances.length
  const best = distances[0] as number
  let used = 1
  if (metric === 'l2') {
    const nearest = Math.max(0, norm + 2 * best)
    while (used < distances.length && (norm + 2 * (distances[used] as number)) * ratio <= nearest) used++
  } else {
    const least = ratio * Math.abs(best)
    while (used < distances.length && -(distances[used] as number) >= least) used++
  }
  return used
}

/** Cells per query of the first wave: fewer would make groups too small for whole tiles. */
const FIRST_WAVE = 4

/** Groups (cell, query) pairs by cell, in waves: first every query's nearest cells, so that limits are tight early. */
export function groupByCell(
  { nq, nprobe, cells, used }: Probes,
  nlist: number,
): { visits: CellVisit[]; queries: Uint32Array } {
  const queries = new Uint32Array(used.reduce((sum, n) => sum + n, 0))
  const visits: CellVisit[] = []
  let filled = 0
  for (const [low, high] of [
    [0, FIRST_WAVE],
    [FIRST_WAVE, nprobe],
  ] as const) {
    const ends = new Uint32Array(nlist)
    for (let q = 0; q < nq; q++) {
      const last = Math.min(high, used[q] as number)
      for (let rank = low; rank < last; rank++) {
        const cell = cells[q * nprobe + rank] as number
        ends[cell] = (ends[cell] as number) + 1
      }
    }
    for (let cell = 0; cell < nlist; cell++) {
      const count = ends[cell] as number
      ends[cell] = filled
      for (let from = filled; from < filled + count; from += VISIT_QUERIES) {
        visits.push({ cell, from, to: Math.min(from + VISIT_QUERIES, filled + count) })
      }
      filled += count
    }
    for (let q = 0; q < nq; q++) {
      const last = Math.min(high, used[q] as number)
      for (let rank = low; rank < last; rank++) {
        const cell = cells[q * nprobe + rank] as number
        const at = ends[cell] as number
        ends[cell] = at + 1
        queries[at] = q
      }
    }
  }
  return { visits, queries }
}
