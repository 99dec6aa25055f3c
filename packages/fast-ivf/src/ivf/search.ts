import type { Scratch } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { SearchResult } from '../result.js'
import type { PinnedFilter, RowFilter } from './allowed.js'
import type { Contents } from './contents.js'
import { type Finish, finishSearch } from './finish.js'
import { loadQueries, queriesPerBlock } from './query-blocks.js'
import { type Rescore, type RowSettings, searchRows } from './rows.js'

/** What a search wants. `F`: what its filter is by then. */
export interface SearchSettings<F extends RowFilter = RowFilter> extends Omit<RowSettings, 'allowed'> {
  /** What may be an answer; everything that is there, when left out. */
  filter?: F | undefined
  /** Estimates' standard errors are wanted (rescore: none; bounded codes). */
  confidence: boolean
}

/** The k nearest of each query among the cells it visits. */
export async function searchSegments(
  contents: Contents,
  queries: Matrix,
  settings: SearchSettings<PinnedFilter>,
  options: LongCallOptions,
): Promise<SearchResult> {
  const { model, segments } = contents
  const { engine } = model
  const { filter, ...rows } = settings
  const { nprobe, rescore, confidence } = rows
  const { signal } = options
  const work = { vectors: 0, cells: 0, rescored: 0 }
  const result = new SearchResult(queries.rows, settings.k, work)
  if (rows.rule) result.recallEstimate = new Float32Array(queries.rows)
  const matches = filter && (await import('./matches.js'))
  const allowed = filter && (await (await import('./allowed.js')).allow(contents, filter, engine.pace(signal)))
  const size = allowed?.count ?? contents.size
  // No query has more answers than there are vectors.
  const wanted = Math.ceil(Math.max(settings.k, rows.rule?.k ?? 0) * (rescore.kind === 'factor' ? rescore.factor : 1))
  const k = Math.max(1, Math.min(wanted, size))
  const block = queriesPerBlock(model, nprobe, k)
  const asked = { nq: queries.rows, nprobe, k: settings.k }
  const comparing = matches && allowed && !confidence && matches.worthMatching(model, allowed, asked)
  const gathering = matches && allowed && !comparing && matches.worthGathering(model, allowed, asked)
  const gathered = gathering ? await matches.gather(contents, allowed, nprobe, { signal }) : undefined
  const searched = gathered ? [gathered.segment] : segments
  try {
    for (let from = 0; from < queries.rows; from += block) {
      const to = Math.min(from + block, queries.rows)
      await engine.frame((scratch) => searchBlock(scratch, from, to))
    }
  } finally {
    gathered?.segment.held.release()
  }
  progress(queries.rows)
  return result

  function progress(done: number): void {
    if (queries.rows > 0) options.onProgress?.({ phase: 'search', done: Math.floor(done), total: queries.rows })
  }

  async function searchBlock(scratch: Scratch, from: number, to: number): Promise<void> {
    const nq = to - from
    const loaded = await loadQueries(scratch, model, queries, from, to, { signal })
    if (comparing) {
      const { given } = loaded
      work.vectors += await matches.searchMatches(scratch, model, segments, allowed, given, k, result, from, { signal })
      return
    }
    const onItems = options.onProgress && ((done: number, total: number) => progress(from + (nq * done) / total))
    const found = await searchRows(
      scratch,
      model,
      searched,
      loaded,
      { ...rows, k, ...(gathered && { nprobe: gathered.nprobe }), allowed: gathered?.allowed ?? allowed },
      { signal },
      onItems,
    )
    if (found.expected) result.recallEstimate?.set(found.expected, from)
    const finish = finishOf(rescore)
    // Slots become ids here, unless errors are wanted, which are the slots' own.
    const answered = await finishSearch(found.search, confidence ? [] : found.stores, finish, result, from, { signal })
    if (confidence) (await import('./confidence.js')).nameAndJudge(model, searched, found.probes, result, from)
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

export function finishOf(rescore: Rescore): Finish {
  if (rescore.kind === 'none') return { mode: 'estimates' }
  if (rescore.kind === 'bound') return { mode: 'compared' }
  if (rescore.kind === 'calibrated') return { mode: 'calibrated', samples: rescore.samples }
  return { mode: 'exact', reorder: rescore.reorder }
}
