import { IvfError } from './errors.js'
import { type Dtype, decode, elements, type TypedArray } from './formats/dtypes.js'
import { BATCH_BYTES, formatError } from './formats/vector-file.js'

/** A dataset of an HDF5 file: the path of its name, its shape, how it stores a number ('other': no numbers). */
export interface Hdf5Dataset {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: Dtype | 'other'
}

/** Types alone: the package is imported where a file is opened. */
export type H5 = typeof import('h5wasm')
export type H5File = InstanceType<H5['File']>
type Dataset = InstanceType<H5['Dataset']>

/** A file of h5wasm. */
export interface Opened {
  readonly file: H5File
  /** Does what may meet damage: the library's failures become an ERR_FORMAT with the cause, and it prints nothing. */
  call<T>(work: () => T): T
  release(): void
}

/** A dataset as rows × dim; `flat`: it is a single vector, of one dimension. */
export interface DatasetRows {
  readonly path: string
  readonly dtype: Dtype
  readonly count: number
  readonly dim: number
  readonly flat: boolean
}

export function rowsOf(datasets: readonly Hdf5Dataset[], path: string, name: string): DatasetRows {
  const found = datasets.find((dataset) => dataset.name === bare(path))
  if (!found) throw new IvfError('ERR_NOT_FOUND', `${name} holds no dataset '${path}'; it holds ${listed(datasets)}`)
  const { shape, dtype } = found
  const [count, dim] = shape.length === 1 ? [1, shape[0]] : shape
  if (dtype === 'other') {
    throw formatError(name, `stores no numbers of 8 to 64 bits in '${path}' that can be read; save it as float32`)
  }
  if (count === undefined || !dim || shape.length > 2) {
    throw formatError(name, `has the shape (${shape.join(', ')}) in '${path}'; rows × dim is needed`)
  }
  return { path: found.name, dtype, count, dim, flat: shape.length === 1 }
}

/** Piece by piece: what h5wasm reads goes through its own memory, which is small. */
export function readRows(opened: Opened, rows: DatasetRows, from: number, to: number, name: string): TypedArray {
  const { path, dtype, dim, flat } = rows
  const step = Math.max(1, Math.floor(BATCH_BYTES / (dim * elements[dtype].size)))
  const all = to - from > step ? elements[dtype].make((to - from) * dim) : undefined
  for (let at = from; ; at += step) {
    const end = Math.min(at + step, to)
    const columns: [number, number] = [0, dim]
    const piece = opened.call(() => {
      if (to === from) return elements[dtype].make(0)
      return (opened.file.get(path) as Dataset).slice(flat ? [columns] : [[at, end], columns])
    })
    if (!ArrayBuffer.isView(piece) || piece.byteLength !== (end - at) * dim * elements[dtype].size) {
      throw formatError(name, `gave other rows in '${path}' than its header tells; was it damaged?`)
    }
    const numbers = decode(
      dtype,
      new Uint8Array(piece.buffer, piece.byteOffset, piece.byteLength),
      (index) => `${name} ('${path}') row ${at + Math.floor(index / dim)}`,
    )
    if (!all) return numbers
    all.set(numbers, (at - from) * dim)
    if (end === to) return all
  }
}

export function datasetsOf(file: H5File): Hdf5Dataset[] {
  return file.paths().flatMap((path) => {
    const found = file.get(path)
    if (!found || !('metadata' in found) || !('slice' in found)) return []
    const { metadata } = found
    return [{ name: bare(path), shape: metadata.shape ?? [], dtype: dtypeOf(metadata) }]
  })
}

/** h5wasm's types: 0 integers, 1 floats. */
function dtypeOf({ type, size, signed }: Dataset['metadata']): Dtype | 'other' {
  const name = type === 0 ? `${signed ? '' : 'u'}int${size * 8}` : type === 1 && size > 2 ? `float${size * 8}` : 'other'
  return name in elements ? (name as Dtype) : 'other'
}

/** h5wasm's type 3: text. */
export function textAttributes(file: H5File): Record<string, string> {
  const texts = Object.entries(file.attrs).filter(([, { metadata }]) => metadata.type === 3)
  const values = texts.map(([name, { value }]) => [name, value])
  return Object.fromEntries(values.filter(([, value]) => typeof value === 'string'))
}

const bare = (path: string): string => path.replace(/^\/+/, '')

export function listed(datasets: readonly Hdf5Dataset[]): string {
  return datasets.map(({ name, shape }) => `'${name}' (${shape.join(' × ')})`).join(', ') || 'none'
}
