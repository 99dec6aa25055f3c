import { IvfError, show } from '../errors.js'
import { type JsonCursor, jsonCursor } from './json-cursor.js'
import { sizeOfDtype, type TensorDtype, tensorDtypes } from './tensor-dtypes.js'

/** Longer headers are refused by the reference implementation, too. */
export const MAX_HEADER_BYTES = 100_000_000
/** The member of a header that is no tensor: strings by name. */
export const METADATA = '__metadata__'
/** What the names of tensors begin with that only fill the space before a multiple of ALIGNMENT. */
export const PADDING = '__pad__'
/** Every tensor that we write begins at a multiple of this many bytes of the file. */
export const ALIGNMENT = 64

/** A tensor as a header tells it. */
export interface HeaderEntry {
  readonly name: string
  readonly dtype: TensorDtype
  readonly shape: readonly number[]
  /** its bytes [from, to), counted from the end of the header */
  readonly from: number
  readonly to: number
}

export interface Header {
  /** without a prototype, so that every name is a plain one */
  readonly metadata: Readonly<Record<string, string>>
  /** in the order of their bytes */
  readonly entries: readonly HeaderEntry[]
}

/** NumPy and PyTorch have no more dimensions. */
export const MAX_RANK = 64

/**
 * Reads the header of the file `name`, whose tensors are `dataBytes` long in all.
 * @throws IvfError ERR_FORMAT, also when the tensors do not cover the bytes one after the other
 */
export function parseHeader(text: string, dataBytes: number, name: string): Header {
  const json = jsonCursor(text, name)
  const metadata: Record<string, string> = Object.create(null)
  const entries: HeaderEntry[] = []
  json.object('the header', (key) => {
    if (key !== METADATA) entries.push(parseEntry(json, key, name))
    else {
      json.object(METADATA, (word) => {
        metadata[word] = json.string(`${METADATA} ${show(word)}`)
      })
    }
  })
  json.end()
  // tensors without numbers come before the one that begins where they are
  entries.sort((a, b) => a.from - b.from || a.to - b.to)
  checkCover(entries, dataBytes, name)
  return { metadata, entries }
}

function parseEntry(json: JsonCursor, tensor: string, name: string): HeaderEntry {
  const what = `tensor ${show(tensor)}`
  const found: { dtype?: string; shape?: number[]; offsets?: number[] } = {}
  json.object(what, (field) => {
    if (field === 'dtype') found.dtype = json.string(`the dtype of ${what}`)
    else if (field === 'shape') found.shape = integers(`the shape of ${what}`, MAX_RANK)
    else if (field === 'data_offsets') found.offsets = integers(`the data_offsets of ${what}`, 2)
    else throw bad(`${show(field)} is unknown; dtype, shape and data_offsets are known: leave it out`)
  })

  function integers(of: string, most: number): number[] {
    const numbers: number[] = []
    json.array(of, () => {
      if (numbers.length === most) throw bad(`${of} has more than ${most} numbers; write it again with fewer`)
      numbers.push(json.integer(of))
    })
    return numbers
  }

  function bad(message: string): IvfError {
    return new IvfError('ERR_FORMAT', `${name}, ${what}: ${message}`)
  }

  const { shape, offsets } = found
  const dtype = tensorDtypes.find((known) => known === found.dtype)
  if (found.dtype === undefined || !shape || offsets?.length !== 2) {
    throw bad('dtype, shape and data_offsets [from, to] are needed; write the file again with safetensors')
  }
  if (!dtype) {
    throw bad(`the dtype is ${show(found.dtype)}; ${tensorDtypes.join(', ')} can be read: convert it to F32`)
  }
  const [from, to] = offsets as [number, number]
  const bytes = product([...shape, sizeOfDtype(dtype)])
  if (bytes === to - from) return { name: tensor, dtype, shape, from, to }
  const size = bytes === undefined ? 'more than 2^53 bytes' : `${bytes} bytes`
  throw bad(
    `shape [${shape.join(', ')}] of ${dtype} is ${size}, the data_offsets ${from} to ${to} are ${to - from}; ` +
      'the file is damaged: copy it again, or write it again with safetensors',
  )
}

/** Undefined where it, or the product of the first few, is no safe integer. */
export function product(factors: readonly number[]): number | undefined {
  let all = 1
  for (const factor of factors) {
    all *= factor
    if (!Number.isSafeInteger(all)) return undefined
  }
  return all
}

function checkCover(entries: readonly HeaderEntry[], dataBytes: number, name: string): void {
  let at = 0
  let before = 'the header'
  for (const { name: tensor, from, to } of entries) {
    const what = `${name}, tensor ${show(tensor)}`
    if (from !== at) {
      throw new IvfError(
        'ERR_FORMAT',
        `${what} begins at byte ${from}, ${before} ends at ${at}; safetensors has neither gaps nor overlaps: ` +
          'write the file again with safetensors',
      )
    }
    if (to > dataBytes) {
      throw new IvfError(
        'ERR_FORMAT',
        `${what} ends at byte ${to} after the header, the file at ${dataBytes}; it was cut short, copy it again`,
      )
    }
    at = to
    before = `tensor ${show(tensor)}`
  }
  if (at === dataBytes) return
  throw new IvfError(
    'ERR_FORMAT',
    `${name} has ${dataBytes} bytes after its header, ${before} ends at ${at}; copy it again, or write it again ` +
      'with safetensors',
  )
}
