import { toMatrix, type Vectors } from '../engine/vectors.js'
import { IvfError, show } from '../errors.js'
import type { Metadata } from '../filter/filter.js'
import type { MetadataTable } from '../filter/metadata-table.js'
import type { IdTable } from '../ivf/ids.js'
import { searchSegments } from '../ivf/search.js'
import type { SearchResult } from '../result.js'
import { readFilter } from './filters.js'
import type { CollectionResult, CollectionSearchOptions, ItemId } from './options.js'
import type { State } from './state.js'

/** @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT, ERR_FORMAT; the signal's reason */
export async function searchState<M extends Metadata, I extends ItemId>(
  state: State,
  queries: Vectors,
  { filter, nprobe, ...options }: CollectionSearchOptions<M, I>,
): Promise<CollectionResult<M, I>> {
  const { index, table } = state
  const { recall } = options as { recall?: unknown }
  if (recall !== undefined) {
    throw new IvfError('ERR_ARGUMENT', `recall is ${show(recall)}, and collections are not calibrated; give nprobe`)
  }
  // How many cells there are is not the caller's matter: a collection begins with one.
  const probed = typeof nprobe === 'number' && nprobe > index.nlist ? index.nlist : nprobe
  const settings = index.settings({ ...options, ...(probed !== undefined && { nprobe: probed }) })
  const rowsOf = readFilter(filter)
  return index.whileHeld(async (contents) => {
    const matrix = toMatrix(queries, index.dim, 'queries')
    options.signal?.throwIfAborted()
    const allowed = await rowsOf?.(state, contents, options.signal)
    const found = await searchSegments(contents, matrix, { ...settings, filter: allowed }, options)
    return named<M, I>(found, contents.ids, table)
  })
}

/** Rows stay what they are, so metadata are read when they are wanted. */
function named<M extends Metadata, I extends ItemId>(
  { ids: rows, scores, k, nq, counts, work }: SearchResult,
  table: IdTable,
  metadata: MetadataTable,
): CollectionResult<M, I> {
  const ids = Array.from(rows, (row) => (Number.isNaN(row) ? undefined : (table.idOf(row) as I)))
  return {
    ...{ ids, scores, k, nq, counts, work },
    of: (i) =>
      Array.from({ length: counts[i] ?? 0 }, (_, j) => ({
        id: ids[i * k + j] as I,
        score: scores[i * k + j] as number,
        metadata: metadata.get(rows[i * k + j] as number) as M | undefined,
      })),
  }
}
