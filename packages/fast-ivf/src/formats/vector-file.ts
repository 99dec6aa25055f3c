import { checkInteger, IvfError } from '../errors.js'
import type { ByteSource } from '../storage/source.js'
import type { Dtype, TypedArray } from './dtypes.js'

/** Rows × dim, row-major. The array belongs to the caller. */
export interface VectorBatch {
  data: TypedArray
  dims: [number, number]
}

/** Which rows to read (`from` up to, not including, `to`) and how many at a time; about 8 MB at a time by default. */
export interface BatchOptions {
  rows?: number
  from?: number
  to?: number
}

/** An open file of vectors: what it holds is known, and its rows are read when asked for. */
export interface VectorFile {
  readonly format: string
  /** how the file stores a number; rows come as the array that suits it */
  readonly dtype: Dtype
  readonly count: number
  readonly dim: number
  batches(options?: BatchOptions): AsyncIterable<VectorBatch>
  /** Every row in one array. */
  readAll(): Promise<VectorBatch>
  close(): Promise<void>
}

/** What a format finds in a file: the rest of a VectorFile is the same for all of them. */
export interface Rows {
  readonly format: string
  readonly dtype: Dtype
  readonly count: number
  readonly dim: number
  /** bytes of a row, in the file or in memory, whichever is more */
  readonly rowBytes: number
  /** rows [from, to), (to - from) × dim */
  read(from: number, to: number): Promise<TypedArray>
}

export const BATCH_BYTES: number = 8 * 2 ** 20

/** Makes a VectorFile of what a format found. */
export function vectorFile(rows: Rows, name: string, close: () => Promise<void>): VectorFile {
  const { format, dtype, count, dim } = rows
  let closed = false

  async function read(from: number, to: number): Promise<VectorBatch> {
    if (closed) throw new IvfError('ERR_CLOSED', `${name} was closed; open it again to read it`)
    return { data: await rows.read(from, to), dims: [to - from, dim] }
  }

  async function* readBatches(step: number, first: number, last: number): AsyncGenerator<VectorBatch> {
    for (let from = first; from < last; from += step) yield read(from, Math.min(from + step, last))
  }

  return {
    format,
    dtype,
    count,
    dim,
    batches(options = {}) {
      const step = options.rows ?? Math.max(1, Math.floor(BATCH_BYTES / rows.rowBytes))
      const to = checkInteger('to', options.to ?? count, 0, count)
      const from = checkInteger('from', options.from ?? 0, 0, to)
      return readBatches(checkInteger('rows', step, 1), from, to)
    },
    readAll: () => read(0, count),
    async close() {
      closed = true
      await close()
    },
  }
}

/** The bytes [from, to) of a source, never fewer. @throws IvfError ERR_FORMAT */
export async function readBytes(source: ByteSource, from: number, to: number, name: string): Promise<Uint8Array> {
  const bytes = to <= source.size ? await source.read(from, to) : undefined
  if (bytes?.length === to - from) return bytes
  throw new IvfError(
    'ERR_FORMAT',
    `${name} has ${bytes ? from + bytes.length : source.size} bytes, bytes ${from} to ${to} are needed; it was cut short`,
  )
}

/** An ERR_FORMAT about the file `name`. */
export function formatError(name: string, message: string, cause?: unknown): IvfError {
  return new IvfError('ERR_FORMAT', `${name} ${message}`, cause === undefined ? {} : { cause })
}
