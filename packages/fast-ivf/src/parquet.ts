import { IvfError } from './errors.js'
import { type BatchOptions, formatError, type VectorFile } from './formats/vector-file.js'
import { childOf, codecsOf, columnsOf, type Metadata, type ParquetColumn, vectorColumn } from './parquet-columns.js'
import { type ParquetRows, parquetRows, range, rowsFile } from './parquet-read.js'
import { type Ids, idsOf, isWide, plain } from './parquet-scalars.js'
import { type Decompress, guarded, type Library, type ParquetSource, parquetSource } from './parquet-source.js'
import { type ParquetData, type WriteParquetOptions, type Written, writeRows } from './parquet-write.js'
import type { WriteTarget } from './storage/sink.js'
import { isByteSource, nameOf, openSource, type SourceInput } from './storage/source.js'

export type { VectorBatches, Vectors } from './engine/vectors.js'
export type { Dtype, TypedArray } from './formats/dtypes.js'
export type { BatchOptions, VectorBatch, VectorFile } from './formats/vector-file.js'
export type { ParquetColumn } from './parquet-columns.js'
export type { Ids } from './parquet-scalars.js'
export type { Decompress } from './parquet-source.js'
export type { ParquetData, WriteParquetOptions, Written } from './parquet-write.js'
export type { WriteTarget } from './storage/sink.js'
export type { ByteSource, SourceInput } from './storage/source.js'

/** Options of `openParquet`. */
export interface OpenParquetOptions {
  /** the column of vectors, lists of numbers of equal length; needed where several are lists of floats */
  vectors?: string
  /** the column of ids: integers or text */
  id?: string
  /** other columns to read with each batch */
  metadata?: readonly string[]
  /** for files of ZSTD, GZIP, BROTLI or LZ4: `compressors` of the package hyparquet-compressors */
  compressors?: Readonly<Record<string, Decompress>>
  /** what to call the bytes in messages, where the input does not tell */
  name?: string
}

/** Rows of a Parquet file: vectors, count × dim, and what belongs to the row of the same place. */
export interface ParquetBatch {
  vectors: Float32Array
  dim: number
  count: number
  /** numbers where all of the file's ids are safe integers, as far as its statistics tell, else bigints; or text */
  ids?: Ids
  metadata?: Record<string, unknown>[]
}

/** Options of `batches`. */
export interface ParquetBatchOptions extends BatchOptions {
  signal?: AbortSignal
}

/** An open Parquet file. */
export interface ParquetFile {
  readonly columns: readonly ParquetColumn[]
  readonly count: number
  /** 0 where there are no rows */
  readonly dim: number
  /** The vectors alone, as of any file of vectors, in the numbers that the file has. Closing it leaves the file open. */
  readonly vectors: VectorFile
  /**
   * Vectors with their ids and metadata. A batch is of one row group, and of `rows`, or about 8 MB of vectors, at most.
   * @throws IvfError ERR_DIM where a row is null or of another length, ERR_ID where an id is null, ERR_FORMAT
   */
  batches(options?: ParquetBatchOptions): AsyncIterable<ParquetBatch>
  close(): Promise<void>
}

/**
 * Opens a Parquet file with the package hyparquet, by ranges: pages of vectors are fetched as they are read.
 * @throws IvfError ERR_UNSUPPORTED where hyparquet is not installed, or a codec is unknown; ERR_FORMAT, ERR_NOT_FOUND,
 * ERR_ARGUMENT where it does not tell which column is meant
 */
export async function openParquet(input: SourceInput, options: OpenParquetOptions = {}): Promise<ParquetFile> {
  const library = await loadReader()
  const name = options.name ?? nameOf(input) ?? 'the file'
  const bytes = await openSource(input)
  const close = isByteSource(input) ? async () => {} : () => bytes.close()
  try {
    const source = parquetSource(library, bytes, name, options.compressors)
    const metadata = await source.metadata()
    const root = await guarded(name, () => library.hyparquet.parquetSchema(metadata))
    const columns = await guarded(name, () => columnsOf(root))
    const column = vectorColumn(root, options.vectors, name)
    const others = [...(options.id === undefined ? [] : [options.id]), ...(options.metadata ?? [])]
    for (const other of others) childOf(root, other, name)
    checkCodecs(source, metadata, [column.name, ...others])
    const rows = await guarded(name, () => parquetRows(source, metadata, column))
    return parquetFile(source, metadata, columns, rows, options, close)
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * Writes vectors, and ids and metadata beside them, as a Parquet file with the package hyparquet-writer. A path is
 * replaced only once everything is written.
 * @throws IvfError ERR_UNSUPPORTED where hyparquet-writer is not installed; ERR_ARGUMENT, ERR_DIM, ERR_EMPTY, ERR_ID,
 * ERR_NOT_FINITE, ERR_NOT_FOUND; the signal's reason
 */
export async function writeParquet(
  target: WriteTarget,
  data: ParquetData,
  options: WriteParquetOptions = {},
): Promise<Written> {
  const writer = await load('written', 'hyparquet-writer', () => import('hyparquet-writer'))
  return writeRows(writer, target, data, options)
}

function parquetFile(
  source: ParquetSource,
  metadata: Metadata,
  columns: readonly ParquetColumn[],
  rows: ParquetRows,
  { id, metadata: fields = [] }: OpenParquetOptions,
  close: () => Promise<void>,
): ParquetFile {
  const { name } = source
  const { count, dim } = rows
  const wide = id !== undefined && isWide(metadata, id)
  const beside = [...new Set([...(id === undefined ? [] : [id]), ...fields])]
  let closed = false
  const check = (): void => {
    if (closed) throw new IvfError('ERR_CLOSED', `${name} was closed; open it again to read it`)
  }

  async function* readBatches(
    step: number | undefined,
    from: number,
    to: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ParquetBatch> {
    check()
    signal?.throwIfAborted()
    let group = -1
    let records: Record<string, unknown>[] = []
    for await (const part of damaged(name, rows.read(step, from, to))) {
      if (beside.length > 0 && part.group.index !== group) {
        group = part.group.index
        records = await source.records(metadata, beside, group, part.group.from, part.group.to)
        if (records.length !== part.group.to - part.group.from) {
          throw formatError(
            name,
            `holds ${records.length} values of ${beside.join(', ')} in a row group; it is damaged`,
          )
        }
      }
      signal?.throwIfAborted()
      const first = part.row - part.group.from
      const own = records.slice(first, first + part.rows)
      yield {
        vectors: part.values instanceof Float32Array ? part.values : new Float32Array(part.values),
        dim,
        count: part.rows,
        ...(id !== undefined && {
          ids: idsOf(
            own.map((record) => record[id]),
            wide,
            part.row,
            id,
          ),
        }),
        ...(fields.length > 0 && { metadata: own.map((record) => pick(record, fields)) }),
      }
    }
  }

  return {
    columns,
    count,
    dim,
    vectors: rowsFile({ ...rows, read: (...args) => damaged(name, rows.read(...args)) }, name, check),
    batches: (options = {}) => readBatches(...range(options, count), options.signal),
    async close() {
      closed = true
      await close()
    },
  }
}

function pick(record: Record<string, unknown>, fields: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(fields.map((field) => [field, plain(record[field])]))
}

/** Rows as they come, with what fails in reading them told as `guarded` does. */
async function* damaged<T>(name: string, rows: AsyncGenerator<T>): AsyncGenerator<T> {
  try {
    for (;;) {
      const step = await guarded(name, () => rows.next())
      if (step.done) return
      yield step.value
    }
  } finally {
    await rows.return(undefined)
  }
}

function checkCodecs({ name, codecs }: ParquetSource, metadata: Metadata, columns: readonly string[]): void {
  const missing = [...codecsOf(metadata, columns)].find((codec) => !codecs.has(codec))
  if (missing === undefined) return
  throw new IvfError(
    'ERR_UNSUPPORTED',
    `${name} is compressed by ${missing}; give { compressors } of the package hyparquet-compressors`,
  )
}

async function loadReader(): Promise<Library> {
  return load('read', 'hyparquet', async () => {
    const [hyparquet, { parquetHeader }] = await Promise.all([import('hyparquet'), import('hyparquet/src/column.js')])
    return { hyparquet, header: parquetHeader }
  })
}

/** Where the package is not there, says so and how to get it. */
async function load<T>(done: string, name: string, get: () => Promise<T>): Promise<T> {
  try {
    return await get()
  } catch (cause) {
    const message = `Parquet files are ${done} by the package ${name}: npm install ${name}`
    throw new IvfError('ERR_UNSUPPORTED', message, { cause })
  }
}
