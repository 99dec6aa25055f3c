import { nearestCells } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import { loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { SearchResult } from '../result.js'
import type { Model } from './model.js'
import { beginSearch, finishSearch, type ScanVisit, type Store, scan } from './scan.js'
import type { Segment } from './segment.js'
import { type CellVisit, groupByCell, type Probes, withinRatio } from './visits.js'

/** Nothing is optional below the edge. */
export interface SearchSettings {
  k: number
  nprobe: number
  ratioThreshold: number
}

const BLOCK_BYTES = 64 << 20 // memory of the queries that are searched together

/** The k nearest of each query among the cells it visits. */
export async function searchSegments(
  model: Model,
  segments: readonly Segment[],
  queries: Matrix,
  settings: SearchSettings,
  options: LongCallOptions,
): Promise<SearchResult> {
  const { engine, dim } = model
  const { nprobe } = settings
  const work = { vectors: 0, cells: 0 }
  const result = new SearchResult(queries.rows, settings.k, work)
  // No query has more answers than there are vectors.
  const k = Math.max(
    1,
    Math.min(
      settings.k,
      segments.reduce((sum, { count }) => sum + count, 0),
    ),
  )
  const perQuery = dim * 4 + nprobe * 12 + k * 8 * engine.lanes(Number.POSITIVE_INFINITY)
  const block = Math.max(64, Math.floor(BLOCK_BYTES / perQuery))
  for (let from = 0; from < queries.rows; from += block) {
    const to = Math.min(from + block, queries.rows)
    const onItems =
      options.onProgress && ((done: number, total: number) => progress(from + ((to - from) * done) / total))
    await engine.frame((scratch) => searchBlock(scratch, from, to, onItems))
  }
  if (queries.rows > 0) progress(queries.rows)
  return result

  function progress(done: number): void {
    options.onProgress?.({ phase: 'search', done: Math.floor(done), total: queries.rows })
  }

  async function searchBlock(
    scratch: Scratch,
    from: number,
    to: number,
    onItems?: (done: number, total: number) => void,
  ): Promise<void> {
    const { signal } = options
    const nq = to - from
    const rows = scratch.alloc(nq * dim * 4)
    const norms = scratch.alloc(nq * 4)
    await loadRows(engine, queries, from, to, rows, {
      normalize: model.metric === 'cosine',
      norms,
      name: 'queries',
      signal,
    })
    const probes = await findProbes(model, scratch, rows, norms, nq, settings, signal)
    const { visits, queries: visitors } = groupByCell(probes, model.nlist)
    const at = scratch.alloc(Math.max(4, visitors.byteLength))
    engine.ints(at, visitors.length).set(visitors)
    const stores = storesOf(segments)
    const scans = segments.flatMap((segment, i) => scanVisits(segment, stores[i] as Store, visits, at))
    const vectors = scans.reduce((sum, visit) => sum + (visit.to - visit.from) * visit.count, 0)
    work.vectors += vectors
    work.cells += visitors.length
    const search = await beginSearch(scratch, { metric: model.metric, dim, k, nq, queries: rows, cost: vectors * dim })
    await scan(search, scans, { signal, onItems: onItems && ((done) => onItems(done, scans.length)) })
    await finishSearch(search, stores, result, from)
  }
}

/** The segments' slots, numbered on from one to the next. */
function storesOf(segments: readonly Segment[]): Store[] {
  let slot = 0
  return segments.map(({ vectors, ids, count }) => {
    const store = { vectors, ids, slot }
    slot += count
    return store
  })
}

function scanVisits(segment: Segment, store: Store, visits: readonly CellVisit[], queries: number): ScanVisit[] {
  return visits.flatMap(({ cell, from, to }) => {
    const [first, last] = [segment.starts[cell] as number, segment.starts[cell + 1] as number]
    return first < last ? [{ store, from: first, to: last, queries: queries + from * 4, count: to - from }] : []
  })
}

async function findProbes(
  model: Model,
  scratch: Scratch,
  rows: number,
  norms: number,
  nq: number,
  { nprobe, ratioThreshold }: SearchSettings,
  signal: AbortSignal | undefined,
): Promise<Probes> {
  const { engine, metric } = model
  const cells = scratch.alloc(nq * nprobe * 4)
  const distances = scratch.alloc(nq * nprobe * 4)
  await nearestCells(engine, model.centroids, { rows, count: nq }, { labels: cells, distances }, nprobe, { signal })
  const norm = engine.floats(norms, nq)
  const used = Uint32Array.from({ length: nq }, (_, q) => {
    // A zero query has no direction: no cosine is defined, so it has no answers.
    if (metric === 'cosine' && norm[q] === 0) return 0
    return withinRatio(engine.floats(distances + q * nprobe * 4, nprobe), norm[q] as number, metric, ratioThreshold)
  })
  return { nq, nprobe, cells: engine.ints(cells, nq * nprobe), used }
}
