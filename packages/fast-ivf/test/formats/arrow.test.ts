import {
  Bool,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int64,
  List,
  type RecordBatch,
  Table,
  tableFromIPC,
  tableToIPC,
  Utf8,
  type Vector,
  vectorFromArray,
} from 'apache-arrow'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ArrowVector, arrowColumn, arrowVectors, toBytes, type VectorBatch } from '../../src/formats/index.js'
import { exactSearch } from '../../src/index.js'

const fixed = (dim: number, type: Float16 | Float32 | Float64 | Int64 | Bool | Utf8 = new Float32()) =>
  new FixedSizeList(dim, new Field('item', type as Float32, true))
const column = (rows: unknown[], type: FixedSizeList | List = fixed(2)): Vector =>
  vectorFromArray(rows as never[], type as never) as unknown as Vector
const rowsOf = (batches: Iterable<VectorBatch>): number[][] =>
  [...batches].flatMap(({ data, dims: [rows, dim] }) =>
    Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * dim, (i + 1) * dim))),
  )
const code = (work: () => unknown): unknown => {
  try {
    return work()
  } catch (error) {
    return `${(error as { code: string }).code} ${(error as Error).message}`
  }
}

const rows = [
  [1, 2],
  [3, 4],
  [5, 6],
  [7, 8],
  [9, 10],
]

test('a FixedSizeList of floats is its vectors, one batch per chunk, without a copy', () => {
  const vector = column(rows)
  const joined = vector.concat(column([[11, 12]]) as never) as Vector
  const batches = [...arrowVectors(joined)]
  expect(batches.map(({ dims }) => dims)).toEqual([
    [5, 2],
    [1, 2],
  ])
  expect(rowsOf(batches)).toEqual([...rows, [11, 12]])
  expect(batches[0]?.data.buffer).toBe(vector.data[0]?.children[0]?.values.buffer)
  expect(rowsOf(arrowVectors(vector.data[0]!))).toEqual(rows)
})

test.each([
  ['Float64', new Float64(), Float64Array],
  ['Float32', new Float32(), Float32Array],
  ['Float16', new Float16(), Float32Array],
])('%s comes as the array that holds it', (_, type, Type) => {
  const [batch] = arrowVectors(column(rows, fixed(2, type)))
  expect(batch?.data).toBeInstanceOf(Type)
  expect(Array.from(batch?.data ?? [])).toEqual(rows.flat())
})

test('a slice, and a slice of a slice, are the rows they say, nulls outside of them notwithstanding', () => {
  const withNull = column([null, ...rows, [1, null]])
  fc.assert(
    fc.property(fc.nat(5), fc.nat(5), fc.nat(5), (a, b, c) => {
      const part = withNull.slice(1, 6).slice(Math.min(a, b), Math.max(a, b))
      expect(rowsOf(arrowVectors(part))).toEqual(rows.slice(Math.min(a, b), Math.max(a, b)))
      expect(rowsOf(arrowVectors(part.slice(c)))).toEqual(rows.slice(Math.min(a, b), Math.max(a, b)).slice(c))
    }),
    { seed: 1, numRuns: 60 },
  )
})

test('a chunk whose child was not sliced along begins at its offset', () => {
  const child = { type: {}, length: 10, values: Float32Array.from(rows.flat()), children: [] }
  const chunk = { type: { listSize: 2 }, length: 2, offset: 3, nullBitmap: null, children: [child] }
  expect(rowsOf(arrowVectors({ data: [chunk] }))).toEqual(rows.slice(3))
  const bitmap = Uint8Array.of(0b01000)
  expect(code(() => [...arrowVectors({ ...chunk, nullBitmap: bitmap })])).toMatch(/row 1 of the column is null/)
})

test('a List whose rows are equally long is read too, sliced or not; other rows are named', () => {
  const list = new List(new Field('item', new Float32(), true))
  expect(rowsOf(arrowVectors(column(rows, list)))).toEqual(rows)
  expect(rowsOf(arrowVectors(column(rows, list).slice(2, 4)))).toEqual(rows.slice(2, 4))
  expect(code(() => [...arrowVectors(column([...rows, [1]], list))])).toMatch(/^ERR_DIM row 5 of the column holds 1/)
})

test('null rows and null numbers are refused by the number of their row, over all chunks', () => {
  const good = column(rows)
  const bad = (row: unknown): unknown => code(() => [...arrowVectors(good.concat(column([[0, 0], row]) as never))])
  expect(bad(null)).toMatch(/^ERR_ARGUMENT row 6 of the column is null/)
  expect(bad([1, null])).toMatch(/^ERR_ARGUMENT row 6 of the column holds null at component 1/)
})

describe('a table', () => {
  const schema = { id: vectorFromArray(['a', 'b', 'c', 'd', 'e'], new Utf8()), embedding: column(rows) }
  test('gives a column by name, also after a way through IPC, and in several record batches', () => {
    const table = new Table(schema as never)
    expect(rowsOf(arrowColumn(table, 'embedding'))).toEqual(rows)
    const twice = new Table([...table.batches, ...table.batches] as RecordBatch[])
    const back = tableFromIPC(tableToIPC(twice, 'stream'))
    expect(rowsOf(arrowColumn(back, 'embedding'))).toEqual([...rows, ...rows])
    expect(rowsOf(arrowColumn(back.slice(3, 8), 'embedding'))).toEqual([...rows, ...rows].slice(3, 8))
  })

  test('says which columns it has, and which of them hold no vectors', () => {
    const table = new Table(schema as never)
    expect(code(() => arrowColumn(table, 'vector'))).toMatch(/^ERR_NOT_FOUND .*'vector'; it has 'id', 'embedding'/)
    expect(code(() => arrowColumn(table, 'id'))).toMatch(/^ERR_ARGUMENT the column is Utf8; FixedSizeList<Float32>/)
    expect(code(() => arrowColumn(undefined as never, 'id'))).toMatch(/^ERR_ARGUMENT the table is undefined/)
  })
})

test.each([
  ['64-bit integers', column([[1n, 2n]], fixed(2, new Int64())), /a list of Int64/],
  ['text', column([['a', 'b']], fixed(2, new Utf8())), /a list of Utf8/],
  ['yes and no', column([[true, false]], fixed(2, new Bool())), /a list of Bool/],
  ['nothing', undefined, /the column is undefined/],
  ['an array', [[1, 2]], /the column is Array/],
])('%s is no column of vectors', (_, vector, message) => {
  expect(code(() => [...arrowVectors(vector as ArrowVector)])).toMatch(message)
})

test('a file, and exact search, take the batches as they are', async () => {
  const vectors = arrowVectors(column(rows).concat(column(rows) as never) as Vector)
  expect((await toBytes(vectors, { format: 'fbin' })).length).toBe(8 + 10 * 2 * 4)
  expect(rowsOf(vectors)).toHaveLength(10)
  const { ids } = await exactSearch(vectors, [[5, 6]], { k: 2, metric: 'l2', dim: 2, threads: 0 })
  expect([...ids]).toEqual([2, 7])
})
