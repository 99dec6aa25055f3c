import type { Metric } from '../options.js'

/** The cells each query visits. */
export interface Probes {
  nq: number
  nprobe: number
  /** nq × nprobe, nearest first. */
  cells: Uint32Array
  /** nq × nprobe: bias − ⟨query, centroid⟩. */
  distances: Float32Array
  /** nq: how many of its cells a query visits. */
  used: Uint32Array
  /** nq: squared norms, as codes see the queries. */
  norms: Float32Array
  /** nq: squared norms, as the queries are compared with centroids. */
  lengths: Float32Array
  /** nq: what rounding each query adds to its squared length as far as errors go; undefined: nothing. */
  rounded: Float32Array | undefined
}

/** A cell and the queries that visit it: places from … to of the pairs. */
export interface CellVisit {
  cell: number
  from: number
  to: number
}

/** Pairs of cells and queries, wave by wave, and in each cell by cell. */
export interface Pairs {
  waves: CellVisit[][]
  queries: Uint32Array
  /** Each query's distance to the centroid, as kernels have it. */
  near: Float32Array
  /** How much of the centroid is in the query: 1 for l2, else the length of its projection. */
  share: Float32Array
  /** ‖query − share · centroid‖ */
  apart: Float32Array
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

/**
 * Groups what queries visit by cell, in waves: wave w holds the ranks ranks[w] … ranks[w + 1] of each query's cells;
 * those before ranks[0] have been visited already.
 * `centroidNorms`: squared norms of the centroids where distances do not hold them (ip and cosine).
 */
export function groupByCell(
  probes: Probes,
  nlist: number,
  ranks: readonly number[],
  centroidNorms: Float32Array | undefined,
): Pairs {
  const { nprobe, cells, distances, used, norms, rounded } = probes
  const first = ranks[0] as number
  const size = used.reduce((sum, count) => sum + Math.max(0, count - first), 0)
  const order = size < nlist ? sorted(probes, nlist, ranks, size) : counted(probes, nlist, ranks, size)
  const queries = new Uint32Array(size)
  const near = new Float32Array(size)
  const share = new Float32Array(size)
  const apart = new Float32Array(size)
  const waves: CellVisit[][] = ranks.map(() => [])
  let last: CellVisit | undefined
  let lastWave = -1
  for (let at = 0; at < size; at++) {
    const pair = order[at] as number
    const q = Math.floor(pair / nprobe)
    const cell = cells[pair] as number
    const distance = distances[pair] as number
    queries[at] = q
    near[at] = distance
    const part = project(norms[q] as number, distance, centroidNorms?.[cell], rounded?.[q] ?? 0)
    share[at] = part.share
    apart[at] = part.apart
    const wave = waveOf(ranks, pair - q * nprobe)
    if (last && last.cell === cell && lastWave === wave && at - last.from < VISIT_QUERIES) last.to = at + 1
    else {
      last = { cell, from: at, to: at + 1 }
      lastWave = wave
      waves[wave]?.push(last)
    }
  }
  return { waves, queries, near, share, apart }
}

/**
 * What a code's error is measured with: the part of the query that its centroid does not tell. `norm`: the query's
 * squared norm; `centroidNorm`: the centroid's where the distance is −⟨query, centroid⟩ (ip and cosine).
 */
export function project(
  norm: number,
  distance: number,
  centroidNorm: number | undefined,
  rounded: number,
): { share: number; apart: number } {
  if (centroidNorm === undefined) return { share: 1, apart: Math.sqrt(Math.max(0, norm + 2 * distance) + rounded) }
  // Below 0 the centroid tells nothing that helps.
  const share = centroidNorm > 0 ? Math.max(0, -distance / centroidNorm) : 0
  return { share, apart: Math.sqrt(Math.max(0, norm + share * distance) + rounded) }
}

function waveOf(ranks: readonly number[], rank: number): number {
  let wave = ranks.length - 1
  while (wave > 0 && (ranks[wave] as number) > rank) wave--
  return wave
}

/** Few pairs (places q · nprobe + rank), in the order of (wave, cell, query). */
function sorted(
  { nq, nprobe, cells, used }: Probes,
  nlist: number,
  ranks: readonly number[],
  size: number,
): Float64Array {
  const keys = new Float64Array(size)
  const places = nq * nprobe
  let filled = 0
  for (let q = 0; q < nq; q++) {
    for (let rank = ranks[0] as number; rank < (used[q] as number); rank++) {
      const pair = q * nprobe + rank
      keys[filled++] = (waveOf(ranks, rank) * nlist + (cells[pair] as number)) * places + pair
    }
  }
  return keys.sort().map((key) => key % places)
}

/** Many pairs in the same order, by counting. */
function counted(
  { nq, nprobe, cells, used }: Probes,
  nlist: number,
  ranks: readonly number[],
  size: number,
): Uint32Array {
  const wave = Uint32Array.from({ length: nprobe }, (_, rank) => waveOf(ranks, rank) * nlist)
  const ends = new Uint32Array(ranks.length * nlist + 1)
  for (let q = 0; q < nq; q++) {
    for (let rank = ranks[0] as number; rank < (used[q] as number); rank++) {
      const key = (wave[rank] as number) + (cells[q * nprobe + rank] as number) + 1
      ends[key] = (ends[key] as number) + 1
    }
  }
  for (let key = 1; key < ends.length; key++) ends[key] = (ends[key] as number) + (ends[key - 1] as number)
  const order = new Uint32Array(size)
  for (let q = 0; q < nq; q++) {
    for (let rank = ranks[0] as number; rank < (used[q] as number); rank++) {
      const pair = q * nprobe + rank
      const key = (wave[rank] as number) + (cells[pair] as number)
      const at = ends[key] as number
      ends[key] = at + 1
      order[at] = pair
    }
  }
  return order
}
