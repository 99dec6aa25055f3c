import { IvfError } from '../errors.js'
import type { PinnedFilter, RowFilter } from './allowed.js'
import { type Contents, rowsOf } from './contents.js'

/**
 * Vectors of an index, chosen once for many searches. It holds those that were there when it was made: what is added
 * later is not in it, what is removed is never an answer.
 */
export class Selection {
  /** How many vectors were chosen. */
  readonly size: number
  /** @internal */
  readonly filter: PinnedFilter
  /** @internal */
  readonly lineage: object

  /** @internal */
  constructor(size: number, filter: PinnedFilter, lineage: object) {
    this.size = size
    this.filter = filter
    this.lineage = lineage
  }
}

/**
 * The filter as it is for these contents, which are the index's own at present: writers may give ids to other rows later.
 * @throws IvfError ERR_ARGUMENT for a selection of other vectors, whose rows mean nothing here
 */
export function pinned(contents: Contents, filter: RowFilter): PinnedFilter {
  if (filter.kind === 'ids') return { kind: 'numbers', numbers: rowsOf(contents, [...filter.ids]) }
  if (filter.kind !== 'selection') return filter
  if (filter.selection.lineage === contents.ids.lineage) return filter.selection.filter
  throw new IvfError(
    'ERR_ARGUMENT',
    'filter is a selection of another index, or from before it was trained again; make one with select of this index',
  )
}
