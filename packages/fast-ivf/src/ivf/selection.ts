import type { RowFilter } from './allowed.js'
import { type Contents, rowsOf } from './contents.js'

/**
 * Vectors of an index, chosen once for many searches. It holds those that were there when it was made: what is added
 * later is not in it, what is removed is never an answer.
 */
export class Selection {
  /** How many vectors were chosen. */
  readonly size: number
  /** @internal */
  readonly filter: RowFilter
  /** @internal */
  readonly lineage: object

  /** @internal */
  constructor(size: number, filter: RowFilter, lineage: object) {
    this.size = size
    this.filter = filter
    this.lineage = lineage
  }
}

/** The filter as it is for these contents, which are the index's own at present: writers may give ids to other rows later. */
export function pinned(contents: Contents, filter: RowFilter): Exclude<RowFilter, { kind: 'ids' }> {
  return filter.kind === 'ids' ? { kind: 'numbers', numbers: rowsOf(contents, [...filter.ids]) } : filter
}
