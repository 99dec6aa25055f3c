import { isBatches, type VectorBatches, type Vectors } from '../engine/vectors.js'
import { IvfError, show } from '../errors.js'
import { type Dtype, dtypeOf } from './dtypes.js'
import { BATCH_BYTES } from './vector-file.js'

/** Consecutive rows to write: `values[from]` and on, rows × dim. */
export interface Block {
  readonly values: ArrayLike<number>
  readonly from: number
  readonly rows: number
  /** the number of its first row in the whole file */
  readonly row: number
  readonly dim: number
  /** the dtype that holds these numbers as they are */
  readonly dtype: Dtype
}

/** How many rows there are, where that can be told before they are read. */
export function countRows(vectors: Vectors | VectorBatches, dim: number | undefined): number | undefined {
  return isBatches(vectors) ? undefined : toTable(vectors, dim, 0).rows
}

/**
 * Vectors of any kind as blocks of about 8 MB, so that writing needs little memory beside them. The first block may
 * have no rows: then it only tells the dim.
 */
export async function* toBlocks(vectors: Vectors | VectorBatches, dim: number | undefined): AsyncGenerator<Block> {
  let expected = dim
  let row = 0
  for await (const batch of isBatches(vectors) ? vectors : [vectors]) {
    const table = toTable(batch, expected, row)
    if (table.dim === 0) continue
    expected ??= table.dim
    if (table.dim !== expected) {
      throw new IvfError('ERR_DIM', `row ${row} has dim ${table.dim}, the rows before have ${expected}; all must agree`)
    }
    const step = Math.max(1, Math.floor(BATCH_BYTES / (8 * expected)))
    let from = 0
    do {
      const rows = Math.min(step, table.rows - from)
      yield { ...table.block(from, rows), rows, row: row + from, dim: expected }
      from += rows
    } while (from < table.rows)
    row += table.rows
  }
}

/** Rows of one dim, whatever they are kept in. */
interface Table {
  readonly rows: number
  readonly dim: number
  block(from: number, rows: number): { values: ArrayLike<number>; from: number; dtype: Dtype }
}

function toTable(vectors: Vectors, dim: number | undefined, row: number): Table {
  if (ArrayBuffer.isView(vectors)) return flatTable(vectors as ArrayLike<number>, undefined, dim, row)
  if (Array.isArray(vectors)) {
    const [first] = vectors
    if (first === undefined) return { rows: 0, dim: dim ?? 0, block: () => ({ values: [], from: 0, dtype: 'float64' }) }
    if (typeof first === 'number') return flatTable(vectors, undefined, dim, row)
    return listTable(vectors, row)
  }
  const tensor = vectors as { data?: ArrayLike<number>; dims?: readonly number[]; shape?: readonly number[] } | null
  const dims = tensor?.dims ?? tensor?.shape
  if (tensor?.data && dims) return flatTable(tensor.data, dims, dim, row)
  throw new IvfError(
    'ERR_ARGUMENT',
    `the vectors from row ${row} on are ${show(vectors)}; give { data, dims: [rows, dim] }, an array of vectors, ` +
      'or an iterable of those',
  )
}

function flatTable(
  values: ArrayLike<number>,
  dims: readonly number[] | undefined,
  wanted: number | undefined,
  row: number,
): Table {
  const [rows, dim] = dims ? (dims.length === 1 ? [1, dims[0]] : dims) : [values.length / (wanted || 1), wanted]
  const dtype = dtypeOf(values)
  if (dtype === undefined) {
    const remedy = 'give a typed array of numbers, ids as a Float64Array'
    throw new IvfError('ERR_ARGUMENT', `the vectors from row ${row} on are ${show(values)}; ${remedy}`)
  }
  if (dim === undefined || dim === 0 || (dims && dims.length > 2)) {
    const given = dims ? `have dims [${dims.join(', ')}]` : 'are a flat array'
    const remedy = 'give { data, dims: [rows, dim] } or the option dim'
    throw new IvfError('ERR_DIM', `the vectors from row ${row} on ${given}; rows × dim is needed: ${remedy}`)
  }
  if (rows === undefined || rows * dim !== values.length) {
    throw new IvfError(
      'ERR_DIM',
      `the vectors from row ${row} on have ${values.length} numbers, which is not ${rows ?? 0} × ${dim}; ` +
        'check dims, and whether the buffer was transferred',
    )
  }
  return { rows, dim, block: (from) => ({ values, from: from * dim, dtype }) }
}

/** An array of vectors, copied together block by block. */
function listTable(list: readonly (ArrayLike<number> | unknown)[], row: number): Table {
  const dim = isNumbers(list[0]) ? list[0].length : 0
  const kind = isNumbers(list[0]) ? dtypeOf(list[0]) : undefined
  if (dim === 0) {
    throw new IvfError('ERR_DIM', `row ${row} is ${show(list[0])} without numbers; every row needs dim of them`)
  }
  return {
    rows: list.length,
    dim,
    block(from, rows) {
      const values = new Float64Array(rows * dim)
      for (let i = 0; i < rows; i++) {
        const vector = list[from + i]
        if (!isNumbers(vector) || dtypeOf(vector) === undefined) {
          throw new IvfError('ERR_ARGUMENT', `row ${row + from + i} is ${show(vector)}; it must be an array of numbers`)
        }
        if (vector.length !== dim) {
          const told = `row ${row + from + i} has ${vector.length} numbers, row ${row} has ${dim}`
          throw new IvfError('ERR_DIM', `${told}; all rows need the same dim`)
        }
        values.set(vector, i * dim)
      }
      return { values, from: 0, dtype: kind ?? 'float64' }
    },
  }
}

function isNumbers(value: unknown): value is ArrayLike<number> {
  return ArrayBuffer.isView(value) || (Array.isArray(value) && value.every((number) => typeof number === 'number'))
}
