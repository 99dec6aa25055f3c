import { IvfError } from './errors.js'
import { elements, type TypedArray } from './formats/dtypes.js'
import { formatError } from './formats/vector-file.js'
import { eachPage, type PageHeader, type Pages, pageParts } from './parquet-chunk.js'
import type { ColumnChunk, ListColumn } from './parquet-columns.js'
import { decodeValues, plainValues } from './parquet-values.js'

/**
 * The rows of a chunk of a column of lists, some at a time as its pages hold them: each part is of whole rows. Pages
 * are fetched as they are needed and forgotten, since a chunk may be of gigabytes.
 * `row`: the number of the chunk's first row; `dim`: what rows must have, 0 where the first one tells.
 */
export async function* readLists(
  pages: Pages,
  chunk: ColumnChunk,
  column: ListColumn,
  { row, dim, file }: { row: number; dim: number; file: string },
): AsyncGenerator<{ values: TypedArray; dim: number }> {
  let dictionary: TypedArray | undefined
  /** the last row so far: the next page may go on with it */
  let open = elements[column.dtype].make(0)
  for await (const { header, bytes } of eachPage(pages, chunk, file)) {
    if (header.type === 'DICTIONARY_PAGE') {
      const page = pages.inflate(bytes, header.uncompressed_page_size, chunk.codec)
      dictionary = plainValues(page, header.dictionary_page_header?.num_values ?? 0, column.dtype, file)
      continue
    }
    if (header.type !== 'DATA_PAGE' && header.type !== 'DATA_PAGE_V2') continue
    const firstRow = open.length === 0 ? row : row + 1
    const { starts, values } = decodePage(pages, header, bytes, chunk, column, dictionary, firstRow, file)
    if (open.length === 0 && values.length > 0 && starts[0] !== 0) {
      throw formatError(file, `begins its column '${column.name}' in the middle of a list; it is damaged`)
    }
    const joined = elements[column.dtype].make(open.length + values.length)
    joined.set(open)
    joined.set(values, open.length)
    let begin = 0
    for (const start of starts) {
      const end = open.length + start
      if (end === 0) continue
      dim ||= end - begin
      if (end - begin !== dim) throw unequal(file, column, row, end - begin, dim)
      begin = end
      row++
    }
    open = joined.slice(begin)
    if (begin > 0) yield { values: joined.subarray(0, begin), dim }
  }
  if (open.length === 0) return
  if (dim > 0 && open.length !== dim) throw unequal(file, column, row, open.length, dim)
  yield { values: open, dim: open.length }
}

interface Page {
  /** where among the numbers rows begin */
  readonly starts: readonly number[]
  readonly values: TypedArray
}

/** `firstRow`: the number of the row that a list beginning in this page has. */
function decodePage(
  pages: Pages,
  header: PageHeader,
  bytes: Uint8Array,
  chunk: ColumnChunk,
  column: ListColumn,
  dictionary: TypedArray | undefined,
  firstRow: number,
  file: string,
): Page {
  const { count, encoding, repeats, levels, body } = pageParts(pages, header, bytes, chunk, column, file)
  const starts: number[] = []
  for (let i = 0; i < count; i++) if (repeats[i] === 0) starts.push(i)
  const missing = levels.findIndex((level) => level !== column.maxLevel)
  if (missing >= 0) {
    const row = firstRow + starts.filter((start) => start <= missing).length - 1
    const what = (levels[missing] as number) < column.listLevel ? 'is null or empty' : 'holds a null'
    throw new IvfError('ERR_DIM', `row ${row} of the column '${column.name}' of ${file} ${what}; leave such rows out`)
  }
  return { starts, values: decodeValues(body, count, encoding, column.dtype, dictionary, file) }
}

function unequal(file: string, { name }: ListColumn, row: number, found: number, dim: number): IvfError {
  const told = `row ${row} of the column '${name}' of ${file} holds ${found} numbers, the rows before ${dim}`
  return new IvfError('ERR_DIM', `${told}; all must agree`)
}
