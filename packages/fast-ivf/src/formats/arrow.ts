import { IvfError, show } from '../errors.js'
import { fromHalves } from '../storage/float16.js'
import type { TypedArray } from './dtypes.js'
import type { VectorBatch } from './vector-file.js'

/** What is needed of an apache-arrow vector: told by its shape, since two versions of that package do not mix. */
export interface ArrowVector {
  readonly data: readonly ArrowData[]
}

/** A chunk of an Arrow vector: a list of numbers per row, all in one child. */
export interface ArrowData {
  readonly type: {
    /** 2: integers; 3: floats */
    readonly typeId?: number
    readonly listSize?: number
    /** of floats; 0: half */
    readonly precision?: number
    toString(): string
  }
  readonly length: number
  /** rows before the first, in the validity bitmap and in a child that was not sliced along */
  readonly offset?: number
  readonly nullCount?: number
  readonly nullBitmap?: Uint8Array | null | undefined
  /** of lists whose length may differ: length + 1 */
  readonly valueOffsets?: ArrayLike<number | bigint> | null | undefined
  readonly values?: unknown
  readonly children?: readonly (ArrowData | undefined)[]
}

/** What is needed of an apache-arrow table. */
export interface ArrowTable {
  getChild(name: string): ArrowVector | null
  readonly schema?: { readonly fields: readonly { readonly name: string }[] }
}

/**
 * The vectors of an Arrow column (FixedSizeList, or List with rows of equal length), a batch per chunk. The batches are
 * views of the column's memory, and can be read more than once.
 * @throws IvfError ERR_ARGUMENT, ERR_DIM; a row that is null, or holds a null, is named
 */
export function arrowVectors(vector: ArrowVector | ArrowData): Iterable<VectorBatch> {
  const chunks = chunksOf(vector)
  return {
    *[Symbol.iterator]() {
      let row = 0
      let dim = 0
      for (const chunk of chunks) {
        if (chunk.length === 0) continue
        const batch = batchOf(chunk, row)
        dim ||= batch.dims[1]
        if (batch.dims[1] !== dim) throw unequal(row, batch.dims[1], dim)
        yield batch
        row += chunk.length
      }
    },
  }
}

/** The vectors of a column of an Arrow table. @throws IvfError ERR_NOT_FOUND; and as arrowVectors */
export function arrowColumn(table: ArrowTable, name: string): Iterable<VectorBatch> {
  if (typeof table?.getChild !== 'function') {
    throw new IvfError('ERR_ARGUMENT', `the table is ${show(table)}; an Arrow table with getChild(name) is needed`)
  }
  const column = table.getChild(name)
  if (column) return arrowVectors(column)
  const names = table.schema?.fields.map((field) => `'${field.name}'`).join(', ')
  throw new IvfError('ERR_NOT_FOUND', `the table has no column '${name}'; it has ${names || 'none'}`)
}

function chunksOf(vector: ArrowVector | ArrowData): readonly ArrowData[] {
  const { data } = (vector ?? {}) as Partial<ArrowVector>
  const chunks = Array.isArray(data) ? (data as readonly ArrowData[]) : [vector as ArrowData]
  for (const chunk of chunks) {
    if (Number.isSafeInteger(chunk?.length) && typeof chunk.type === 'object' && chunk.children?.length === 1) continue
    const type = typeof chunk?.type === 'object' ? String(chunk.type) : show(vector)
    throw new IvfError('ERR_ARGUMENT', `the column is ${type}; FixedSizeList<Float32>, or another list, is needed`)
  }
  return chunks
}

function batchOf(chunk: ArrowData, row: number): VectorBatch {
  const { length } = chunk
  const nullRow = firstNull(chunk, 0, length)
  if (nullRow >= 0) throw nullAt(row + nullRow, 'is null')
  const child = chunk.children?.[0] as ArrowData
  const [first, dim] = chunk.valueOffsets ? listBounds(chunk.valueOffsets, length, row) : fixedBounds(chunk, child)
  const nullNumber = firstNull(child, first, first + length * dim)
  if (nullNumber >= 0) {
    const at = nullNumber - first
    throw nullAt(row + Math.floor(at / dim), `holds null at component ${at % dim}`)
  }
  const values = numbersOf(child)
  if (values.length < first + length * dim) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `rows ${row} to ${row + length} need ${length} × ${dim} numbers, their column holds ${values.length - first}; ` +
        'was its buffer transferred?',
    )
  }
  const own = values.subarray(first, first + length * dim)
  return { data: own instanceof Uint16Array && child.type.precision === 0 ? fromHalves(own) : own, dims: [length, dim] }
}

/** apache-arrow slices the child of a FixedSizeList along with it; others leave it whole. */
function fixedBounds(chunk: ArrowData, child: ArrowData): [first: number, dim: number] {
  const dim = chunk.type.listSize
  if (dim === undefined || !Number.isSafeInteger(dim) || dim < 1) {
    throw new IvfError('ERR_ARGUMENT', `the column is ${chunk.type} with listSize ${dim}; at least 1 is needed`)
  }
  const offset = chunk.offset ?? 0
  return [child.length >= (offset + chunk.length) * dim ? offset * dim : 0, dim]
}

function listBounds(offsets: ArrayLike<number | bigint>, length: number, row: number): [first: number, dim: number] {
  const at = (i: number): number => Number(offsets[i])
  const dim = at(1) - at(0)
  for (let i = 0; i < length; i++) {
    const own = at(i + 1) - at(i)
    if (own !== dim || !(dim > 0)) throw unequal(row + i, own, dim)
  }
  return [at(0), dim]
}

/** The first of the rows [from, to) whose validity bit is not set, or -1. */
function firstNull({ nullCount, nullBitmap, offset = 0 }: ArrowData, from: number, to: number): number {
  if (nullCount === 0 || !nullBitmap || nullBitmap.length === 0) return -1
  for (let i = from; i < to; i++) {
    const bit = offset + i
    if ((((nullBitmap[bit >> 3] as number) >> (bit & 7)) & 1) === 0) return i
  }
  return -1
}

function numbersOf({ type, values }: ArrowData): TypedArray {
  const numeric = type.typeId === undefined || type.typeId === 2 || type.typeId === 3
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array
  if (numeric && !wide && ArrayBuffer.isView(values) && !(values instanceof DataView)) return values as TypedArray
  throw new IvfError('ERR_ARGUMENT', `the column is a list of ${type}; a list of floats or small integers is needed`)
}

function nullAt(row: number, what: string): IvfError {
  return new IvfError('ERR_ARGUMENT', `row ${row} of the column ${what}; leave such rows out first`)
}

function unequal(row: number, found: number, needed: number): IvfError {
  return new IvfError(
    'ERR_DIM',
    `row ${row} of the column holds ${found} numbers, the rows before ${needed}; all must agree`,
  )
}
