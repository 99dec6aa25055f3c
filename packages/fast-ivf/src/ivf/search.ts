import type { Scratch } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { SearchResult } from '../result.js'
import { nameAndJudge } from './confidence.js'
import { type Finish, finishSearch } from './finish.js'
import type { Model } from './model.js'
import { allocRows, loadProjected } from './project.js'
import { type Rescore, type RowSettings, searchRows } from './rows.js'
import type { Segment } from './segment.js'

/** What a search wants. */
export interface SearchSettings extends RowSettings {
  /** Estimates' standard errors are wanted (rescore: none; bounded codes). */
  confidence: boolean
}

const BLOCK_BYTES = 64 << 20 // memory of the queries that are searched together
const LANES = 4 // of so many threads: what is searched together must not depend on how many there are

/** The k nearest of each query among the cells it visits. */
export async function searchSegments(
  model: Model,
  segments: readonly Segment[],
  queries: Matrix,
  settings: SearchSettings,
  options: LongCallOptions,
): Promise<SearchResult> {
  const { engine, dim, width, quantizer, projection } = model
  const { nprobe, rescore, confidence } = settings
  const { signal } = options
  const work = { vectors: 0, cells: 0, rescored: 0 }
  const result = new SearchResult(queries.rows, settings.k, work)
  const size = segments.reduce((sum, { count }) => sum + count, 0)
  // No query has more answers than there are vectors.
  const wanted = Math.ceil(settings.k * (rescore.kind === 'factor' ? rescore.factor : 1))
  const k = Math.max(1, Math.min(wanted, size))
  const perQuery = (dim + width) * 4 + nprobe * 20 + quantizer.preparedBytes + k * 8 * LANES
  const block = Math.max(64, Math.floor(BLOCK_BYTES / perQuery))
  for (let from = 0; from < queries.rows; from += block) {
    const to = Math.min(from + block, queries.rows)
    await engine.frame((scratch) => searchBlock(scratch, from, to))
  }
  progress(queries.rows)
  return result

  function progress(done: number): void {
    if (queries.rows > 0) options.onProgress?.({ phase: 'search', done: Math.floor(done), total: queries.rows })
  }

  async function searchBlock(scratch: Scratch, from: number, to: number): Promise<void> {
    const nq = to - from
    const rows = allocRows(scratch, model, nq)
    const norms = scratch.alloc(nq * 4)
    const codedNorms = projection ? scratch.alloc(nq * 4) : norms
    await loadProjected(model, queries, from, to, rows, { norms, codedNorms, name: 'queries', signal })
    const given = { rows: rows.given, norms, nq }
    const coded = { rows: rows.coded, norms: codedNorms, nq }
    const onItems = options.onProgress && ((done: number, total: number) => progress(from + (nq * done) / total))
    const found = await searchRows(scratch, model, segments, { given, coded }, { ...settings, k }, { signal }, onItems)
    const finish = finishOf(rescore)
    // Slots become ids here, unless errors are wanted, which are the slots' own.
    const answered = await finishSearch(found.search, confidence ? [] : found.stores, finish, result, from, { signal })
    if (confidence) nameAndJudge(model, segments, found.probes, result, from)
    work.vectors += found.work.vectors
    work.cells += found.work.cells
    work.rescored += found.work.rescored
    if (finish.mode === 'exact') work.rescored += answered
    if (finish.mode === 'calibrated') work.rescored += sampled(result.counts.subarray(from, to), finish.samples)
  }
}

/** How many candidates are compared when every so many of each query's are. */
function sampled(counts: Uint32Array, samples: number): number {
  return counts.reduce((sum, count) => sum + Math.ceil(count / Math.max(1, Math.floor(count / samples))), 0)
}

function finishOf(rescore: Rescore): Finish {
  if (rescore.kind === 'none') return { mode: 'estimates' }
  if (rescore.kind === 'bound') return { mode: 'compared' }
  if (rescore.kind === 'calibrated') return { mode: 'calibrated', samples: rescore.samples }
  return { mode: 'exact', reorder: rescore.reorder }
}
