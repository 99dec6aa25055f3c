import { IvfError, show } from '../errors.js'
import { joinBytes } from './bytes.js'
import { MAX_MEMBERS } from './json-cursor.js'
import { ALIGNMENT, MAX_HEADER_BYTES, MAX_RANK, METADATA, PADDING, product } from './safetensors-header.js'
import {
  arrayOfDtype,
  dtypeOfArray,
  sizeOfDtype,
  type TensorArray,
  type TensorDtype,
  tensorDtypes,
} from './tensor-dtypes.js'

export interface NamedTensor {
  readonly name: string
  readonly shape: readonly number[]
  /** row-major, the product of the shape many numbers; of F16 and BF16 the bits */
  readonly data: TensorArray
  /** what the array's type tells when left out; F16 and BF16 (Uint16Array) and BOOL (Uint8Array) must be told */
  readonly dtype?: TensorDtype
}

/**
 * The file of these tensors, as pieces to be written one after the other: what belongs to tensors is not copied, so
 * leave their arrays alone until it is written. The same input gives the same bytes.
 *
 * Every tensor begins at a multiple of 64 bytes of the file, so that its bytes can be used where they lie. The format
 * has no gaps: the header is filled up with spaces, and the space before a tensor is a U8 tensor `__pad__0`, `__pad__1`
 * …, which other readers list and ours does not. Tensors keep their order.
 * @throws IvfError ERR_ARGUMENT
 */
export function safetensorsParts(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const shapes = tensors.map((tensor) => ({ ...tensor, dtype: checkTensor(tensor) }))
  const { header, spaces } = layTensors(shapes, metadata)
  const parts: Uint8Array[] = [header]
  for (const [i, { data }] of tensors.entries()) {
    const space = spaces[i]
    if (space) parts.push(new Uint8Array(space))
    parts.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
  }
  return parts
}

/** A tensor whose numbers are not at hand yet. */
export type TensorShape = Omit<NamedTensor, 'data' | 'dtype'> & { readonly dtype: TensorDtype }

/**
 * The header of a file of these tensors, and how many bytes (zeros) are to be written before each.
 * @throws IvfError ERR_ARGUMENT
 */
export function layTensors(
  tensors: readonly TensorShape[],
  metadata: Readonly<Record<string, string>>,
): { header: Uint8Array; spaces: number[] } {
  const members = metadataMembers(metadata)
  const names = new Set<string>()
  const spaces: number[] = []
  let at = 0
  let pads = 0

  function put(name: string, dtype: TensorDtype, shape: readonly number[]): void {
    const to = at + (product(shape) ?? 0) * sizeOfDtype(dtype)
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [at, to] })}`)
    at = to
  }

  for (const { name, dtype, shape } of tensors) {
    checkName(name, names)
    names.add(name)
    const space = bytesToAlign(at)
    if (space > 0) put(`${PADDING}${pads++}`, 'U8', [space])
    spaces.push(space)
    put(name, dtype, shape)
  }
  return { header: headerBytes(members), spaces }
}

/** The file of these tensors in one piece; see `safetensorsParts`. @throws IvfError ERR_ARGUMENT, ERR_MEMORY */
export function writeSafetensors(
  tensors: readonly NamedTensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  const parts = safetensorsParts(tensors, metadata)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  try {
    return joinBytes(parts, length)
  } catch (cause) {
    throw new IvfError('ERR_MEMORY', `cannot have ${length} bytes in one piece; write them part by part`, { cause })
  }
}

/** In the order of their names, whatever order they were put together in. */
function metadataMembers(metadata: Readonly<Record<string, string>>): string[] {
  const keys = Object.keys(metadata).sort()
  checkCount('metadata', keys.length)
  const members = keys.map((key) => {
    const value: unknown = metadata[key]
    if (typeof value === 'string' && isText(key) && isText(value)) {
      return `${JSON.stringify(key)}:${JSON.stringify(value)}`
    }
    throw new IvfError('ERR_ARGUMENT', `metadata ${show(key)} is ${show(value)}; names and values must be text`)
  })
  return members.length === 0 ? [] : [`${JSON.stringify(METADATA)}:{${members.join(',')}}`]
}

function headerBytes(members: readonly string[]): Uint8Array {
  checkCount('tensors and their padding', members.length)
  const json = new TextEncoder().encode(`{${members.join(',')}}`)
  const length = json.length + bytesToAlign(8 + json.length)
  if (length > MAX_HEADER_BYTES) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `the header has ${length} bytes, safetensors allows ${MAX_HEADER_BYTES}; write fewer tensors or less metadata`,
    )
  }
  const bytes = new Uint8Array(8 + length).fill(0x20)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true)
  bytes.set(json, 8)
  return bytes
}

function checkCount(what: string, count: number): void {
  if (count <= MAX_MEMBERS) return
  throw new IvfError('ERR_ARGUMENT', `${count} ${what} are too many for one file; write at most ${MAX_MEMBERS}`)
}

function bytesToAlign(at: number): number {
  return (ALIGNMENT - (at % ALIGNMENT)) % ALIGNMENT
}

function checkName(name: unknown, names: ReadonlySet<string>): void {
  const wrong =
    typeof name !== 'string' || !isText(name)
      ? 'a name must be text'
      : name === METADATA || name.startsWith(PADDING)
        ? `${METADATA} and names that begin with ${PADDING} have a meaning of their own: choose another`
        : names.has(name)
          ? 'another tensor has that name: choose one for each'
          : undefined
  if (wrong !== undefined) throw new IvfError('ERR_ARGUMENT', `a tensor is named ${show(name)}; ${wrong}`)
}

/** Without half a surrogate pair, which UTF-8 cannot store. */
function isText(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

/** Returns its dtype. */
function checkTensor({ name, shape, data, dtype: asked }: NamedTensor): TensorDtype {
  const own = dtypeOfArray(data)
  const dtype = asked ?? own
  if (own === undefined || dtype === undefined || !tensorDtypes.includes(dtype)) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `tensor ${show(name)} is ${show(data)}${asked === undefined ? '' : ` as ${show(asked)}`}; it must be a typed ` +
        `array and its dtype one of ${tensorDtypes.join(', ')}`,
    )
  }
  const needed = arrayOfDtype(dtype)
  if (needed !== arrayOfDtype(own)) {
    throw new IvfError('ERR_ARGUMENT', `tensor ${show(name)} is ${show(data)} as ${dtype}; ${needed} is needed`)
  }
  const isShape = Array.isArray(shape) && shape.length <= MAX_RANK && shape.every(isSize)
  if (isShape && product(shape) === data.length) return dtype
  throw new IvfError(
    'ERR_ARGUMENT',
    `tensor ${show(name)} has ${data.length} numbers and shape ${isShape ? `[${shape.join(', ')}]` : show(shape)}; ` +
      `the shape must be at most ${MAX_RANK} integers whose product is the count of numbers`,
  )
}

function isSize(size: unknown): boolean {
  return Number.isSafeInteger(size) && (size as number) >= 0
}
