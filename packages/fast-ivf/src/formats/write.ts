import type { VectorBatches, Vectors } from '../engine/vectors.js'
import { checkInteger, checkOneOf, IvfError } from '../errors.js'
import { memorySink, type Sink, type WriteTarget, writeWhole } from '../storage/sink.js'
import { nameOf } from '../storage/source.js'
import { type Dtype, elements, misfit } from './dtypes.js'
import type { Encoder, Format } from './format.js'
import { formatByName, formatNames } from './registry.js'
import { type Block, countRows, toBlocks } from './rows.js'

export interface WriteOptions {
  /** 'npy', 'fvecs' …: by the path's extension when left out */
  format?: string
  /**
   * How to store a number: the vectors' own way when left out and the format has it. Numbers that would change are
   * refused; only floats may be rounded to shorter floats.
   */
  dtype?: Dtype
  /** Numbers in a row: needed for flat arrays, and for a file without rows. */
  dim?: number
  /** Rows in all: needed for npy, npz and fbin when batches go to a stream, which cannot be put right at the end. */
  count?: number
  /** what to call the array in an npz archive; 'arr_0' by default, as NumPy does */
  member?: string
  signal?: AbortSignal
}

export interface Written {
  count: number
  dim: number
  /** bytes of the file */
  bytes: number
}

/**
 * Writes vectors to a path or a stream of bytes. A path is replaced only once everything is written.
 * @throws IvfError ERR_ARGUMENT, ERR_DIM, ERR_EMPTY, ERR_NOT_FINITE, ERR_NOT_FOUND; the signal's reason
 */
export async function writeVectors(
  target: WriteTarget,
  vectors: Vectors | VectorBatches,
  options: WriteOptions = {},
): Promise<Written> {
  const name = typeof target === 'string' || target instanceof URL ? nameOf(target) : undefined
  const format = formatToWrite(options.format, name)
  return writeWhole(target, {}, (sink) => writeTo(sink, format, name ?? `the ${format.name} file`, vectors, options))
}

/** The bytes of a file of vectors. @throws as writeVectors */
export async function toBytes(
  vectors: Vectors | VectorBatches,
  options: WriteOptions & { format: string },
): Promise<Uint8Array> {
  const format = formatToWrite(options.format, undefined)
  const sink = memorySink()
  await writeTo(sink, format, `the ${format.name} file`, vectors, options)
  return sink.bytes()
}

function formatToWrite(asked: string | undefined, name: string | undefined): Format {
  const format = formatByName(asked, name)
  if (format) return format
  const told = name === undefined ? 'the format is not given' : `${name} has no extension of a known format`
  throw new IvfError('ERR_ARGUMENT', `${told}; give { format }, one of ${formatNames.join(', ')}`)
}

async function writeTo(
  sink: Sink,
  format: Format,
  name: string,
  vectors: Vectors | VectorBatches,
  options: WriteOptions,
): Promise<Written> {
  const { dim, member, signal } = options
  if (dim !== undefined) checkInteger('dim', dim, 1)
  if (options.count !== undefined) checkInteger('count', options.count, 0)
  const dtype = options.dtype && checkOneOf('dtype', options.dtype, format.dtypes)
  const expected = options.count ?? countRows(vectors, dim)
  const begin = (rowDim: number, own: Dtype): Writing => {
    const chosen = dtype ?? (format.dtypes.includes(own) ? own : (format.dtypes[0] as Dtype))
    return { dim: rowDim, dtype: chosen, encoder: format.encoder({ dim: rowDim, dtype: chosen, member, name }) }
  }

  signal?.throwIfAborted()
  let writing: Writing | undefined
  let bytes = 0
  let count = 0
  const put = async (part: Uint8Array): Promise<void> => {
    bytes += part.length
    await sink.write(part)
  }
  const putHeader = ({ encoder }: Writing): Promise<void> => put(headerBefore(encoder, expected, sink, format))

  for await (const block of toBlocks(vectors, dim)) {
    signal?.throwIfAborted()
    if (!writing) {
      writing = begin(block.dim, block.dtype)
      await putHeader(writing)
    }
    checkFits(block, writing.dtype)
    if (block.rows > 0) await put(writing.encoder.rows(block.values, block.from, block.rows, block.row))
    count += block.rows
  }
  signal?.throwIfAborted()
  if (!writing && dim !== undefined) {
    writing = begin(dim, 'float32')
    await putHeader(writing)
  }
  if (!writing || (count === 0 && !format.canBeEmpty)) {
    const remedy = writing ? `${format.name} cannot: write npy` : 'give the option dim to write a file without rows'
    throw new IvfError('ERR_EMPTY', `there are no vectors to write to ${name}; ${remedy}`)
  }
  if (options.count !== undefined && count !== options.count) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `count is ${options.count}, but ${count} rows came; leave it out if it is unknown`,
    )
  }
  const { encoder } = writing
  if (encoder.footer) await put(encoder.footer(count))
  if (expected === undefined && encoder.header) await sink.patch?.(0, encoder.header(count))
  return { count, dim: writing.dim, bytes }
}

interface Writing {
  readonly dim: number
  readonly dtype: Dtype
  readonly encoder: Encoder
}

function headerBefore(encoder: Encoder, count: number | undefined, sink: Sink, format: Format): Uint8Array {
  if (!encoder.header) return new Uint8Array(0)
  if (count !== undefined || sink.patch) return encoder.header(count ?? 0)
  throw new IvfError(
    'ERR_ARGUMENT',
    `${format.name} begins with the number of rows, which batches do not tell and a stream cannot be given later; ` +
      'give { count }, or write to a path',
  )
}

function checkFits({ values, from, rows, dim, row, dtype: own }: Block, dtype: Dtype): void {
  const to = from + rows * dim
  if (own === dtype && ArrayBuffer.isView(values) && elements[dtype].make(0).constructor === values.constructor) return
  const bad = misfit(dtype, values, from, to, !elements[own].float)
  if (bad < 0) return
  const value = values[bad] as number
  const at = `row ${row + Math.floor((bad - from) / dim)}, column ${(bad - from) % dim}`
  throw new IvfError(
    Number.isFinite(value) ? 'ERR_ARGUMENT' : 'ERR_NOT_FINITE',
    `${at} holds ${value}; ${dtype} holds ${elements[dtype].holds}${elements[dtype].float ? ' (integers: exactly)' : ''}: ` +
      'choose another dtype or format, or convert the numbers first',
  )
}
