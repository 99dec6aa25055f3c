import { IvfError } from './errors.js'
import { formatError } from './formats/vector-file.js'
import { checkChunk } from './parquet-check.js'
import { bounds, type Pages } from './parquet-chunk.js'
import type { Hyparquet, Metadata } from './parquet-columns.js'
import type { ByteSource } from './storage/source.js'

/** Makes the bytes of a codec what they were: `outputLength` bytes. */
export type Decompress = (input: Uint8Array, outputLength: number) => Uint8Array

/** What the package hyparquet does. */
export interface Library {
  readonly hyparquet: Hyparquet
  readonly header: Pages['header']
}

/** A Parquet file's bytes: as hyparquet asks for them, and page by page. */
export interface ParquetSource {
  readonly name: string
  readonly pages: Pages
  readonly codecs: ReadonlySet<string>
  metadata(): Promise<Metadata>
  /** The values of columns in a row group, which is the rows [from, to): a record per row. */
  records(
    metadata: Metadata,
    columns: readonly string[],
    group: number,
    from: number,
    to: number,
  ): Promise<Record<string, unknown>[]>
}

export function parquetSource(
  { hyparquet, header }: Library,
  source: ByteSource,
  name: string,
  given: Readonly<Record<string, Decompress>> = {},
): ParquetSource {
  const snappy: Decompress = (bytes, size) => {
    const whole = new Uint8Array(size)
    hyparquet.snappyUncompress(bytes, whole)
    return whole
  }
  const compressors: Readonly<Record<string, Decompress>> = { UNCOMPRESSED: (bytes) => bytes, SNAPPY: snappy, ...given }
  const read = async (from: number, to: number): Promise<Uint8Array> => {
    if (from >= 0 && from <= to && to <= source.size) return source.read(from, to)
    throw formatError(name, `has ${source.size} bytes, bytes ${from} to ${to} are needed; it is damaged`)
  }
  const inflate: Pages['inflate'] = (bytes, size, codec) => {
    if (!(size >= 0 && size <= MOST_BYTES)) throw formatError(name, `tells of a page of ${size} bytes; it is damaged`)
    const whole = compressors[codec]?.(bytes, size)
    if (whole?.length === size) return whole
    throw formatError(name, `has a page of ${whole?.length} bytes that should be ${size}; it is damaged`)
  }
  return {
    name,
    pages: { header, read, inflate },
    codecs: new Set(Object.keys(compressors)),
    metadata: () =>
      guarded(name, () => {
        const slice = (from: number, to: number = source.size) => sliceOf([], from, to, read)
        return hyparquet.parquetMetadataAsync({ byteLength: source.size, slice })
      }),
    records: (metadata, columns, group, from, to) =>
      guarded(name, async () => {
        const root = hyparquet.parquetSchema(metadata)
        const held: Held[] = []
        for (const { meta_data: chunk } of metadata.row_groups[group]?.columns ?? []) {
          if (!chunk || !columns.includes(chunk.path_in_schema[0] ?? '')) continue
          const [first, last] = bounds(chunk)
          const bytes = await read(first, last)
          held.push({ first, bytes })
          const own = { header, inflate, read: async (a: number, b: number) => bytes.subarray(a - first, b - first) }
          await checkChunk(own, chunk, root, name)
        }
        return hyparquet.parquetReadObjects({
          file: { byteLength: source.size, slice: (a, b = source.size) => sliceOf(held, a, b, read) },
          metadata,
          columns: [...columns],
          rowStart: from,
          rowEnd: to,
          compressors,
        })
      }),
  }
}

/** Bytes that were read already. */
interface Held {
  readonly first: number
  readonly bytes: Uint8Array
}

/** The bytes [from, to) as an ArrayBuffer: from what is held, and what lies between is read. */
async function sliceOf(
  held: readonly Held[],
  from: number,
  to: number,
  read: (from: number, to: number) => Promise<Uint8Array>,
): Promise<ArrayBuffer> {
  const out = new Uint8Array(to - from)
  const parts = held.filter(({ first, bytes }) => first < to && first + bytes.length > from)
  let at = from
  for (const { first, bytes } of [...parts].sort((a, b) => a.first - b.first)) {
    if (first > at) out.set(await read(at, first), at - from)
    const end = Math.min(to, first + bytes.length)
    const start = Math.max(at, first)
    if (end > start) out.set(bytes.subarray(start - first, end - first), start - from)
    at = Math.max(at, end)
  }
  if (at < to) out.set(await read(at, to), at - from)
  return out.buffer
}

/** More than any writer puts into a page. */
const MOST_BYTES = 2 ** 30

/** Does what may meet damage: what fails in it that is not ours becomes an ERR_FORMAT with the cause. */
export async function guarded<T>(name: string, work: () => T | Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof IvfError) throw cause
    const what = String((cause as Error)?.message ?? cause)
    throw formatError(name, `cannot be read as Parquet: ${what}; was it damaged?`, cause)
  }
}
