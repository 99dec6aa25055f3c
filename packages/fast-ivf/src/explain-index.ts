import { toMatrix, type Vectors } from './engine/vectors.js'
import { IvfError, show } from './errors.js'
import { explainInWords } from './explain-index-text.js'
import type { Contents } from './ivf/contents.js'
import { nameRows } from './ivf/ids.js'
import type { SearchSettings } from './ivf/search.js'
import { trueNearest } from './ivf/truth.js'
import type { Id } from './options.js'
import { cellSizes } from './recall/calibrate.js'
import { type RankedCells, rankCells, type Watched, watchSearch } from './recall/explain.js'
import { cellsOf, others } from './recall/held-out.js'
import type { RecallRule } from './recall/rule.js'
import { recall } from './recall.js'
import type { ExplainedCell, ExplainOptions, Explanation, MissedNeighbour, StopReason } from './recall-options.js'
import type { SearchResult } from './result.js'

/** @throws IvfError ERR_ARGUMENT, ERR_DIM, ERR_NOT_FINITE, ERR_UNSUPPORTED; the signal's reason */
export async function explainIndex<I extends Id>(
  contents: Contents,
  query: Vectors,
  { filter, ...settings }: SearchSettings,
  rule: RecallRule | undefined,
  { check = false, signal, onProgress }: ExplainOptions<I>,
): Promise<Explanation<I>> {
  const { model, ids } = contents
  const matrix = toMatrix(query, model.dim, 'query')
  if (matrix.rows !== 1) {
    throw new IvfError('ERR_ARGUMENT', `query holds ${matrix.rows} vectors; one is explained at a time`)
  }
  if (filter) throw new IvfError('ERR_ARGUMENT', 'filter is given, and only searches without one are explained')
  if (typeof check !== 'boolean') {
    throw new IvfError('ERR_ARGUMENT', `check is ${show(check)}; it must be true or false`)
  }
  const watched = await watchSearch(contents, matrix, settings, rule, { signal })
  const { result, chosen, visited } = watched
  const truth = check ? await trueNearest(contents, matrix, settings.k, { signal, onProgress }) : undefined
  const homes = truth && cellsOf(contents, others(truth, undefined, truth.k))
  const places = homes?.own
  const far = places?.some((cell, i) => i < (truth?.counts[0] as number) && !chosen.cells.includes(cell))
  const every = { k: settings.k, nprobe: model.nlist, ratioThreshold: 0 }
  const all = far ? await rankCells(contents, matrix, every, { signal }) : undefined
  const cells = listCells(contents, watched, all, truth && places?.subarray(0, truth.counts[0]))
  const stopped = whyStopped(contents, settings, watched, rule)
  const threshold = stopped === 'recall' ? rule?.threshold : stopped === 'ratio' ? settings.ratioThreshold : undefined
  const estimate = result.recallEstimate?.[0]
  const told = {
    cells,
    ...{ visited: visited.size, scored: result.work.vectors, rescored: result.work.rescored, stopped },
    ...(threshold !== undefined && { threshold }),
    ...(estimate !== undefined && { recallEstimate: estimate }),
    ...(truth && homes && { recall: recall(result, truth, result.k), missed: missedOf(truth, homes) }),
    answers: nameRows<I>(result, ids).of(0),
  }
  return { ...told, text: explainInWords(told, { nlist: model.nlist, wave: rule?.wave }) }

  function missedOf(truth: SearchResult, { own, second }: NonNullable<typeof homes>): MissedNeighbour<I>[] {
    const found = new Set(result.ids)
    const last = result.scores[(result.counts[0] as number) - 1]
    return truth.of(0).flatMap(({ id: row, score }, i) => {
      if (found.has(row)) return []
      const cell = own[i] as number
      const met = visited.has(cell) || visited.has(second[i] as number)
      const rank = cells.find((one) => one.cell === cell)?.rank as number
      const near = score === last ? 'tied' : 'lost by its code'
      return [{ id: ids.idOf(row) as I, score, cell, rank, reason: met ? near : 'cell not visited' }]
    })
  }
}

/** The chosen cells and, behind them, those others that hold neighbours. `places`: the cell of each true neighbour. */
function listCells(
  contents: Contents,
  { chosen, visited, shares }: Watched,
  all: RankedCells | undefined,
  places: Uint32Array | undefined,
): ExplainedCell[] {
  const sizes = cellSizes(contents)
  const counts = new Map<number, number>()
  for (const cell of places ?? []) counts.set(cell, (counts.get(cell) ?? 0) + 1)
  const ranked = [...pairsOf(chosen)]
  const known = new Set(chosen.cells)
  if (all) ranked.push(...pairsOf(all).filter(([cell]) => !known.has(cell)))
  return ranked.flatMap(([cell, distance], rank) => {
    if (rank >= chosen.cells.length && !counts.has(cell)) return []
    const share = shares?.[rank]
    return {
      ...{ cell, rank, distance, size: sizes[cell] as number, visited: visited.has(cell) },
      ...(share !== undefined && !Number.isNaN(share) && { share }),
      ...(places && { neighbours: counts.get(cell) ?? 0 }),
    }
  })
}

function pairsOf({ cells, distances }: RankedCells): [cell: number, distance: number][] {
  return Array.from(cells, (cell, i) => [cell, distances[i] as number])
}

function whyStopped(
  { model: { nlist } }: Contents,
  { nprobe }: Pick<SearchSettings, 'nprobe'>,
  { chosen, visited }: Watched,
  rule: RecallRule | undefined,
): StopReason {
  if (chosen.used === 0) return 'zero'
  if (visited.size === nlist) return 'whole'
  if (rule) return 'recall'
  return chosen.used < nprobe ? 'ratio' : 'nprobe'
}
