import { checkInteger, IvfError, show } from '../errors.js'

/** A typed array of numbers that fit a 32-bit float. */
export type NumberArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Uint32Array

/**
 * Vectors, rows × dim. Flat arrays are row-major; `{ data, dims }` and `{ data, shape }` are tensors with two
 * dimensions (or one: a single vector), as transformers.js and numpy readers give them.
 */
export type Vectors =
  | NumberArray
  | readonly number[]
  | readonly (NumberArray | readonly number[])[]
  | { readonly data: ArrayLike<number>; readonly dims: readonly number[] }
  | { readonly data: ArrayLike<number>; readonly shape: readonly number[] }

/** Vectors in batches of any size, so that all of them need not be in memory at once. */
export type VectorBatches = Iterable<Vectors> | AsyncIterable<Vectors>

/** Rows of equal length that can be copied out, piece by piece. */
export interface Matrix {
  readonly rows: number
  readonly dim: number
  /** The caller's number of row i, for messages, where it is not i. */
  origin?(row: number): number
  /** Writes rows from … to, row-major. @throws IvfError ERR_DETACHED */
  copy(from: number, to: number, target: Float32Array): void
}

/** Whether the input is batches of vectors rather than vectors. */
export function isBatches(input: Vectors | VectorBatches): input is VectorBatches {
  if (
    typeof input !== 'object' ||
    input === null ||
    Array.isArray(input) ||
    ArrayBuffer.isView(input) ||
    'data' in input
  )
    return false
  return Symbol.asyncIterator in input || Symbol.iterator in input
}

/** The input as batches: itself, or one batch. */
export function asBatches(input: Vectors | VectorBatches): VectorBatches {
  return isBatches(input) ? input : [input]
}

/**
 * Reads any kind of `Vectors`. Without `dim` (0) the input must tell it itself.
 * @throws IvfError ERR_DIM, ERR_DETACHED, ERR_ARGUMENT
 */
export function toMatrix(input: Vectors, dim: number, name: string): Matrix {
  checkInteger('dim', dim, 0, 65536)
  if (ArrayBuffer.isView(input)) return flatMatrix(input as NumberArray, dim, name)
  if (Array.isArray(input)) {
    return typeof input[0] === 'number' ? flatMatrix(input, dim, name) : rowsMatrix(input, dim, name)
  }
  if (typeof input === 'object' && input !== null && 'data' in input) return tensorMatrix(input, dim, name)
  throw new IvfError(
    'ERR_ARGUMENT',
    `${name} is ${show(input)}; give a Float32Array (rows × dim), an array of vectors, { data, dims }, or an iterable of those`,
  )
}

/** All rows, rows × dim, in memory of their own. */
export function copyOf(matrix: Matrix): Float32Array {
  const rows = new Float32Array(matrix.rows * matrix.dim)
  matrix.copy(0, matrix.rows, rows)
  return rows
}

/** The rows of these numbers, in this order. */
export function pick(matrix: Matrix, rows: Uint32Array): Matrix {
  const { dim } = matrix
  return {
    rows: rows.length,
    dim,
    origin(i) {
      const row = rows[i] as number
      return matrix.origin?.(row) ?? row
    },
    copy(from, to, target) {
      for (let i = from; i < to; i++) {
        const row = rows[i] as number
        matrix.copy(row, row + 1, target.subarray((i - from) * dim, (i - from + 1) * dim))
      }
    },
  }
}

function flatMatrix(data: ArrayLike<number>, dim: number, name: string): Matrix {
  checkNumbers(data, name)
  checkAttached(data, name)
  if (dim === 0) {
    throw new IvfError(
      'ERR_DIM',
      `${name} is a flat array of ${data.length} numbers and its dim is not known; give the option dim, or { data, dims: [rows, dim] }`,
    )
  }
  if (data.length % dim !== 0) {
    throw new IvfError(
      'ERR_DIM',
      `${name} holds ${data.length} numbers, which is not a whole number of vectors of dim ${dim} (${data.length % dim} are left over); were these embedded by another model?`,
    )
  }
  return flat(data, data.length / dim, dim, name)
}

function flat(data: ArrayLike<number>, rows: number, dim: number, name: string): Matrix {
  const length = data.length
  return {
    rows,
    dim,
    copy(from, to, target) {
      if (data.length !== length) throw detached(name)
      if (ArrayBuffer.isView(data)) target.set((data as unknown as NumberArray).subarray(from * dim, to * dim))
      else
        for (let i = from * dim; i < to * dim; i++)
          target[i - from * dim] = numberAt(data, i, name, Math.floor(i / dim), i % dim)
    },
  }
}

function tensorMatrix(input: object, dim: number, name: string): Matrix {
  const { data, dims, shape } = input as {
    data: ArrayLike<number>
    dims?: readonly number[]
    shape?: readonly number[]
  }
  const sizes = dims ?? shape
  if (
    !Array.isArray(sizes) ||
    sizes.length < 1 ||
    sizes.length > 2 ||
    !sizes.every((n) => Number.isSafeInteger(n) && n >= 0)
  ) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `${name} has dims ${JSON.stringify(sizes)}; they must be [rows, dim], or [dim] for a single vector`,
    )
  }
  checkNumbers(data, name)
  checkAttached(data, name)
  const [rows, own] = sizes.length === 1 ? [1, sizes[0] as number] : (sizes as [number, number])
  if (data.length < rows * own) {
    throw new IvfError(
      'ERR_DETACHED',
      `${name}.data holds ${data.length} numbers, but its dims [${sizes}] need ${rows * own}; is its buffer too short or detached?`,
    )
  }
  if ((dim !== 0 && own !== dim) || (own === 0 && rows > 0)) throw wrongDim(name, 0, own, dim)
  return flat(data, rows, own, name)
}

function rowsMatrix(rows: readonly ArrayLike<number>[], dim: number, name: string): Matrix {
  const width = dim || (rows[0]?.length ?? 0)
  // Not forEach, which passes over holes.
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i]
    if (typeof row !== 'object' || row === null || !('length' in row)) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `row ${i} of ${name} is ${show(row)}; it must be an array of ${width ? `${width} ` : ''}numbers`,
      )
    }
    checkNumbers(row, `row ${i} of ${name}`)
    checkAttached(row, `row ${i} of ${name}`)
    if (row.length !== width || width === 0) throw wrongDim(name, i, row.length, width)
  }
  return {
    rows: rows.length,
    dim: width,
    copy(from, to, target) {
      for (let i = from; i < to; i++) {
        const row = rows[i] as ArrayLike<number>
        const at = (i - from) * width
        if (row.length !== width) throw detached(`row ${i} of ${name}`)
        if (ArrayBuffer.isView(row)) target.set(row, at)
        else for (let k = 0; k < width; k++) target[at + k] = numberAt(row, k, name, i, k)
      }
    },
  }
}

/** Plain arrays may hold anything, and '1', null and true would pass as numbers. @throws IvfError ERR_ARGUMENT */
function numberAt(data: ArrayLike<number>, i: number, name: string, row: number, component: number): number {
  const value = data[i]
  if (typeof value === 'number') return value
  throw new IvfError(
    'ERR_ARGUMENT',
    `row ${row} of ${name} holds ${show(value)} at component ${component}; it must be a number`,
  )
}

function wrongDim(name: string, row: number, found: number, needed: number): IvfError {
  return new IvfError(
    'ERR_DIM',
    `row ${row} of ${name} holds ${found} numbers, dim ${needed} is needed; were these embedded by another model?`,
  )
}

function checkNumbers(data: ArrayLike<number>, name: string): void {
  const bad = typeof data !== 'object' || data === null || typeof data.length !== 'number' || data instanceof DataView
  if (bad || data instanceof BigInt64Array || data instanceof BigUint64Array) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `${name} holds its numbers in ${show(data)}; a Float32Array (or another array of numbers) is needed`,
    )
  }
}

function checkAttached(data: ArrayLike<number>, name: string): void {
  if (data.length > 0 || !ArrayBuffer.isView(data)) return
  try {
    // Only a detached buffer refuses a view.
    new Uint8Array(data.buffer)
  } catch {
    throw detached(name)
  }
}

function detached(name: string): IvfError {
  return new IvfError(
    'ERR_DETACHED',
    `${name}: its buffer was detached (transferred to a worker?) or changed its length; pass a copy`,
  )
}
