import type { Matrix } from '../engine/vectors.js'
import type { PinnedFilter } from '../ivf/allowed.js'
import type { Contents } from '../ivf/contents.js'
import { findProbes } from '../ivf/probes.js'
import { loadQueries } from '../ivf/query-blocks.js'
import type { StoppingRule } from '../ivf/rows.js'
import { type SearchSettings, searchSegments } from '../ivf/search.js'
import type { LongCallOptions } from '../options.js'
import type { SearchResult } from '../result.js'
import type { RecallRule } from './rule.js'

/** Cells of one query, nearest first. */
export interface RankedCells {
  readonly cells: Uint32Array
  /** The metric's own value with the centroid: inner product, or squared distance for l2. */
  readonly distances: Float32Array
  /** Those within the ratio threshold: none for a query without a direction. */
  readonly used: number
}

/** What a search for one query did. */
export interface Watched {
  /** Ids are numbers of rows. */
  readonly result: SearchResult
  readonly chosen: RankedCells
  readonly visited: ReadonlySet<number>
  /** With a rule: the share of the neighbours that each chosen cell was expected to hold. */
  readonly shares: Float32Array | undefined
}

type Settings = SearchSettings<PinnedFilter>

/** Searches for one query and looks on. */
export async function watchSearch(
  contents: Contents,
  query: Matrix,
  settings: Settings,
  rule: RecallRule | undefined,
  options: LongCallOptions,
): Promise<Watched> {
  // All that the rule looks at, at once.
  const whole = rule ? { ...settings, nprobe: Math.min(contents.model.nlist, rule.most) } : settings
  const chosen = await rankCells(contents, query, whole, options)
  let shares: Float32Array | undefined
  let visited = chosen.cells.subarray(0, chosen.used)
  const watched: StoppingRule | undefined = rule && {
    ...rule,
    async decide(search, probes, asked, run) {
      const chosen = probes.used[0] as number
      const decided = await rule.decide(search, probes, asked, run, (all) => {
        shares = all.subarray(0, chosen)
      })
      visited = decided.probes.cells.slice(0, decided.probes.used[0])
      return decided
    },
  }
  const result = await searchSegments(contents, query, { ...whole, rule: watched }, options)
  return { result, chosen, visited: new Set(visited), shares }
}

/** The nprobe nearest cells of one query, as a search chooses them. */
export function rankCells(
  { model }: Contents,
  query: Matrix,
  { nprobe, ratioThreshold, k }: Pick<Settings, 'nprobe' | 'ratioThreshold' | 'k'>,
  { signal }: LongCallOptions,
): Promise<RankedCells> {
  const { engine, metric, quantizer } = model
  return engine.frame(async (scratch) => {
    const loaded = await loadQueries(scratch, model, query, 0, 1, { signal })
    const prepared = await quantizer.prepare(scratch, loaded.coded.rows, 1, { signal })
    const wanted = { nprobe, ratioThreshold, k, allowed: undefined }
    const probes = await findProbes(model, scratch, loaded, prepared, wanted, signal)
    const length = probes.lengths[0] as number
    const own = (distance: number): number => (metric === 'l2' ? Math.max(0, length + 2 * distance) : -distance + 0)
    return { cells: probes.cells, distances: probes.distances.map(own), used: probes.used[0] as number }
  })
}
