import { IvfError, show } from '../errors.js'
import type { Metadata } from '../filter/filter.js'
import { filterKey } from '../filter/key.js'
import { parseFilter } from '../filter/parse.js'
import type { PinnedFilter } from '../ivf/allowed.js'
import { setBit, wordsFor } from '../ivf/bits.js'
import { type Contents, rowsThere } from '../ivf/contents.js'
import type { ItemId } from './options.js'
import type { State } from './state.js'

/** What a filter came to. Rows do not change, so it stays right for those it has seen, and for segments of them. */
export interface CachedFilter {
  /** How many rows were looked at. */
  readonly seen: number
  readonly filter: Extract<PinnedFilter, { kind: 'rows' }>
}

/** Filters that are kept. */
const MOST = 32
/** Rows between two looks at the clock. */
const PIECE = 256

type RowTest = (id: ItemId, metadata: Metadata | undefined) => boolean

/** A filter, checked, for what is then held. @throws IvfError ERR_ARGUMENT */
export function readFilter(
  filter: unknown,
): ((state: State, contents: Contents, signal?: AbortSignal) => Promise<PinnedFilter>) | undefined {
  if (filter === undefined) return undefined
  if (typeof filter === 'function') return (...at) => rowsPassing(filter as RowTest, ...at)
  if (Array.isArray(filter) || filter instanceof Set) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `filter is ${show(filter)}; give conditions on metadata, or a function such as (id) => wanted.has(id)`,
    )
  }
  const node = parseFilter(filter)
  const key = filterKey(node)
  return async ({ filters, table }, contents, signal) => {
    const known = filters.get(key)
    let found = known
    if (!known || known.seen < contents.rows) {
      const seen = table.rows
      const rows = await table.evaluate(node, contents.model.engine.pace(signal))
      const { slots = new WeakMap(), allowed = new WeakMap() } = known?.filter ?? {}
      found = { seen, filter: { kind: 'rows', rows, slots, allowed } }
    }
    filters.delete(key)
    filters.set(key, found as CachedFilter)
    for (const oldest of filters.keys()) {
      if (filters.size <= MOST) break
      filters.delete(oldest)
    }
    return (found as CachedFilter).filter
  }
}

async function rowsPassing(
  test: RowTest,
  { table }: State,
  contents: Contents,
  signal?: AbortSignal,
): Promise<PinnedFilter> {
  const pace = contents.model.engine.pace(signal)
  const rows = new Uint32Array(wordsFor(contents.rows))
  for (const [i, row] of rowsThere(contents).entries()) {
    if (i % PIECE === 0) await pace()
    if (test(contents.ids.idOf(row) as ItemId, table.get(row))) setBit(rows, row)
  }
  return { kind: 'rows', rows, slots: new WeakMap() }
}
