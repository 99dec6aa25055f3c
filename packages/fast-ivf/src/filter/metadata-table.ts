import { checkInteger, IvfError } from '../errors.js'
import { Column } from './columns.js'
import { matchingRows } from './evaluate.js'
import type { Metadata } from './filter.js'
import { parseMetadata } from './json.js'
import { find } from './matches.js'
import { type FilterNode, leavesOf, MAX_FIELDS } from './parse.js'
import type { RowSet } from './row-set.js'
import { Texts } from './texts.js'

const MAX_ROWS = 2 ** 32 - 1
/** A piece of work between two pauses. */
const PIECE_MS = 5

/** The metadata of an index's rows: texts, and columns of the fields that filters have asked for. */
export class MetadataTable {
  readonly #texts = new Texts()
  /** By path, the one used last at the end. */
  readonly #columns = new Map<string, Column>()
  /** Counts truncations: what was computed before one may be of rows that are others now. */

  /** One more than the last row that was set. */
  get rows(): number {
    return this.#texts.rows
  }

  /**
   * Appends a row: the text of a JSON object, or none. Rows that are skipped have none. The text is read when a filter
   * or `get` first needs it, and refused then; `metadataText` makes texts that are sound.
   *
   * @throws IvfError ERR_ARGUMENT
   */
  set(row: number, json: string | undefined): void {
    checkInteger('row', row, this.rows, MAX_ROWS - 1)
    if (json === '') throw new IvfError('ERR_ARGUMENT', `the metadata of row ${row} is ''; give a JSON object's text`)
    while (this.rows < row) this.#texts.push('')
    this.#texts.push(json ?? '')
  }

  /** The metadata of a row, if it has any. @throws IvfError ERR_FORMAT */
  get(row: number): Metadata | undefined {
    const text = this.text(row)
    return text === undefined ? undefined : parseMetadata(text, `the metadata of row ${row}`)
  }

  /** The text of a row as it was set. */
  text(row: number): string | undefined {
    return this.#texts.at(row) || undefined
  }

  /**
   * The rows that match, of those there are when it begins. A field's first use reads all texts; every few milliseconds
   * it awaits `pace`, which should let other work of the thread go on.
   *
   * @throws IvfError ERR_FORMAT
   */
  async evaluate(node: FilterNode, pace: () => Promise<void>): Promise<RowSet> {
    let since = performance.now()
    const pause = async (): Promise<void> => {
      await pace()
      since = performance.now()
    }
    const isDue = (): boolean => performance.now() - since >= PIECE_MS
    const rows = this.rows
    const columns = this.#columnsOf(node)
    while (!this.#fill([...columns.values()], rows, isDue)) await pause()
    return matchingRows(node, columns, rows, async () => (isDue() ? pause() : undefined))
  }

  /** The columns of the filter's fields, found or begun; those used longest ago make room. */
  #columnsOf(node: FilterNode): Map<string, Column> {
    const wanted = new Map<string, Column>()
    for (const { path, names } of leavesOf(node)) {
      const column = wanted.get(path) ?? this.#columns.get(path) ?? new Column(names)
      wanted.set(path, column)
      this.#columns.delete(path)
      this.#columns.set(path, column)
    }
    for (const path of this.#columns.keys()) {
      if (this.#columns.size <= MAX_FIELDS) break
      this.#columns.delete(path)
    }
    return wanted
  }

  /** Reads texts for the columns that lack rows, each text once; false if a pause was due before the end. */
  #fill(columns: readonly Column[], rows: number, isDue: () => boolean): boolean {
    const lacking = columns.filter((column) => column.rows < rows)
    for (const column of lacking) column.reserve(rows)
    const first = Math.min(rows, ...lacking.map((column) => column.rows))
    for (let row = first; row < rows; row++) {
      const metadata = this.get(row)
      for (const column of lacking) if (column.rows === row) column.push(find(metadata, column.names))
      if (row % 32 === 31 && isDue()) return false
    }
    return true
  }
}
