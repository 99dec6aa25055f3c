import { formatError } from './formats/vector-file.js'
import type { ColumnChunk } from './parquet-columns.js'
import { runs } from './parquet-values.js'

export type PageHeader = ReturnType<typeof import('hyparquet/src/column.js')['parquetHeader']>

/** What is asked of the packages: the header of a page, and its bytes without compression. */
export interface Pages {
  header(reader: { view: DataView; offset: number }): PageHeader
  inflate(bytes: Uint8Array, size: number, codec: ColumnChunk['codec']): Uint8Array
  read(from: number, to: number): Promise<Uint8Array>
}

/** How deep the values of a column may repeat, and be missing. */
export interface Levels {
  readonly maxRepeat: number
  readonly maxLevel: number
}

export interface PageParts {
  readonly count: number
  readonly encoding: string
  readonly repeats: Uint8Array
  readonly levels: Uint8Array
  readonly body: Uint8Array
}

/** Enough for a header with statistics; pages are of about a megabyte. */
const HEADER_BYTES = 2 ** 16
const WINDOW_BYTES = 2 ** 21

/** The pages of a chunk in order, fetched as they are asked for. @throws IvfError ERR_FORMAT */
export async function* eachPage(
  pages: Pages,
  chunk: ColumnChunk,
  file: string,
): AsyncGenerator<{ header: PageHeader; bytes: Uint8Array }> {
  const [first, last] = bounds(chunk)
  let from = first
  let window: Uint8Array = new Uint8Array(0)
  const need = async (at: number, length: number): Promise<Uint8Array> => {
    if (length < 0 || at + length > last)
      throw formatError(file, 'has a page that ends after its column; it is damaged')
    if (at + length > from + window.length) {
      from = at
      window = await pages.read(at, Math.min(last, at + Math.max(length, WINDOW_BYTES)))
    }
    return window.subarray(at - from, at - from + length)
  }
  let values = 0
  for (let at = first; values < Number(chunk.num_values); ) {
    const head = await need(at, Math.min(HEADER_BYTES, last - at))
    const reader = { view: new DataView(head.buffer, head.byteOffset, head.byteLength), offset: 0 }
    const header = pages.header(reader)
    const bytes = await need(at + reader.offset, header.compressed_page_size)
    yield { header, bytes }
    const count = (header.data_page_header ?? header.data_page_header_v2)?.num_values ?? 0
    values += header.type === 'DICTIONARY_PAGE' ? 0 : count
    at += reader.offset + header.compressed_page_size
  }
}

/** The bytes of a chunk. Some writers leave 0 where there is no dictionary. */
export function bounds({
  data_page_offset,
  dictionary_page_offset,
  total_compressed_size,
}: ColumnChunk): [number, number] {
  const [data, dictionary] = [Number(data_page_offset), Number(dictionary_page_offset ?? 0)]
  const first = dictionary > 0 && dictionary < data ? dictionary : data
  return [first, first + Number(total_compressed_size)]
}

/** A page takes at least a bit for many values, so its bytes do not bound them. */
const MOST_VALUES = 2 ** 27

/** What a page consists of. `repeats`, `levels`: one per value. @throws IvfError ERR_FORMAT */
export function pageParts(
  pages: Pages,
  header: PageHeader,
  bytes: Uint8Array,
  { codec, num_values }: ColumnChunk,
  { maxRepeat, maxLevel }: Levels,
  file: string,
): PageParts {
  const second = header.data_page_header_v2
  const { num_values: count = -1, encoding = '' } = second ?? header.data_page_header ?? {}
  if (!(count >= 0 && count <= Math.min(Number(num_values), MOST_VALUES))) {
    throw formatError(file, `tells of ${count} numbers in a page of a column of ${num_values}; it is damaged`)
  }
  const [repeatWidth, width] = [32 - Math.clz32(maxRepeat), 32 - Math.clz32(maxLevel)]
  if (second) {
    const a = second.repetition_levels_byte_length
    const b = a + second.definition_levels_byte_length
    const rest = bytes.subarray(b)
    const plain = second.is_compressed === false
    return {
      count,
      encoding,
      repeats: runs(bytes.subarray(0, a), repeatWidth, new Uint8Array(count), file),
      levels: runs(bytes.subarray(a, b), width, new Uint8Array(count), file),
      body: plain ? rest : pages.inflate(rest, header.uncompressed_page_size - b, codec),
    }
  }
  const page = pages.inflate(bytes, header.uncompressed_page_size, codec)
  const [repeats, at] = maxRepeat > 0 ? sized(page, 0, file) : [page.subarray(0, 0), 0]
  const [levels, end] = maxLevel > 0 ? sized(page, at, file) : [page.subarray(0, 0), at]
  return {
    count,
    encoding,
    repeats: runs(repeats, repeatWidth, new Uint8Array(count), file),
    levels: runs(levels, width, new Uint8Array(count), file),
    body: page.subarray(end),
  }
}

/** The bytes behind a length, and where they end. */
function sized(page: Uint8Array, at: number, file: string): [bytes: Uint8Array, end: number] {
  const end =
    at + 4 > page.length ? Number.NaN : at + 4 + new DataView(page.buffer, page.byteOffset + at).getUint32(0, true)
  if (end <= page.length) return [page.subarray(at + 4, end), end]
  throw formatError(file, 'has a page that is shorter than it says; it is damaged')
}
