import { IvfError, show } from '../errors.js'
import { MAX_HEADER_BYTES, PADDING, parseHeader } from './safetensors-header.js'
import type { ByteSource } from './source.js'
import { type TensorArray, type TensorDtype, toFloats, toTensorArray } from './tensor-dtypes.js'

/** What an open file tells of a tensor. */
export interface TensorInfo {
  readonly dtype: TensorDtype
  /** row-major */
  readonly shape: readonly number[]
  /** its bytes [from, to) in the file, for those who read it in pieces */
  readonly from: number
  readonly to: number
}

export interface Tensor {
  readonly dtype: TensorDtype
  readonly shape: readonly number[]
  /** the product of the shape many numbers; of F16 and BF16 the bits. The array belongs to the caller. */
  readonly data: TensorArray
}

/** An open safetensors file: its header has been read, and tensors are read when asked for. */
export interface SafetensorsFile {
  readonly metadata: Readonly<Record<string, string>>
  /** in the order of their bytes; without those that only fill space */
  readonly tensors: ReadonlyMap<string, TensorInfo>
  /** @throws IvfError ERR_NOT_FOUND when there is no such tensor, ERR_FORMAT, ERR_MEMORY */
  read(tensor: string): Promise<Tensor>
  /**
   * A tensor of F32, F64, F16 or BF16 as 32-bit floats, row-major.
   * @throws IvfError ERR_NOT_FINITE when a number of F64 is too large, and what `read` throws
   */
  readFloats(tensor: string): Promise<Float32Array>
}

/**
 * Opens a file of the safetensors format: u64 N, N bytes of JSON, then the tensors without gaps or overlaps. The header
 * is checked as the reference implementation does, and names must be unique. `name` is for messages. The source stays
 * the caller's, who closes it after the last read.
 * @throws IvfError ERR_FORMAT
 */
export async function openSafetensors(source: ByteSource, name: string): Promise<SafetensorsFile> {
  const start = 8 + (await readHeaderLength(source, name))
  const text = decodeHeader(await readBytes(source, 8, start, name), name)
  const { metadata, entries } = parseHeader(text, source.size - start, name)
  const tensors = new Map<string, TensorInfo>()
  for (const { name: tensor, dtype, shape, from, to } of entries) {
    if (!tensor.startsWith(PADDING)) tensors.set(tensor, { dtype, shape, from: start + from, to: start + to })
  }

  async function read(tensor: string): Promise<Tensor> {
    const info = tensors.get(tensor)
    if (!info) throw notThere(tensor, [...tensors.keys()], name)
    const { dtype, shape, from, to } = info
    return { dtype, shape, data: toTensorArray(dtype, await readBytes(source, from, to, name)) }
  }

  async function readFloats(tensor: string): Promise<Float32Array> {
    const { dtype, data } = await read(tensor)
    const floats = toFloats(dtype, data)
    const what = `${name}, tensor ${show(tensor)}`
    if (!floats) throw new IvfError('ERR_FORMAT', `${what} holds ${dtype}; floats are needed: convert it to F32`)
    const tooLarge = dtype === 'F64' ? floats.findIndex((x, i) => !Number.isFinite(x) && Number.isFinite(data[i])) : -1
    if (tooLarge < 0) return floats
    throw new IvfError(
      'ERR_NOT_FINITE',
      `${what} holds ${data[tooLarge]} at ${tooLarge}, beyond 32-bit floats; store numbers up to 3.4e38`,
    )
  }

  return { metadata, tensors, read, readFloats }
}

async function readHeaderLength(source: ByteSource, name: string): Promise<number> {
  if (source.size < 8) {
    throw new IvfError(
      'ERR_FORMAT',
      `${name} has ${source.size} bytes; safetensors begins with 8 that tell the length of its header: it was cut ` +
        'short or is of another kind',
    )
  }
  const head = await readBytes(source, 0, 8, name)
  const view = new DataView(head.buffer, head.byteOffset)
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32
  const most = Math.min(MAX_HEADER_BYTES, source.size - 8)
  if (length <= most) return length
  throw new IvfError(
    'ERR_FORMAT',
    `${name} says its header has ${length} bytes; ` +
      (most < MAX_HEADER_BYTES ? `${most} follow: it was cut short` : `${most} are allowed: it is damaged`) +
      ' or is no safetensors file',
  )
}

function decodeHeader(bytes: Uint8Array, name: string): string {
  if (bytes[0] !== 0x7b) {
    throw new IvfError(
      'ERR_FORMAT',
      `${name} has a header that does not begin with {; it is damaged or is no safetensors file: write it again`,
    )
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new IvfError(
      'ERR_FORMAT',
      `${name} has a header that is no UTF-8; it is damaged: copy it again, or write it again with safetensors`,
      { cause },
    )
  }
}

/** Never fewer than asked for; none are asked of a source that may not know how to give none. */
async function readBytes(source: ByteSource, from: number, to: number, name: string): Promise<Uint8Array> {
  const bytes = from === to ? new Uint8Array(0) : await source.read(from, to)
  if (bytes.length === to - from) return bytes
  throw new IvfError(
    'ERR_FORMAT',
    `${name} gave ${bytes.length} bytes of ${to - from} at byte ${from}; it was cut short while being read`,
  )
}

function notThere(tensor: string, names: readonly string[], name: string): IvfError {
  const some = names.slice(0, 8).map(show).join(', ')
  const more = names.length > 8 ? ` and ${names.length - 8} more` : ''
  return new IvfError(
    'ERR_NOT_FOUND',
    `${name} has no tensor ${show(tensor)}; it has ${some || 'none'}${more}: check the name`,
  )
}
