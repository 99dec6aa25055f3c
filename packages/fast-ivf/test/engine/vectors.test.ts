import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isBatches, type Matrix, pick, toMatrix, type Vectors } from '../../src/engine/vectors.js'
import { exactSearch, type IvfError } from '../../src/index.js'

const flat = [1, -2, 3, 4, 5, -6]

function all(matrix: Matrix): number[] {
  const out = new Float32Array(matrix.rows * matrix.dim)
  matrix.copy(0, matrix.rows, out)
  return [...out]
}

function refusal(input: unknown, dim = 3): IvfError {
  try {
    all(toMatrix(input as Vectors, dim, 'vectors'))
  } catch (error) {
    return error as IvfError
  }
  throw new Error('it was accepted')
}

/** A view in the middle of a buffer whose other numbers are wrong. */
function amid<T extends { subarray(from: number, to: number): T; set(numbers: number[], at: number): void }>(
  type: new (length: number) => T,
): T {
  const whole = new type(20)
  whole.set(new Array(20).fill(99), 0)
  whole.set(flat, 5)
  return whole.subarray(5, 11)
}

const kinds: [string, () => Vectors][] = [
  ...[Float32Array, Float64Array, Int8Array, Int16Array, Int32Array].map(
    (type) => [type.name, () => amid(type as typeof Float32Array)] as [string, () => Vectors],
  ),
  ['a flat array', () => flat],
  [
    'rows of numbers',
    () => [
      [1, -2, 3],
      [4, 5, -6],
    ],
  ],
  ['rows of typed arrays', () => [new Float32Array([1, -2, 3]), amid(Float64Array).subarray(3)]],
  ['rows of both', () => [[1, -2, 3], new Int8Array([4, 5, -6])]],
  ['a tensor with dims', () => ({ data: amid(Float32Array), dims: [2, 3] })],
  ['a tensor with a shape', () => ({ data: flat, shape: [2, 3] })],
  [
    'shared memory',
    () => {
      const shared = new Float32Array(new SharedArrayBuffer(24))
      shared.set(flat)
      return shared
    },
  ],
  ['a frozen array', () => Object.freeze([Object.freeze([1, -2, 3]), Object.freeze([4, 5, -6])]) as Vectors],
]

describe('vectors of every kind are read', () => {
  test.each(kinds)('%s', (_, make) => {
    const matrix = toMatrix(make(), 3, 'vectors')
    expect([matrix.rows, matrix.dim]).toEqual([2, 3])
    expect(all(matrix)).toEqual(flat)
    const last = new Float32Array(3)
    matrix.copy(1, 2, last)
    expect([...last]).toEqual([4, 5, -6])
  })

  test('bytes keep their numbers', () => {
    expect(all(toMatrix(new Uint8Array([0, 127, 255]), 3, 'vectors'))).toEqual([0, 127, 255])
    expect(all(toMatrix(new Uint16Array([0, 1, 65535]), 3, 'vectors'))).toEqual([0, 1, 65535])
    expect(all(toMatrix(Buffer.from([1, 2, 3]), 3, 'vectors'))).toEqual([1, 2, 3])
  })

  test('a single vector is one row', () => {
    expect(toMatrix([1, 2, 3], 3, 'vectors').rows).toBe(1)
    expect(toMatrix({ data: [1, 2, 3], dims: [3] }, 0, 'vectors')).toMatchObject({ rows: 1, dim: 3 })
  })

  test('none are no rows', () => {
    for (const none of [[], new Float32Array(0), { data: [], dims: [0, 3] }])
      expect(toMatrix(none, 3, 'vectors').rows).toBe(0)
  })

  test('picked rows come in the order asked for, under their own numbers', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 20 }), (rows) => {
        const matrix = toMatrix(
          Float32Array.from({ length: 20 }, (_, i) => i),
          2,
          'vectors',
        )
        const twice = pick(pick(matrix, new Uint32Array([9, 8, 7, 6, 5, 4, 3, 2, 1, 0])), new Uint32Array(rows))
        expect(all(twice)).toEqual(rows.flatMap((row) => [18 - 2 * row, 19 - 2 * row]))
        rows.forEach((row, i) => expect(twice.origin?.(i)).toBe(9 - row))
      }),
      { numRuns: 50 },
    )
  })
})

/** An array with nothing in it, not even undefined. */
function holes(length: number): unknown[] {
  return new Array(length)
}

const bad: [string, () => unknown, string, RegExp][] = [
  ['BigInt64Array', () => new BigInt64Array(3), 'ERR_ARGUMENT', /vectors holds its numbers in BigInt64Array/],
  [
    'BigUint64Array in a tensor',
    () => ({ data: new BigUint64Array(3), dims: [1, 3] }),
    'ERR_ARGUMENT',
    /BigUint64Array/,
  ],
  ['a row of BigInts', () => [[1, 2, 3], new BigInt64Array(3)], 'ERR_ARGUMENT', /row 1 of vectors .* BigInt64Array/],
  ['DataView', () => new DataView(new ArrayBuffer(12)), 'ERR_ARGUMENT', /DataView/],
  ['a row that is a DataView', () => [new DataView(new ArrayBuffer(12))], 'ERR_ARGUMENT', /row 0 .* DataView/],
  ['ArrayBuffer', () => new ArrayBuffer(12), 'ERR_ARGUMENT', /ArrayBuffer/],
  [
    'a missing row',
    () => Object.assign(holes(3), { 0: [1, 2, 3], 2: [4, 5, 6] }),
    'ERR_ARGUMENT',
    /row 1 of vectors is undefined/,
  ],
  [
    'a missing first row',
    () => Object.assign(holes(2), { 1: [1, 2, 3] }),
    'ERR_ARGUMENT',
    /row 0 of vectors is undefined/,
  ],
  [
    'a missing number',
    () => [[1, 2, 3], Object.assign(holes(3), { 0: 1, 2: 3 })],
    'ERR_ARGUMENT',
    /row 1 .* undefined at component 1/,
  ],
  ['a number in a string', () => [['1', '2', '3']], 'ERR_ARGUMENT', /row 0 .* '1' at component 0/],
  ['a string in a flat array', () => [1, 2, 3, 4, '5', 6], 'ERR_ARGUMENT', /row 1 .* '5' at component 1/],
  ['null', () => [[1, null, 3]], 'ERR_ARGUMENT', /null at component 1/],
  ['a boolean', () => [[1, 2, true]], 'ERR_ARGUMENT', /true at component 2/],
  ['a BigInt', () => [[1n, 2n, 3n]], 'ERR_ARGUMENT', /1 at component 0/],
  ['nested rows', () => [[[1], [2], [3]]], 'ERR_ARGUMENT', /Array at component 0/],
  ['a string for a row', () => ['abc'], 'ERR_ARGUMENT', /row 0 of vectors is 'abc'/],
  ['numbers and rows', () => [1, [2], 3], 'ERR_ARGUMENT', /row 0 .* Array at component 1/],
  [
    'ragged rows',
    () => [
      [1, 2, 3],
      [4, 5],
    ],
    'ERR_DIM',
    /row 1 of vectors holds 2 numbers, dim 3 is needed/,
  ],
  ['a tensor without dims', () => ({ data: flat }), 'ERR_ARGUMENT', /dims undefined/],
  ['a tensor with dims of fractions', () => ({ data: flat, dims: [1.5, 4] }), 'ERR_ARGUMENT', /\[1.5,4\]/],
  ['a tensor with negative dims', () => ({ data: flat, dims: [-2, -3] }), 'ERR_ARGUMENT', /\[-2,-3\]/],
  ['a tensor of too few numbers', () => ({ data: flat, dims: [3, 3] }), 'ERR_DETACHED', /6 numbers, .* need 9/],
  ['a tensor of nothing', () => ({ data: null, dims: [1, 3] }), 'ERR_ARGUMENT', /null/],
  ['a promise', () => Promise.resolve([[1, 2, 3]]), 'ERR_ARGUMENT', /Promise/],
]

describe('what is no vectors is refused', () => {
  test.each(bad)('%s', (_, make, code, message) => {
    const error = refusal(make())
    expect(error).toMatchObject({ name: 'IvfError', code })
    expect(error.message).toMatch(message)
  })

  test('vectors of no components, and dims that are none', () => {
    for (const none of [[[]], [[], []], { data: [], dims: [3, 0] }]) expect(refusal(none, 0).code).toBe('ERR_DIM')
    for (const dim of [0.5, -1, Number.NaN, 1e9, '3'])
      expect(refusal(new Float32Array(6), dim as number).code).toBe('ERR_ARGUMENT')
    expect(refusal(new Float32Array(6), 0).message).toMatch(/dim is not known/)
  })

  test('buffers that were transferred before or during the call', () => {
    const wraps = [
      (data: Float32Array) => data,
      (data: Float32Array) => ({ data, dims: [1, 3] }),
      (data: Float32Array) => [data],
    ]
    for (const wrap of wraps) {
      const data = new Float32Array(3)
      const before = toMatrix(wrap(data), 3, 'vectors')
      structuredClone(data.buffer, { transfer: [data.buffer] })
      expect(() => all(before)).toThrow(expect.objectContaining({ code: 'ERR_DETACHED' }))
      expect(refusal(wrap(data)).code).toBe('ERR_DETACHED')
    }
  })

  test('doubles beyond 32 bits name their row and component', async () => {
    const data = new Float64Array([1, 2, 3, 4, 5, 1e39])
    const refused = exactSearch({ data, dims: [3, 2] }, [[1, 2]])
    await expect(refused).rejects.toMatchObject({
      code: 'ERR_NOT_FINITE',
      message: expect.stringMatching(/row 2 .*Infinity at component 1/),
    })
    data[5] = 1e30
    await expect(exactSearch({ data, dims: [3, 2] }, [[1, 2]])).rejects.toMatchObject({
      message: expect.stringMatching(/row 2 .*too large to square/),
    })
  })
})

test('batches are what can be iterated and is not vectors itself', () => {
  const rows = [[1, 2, 3]]
  for (const batches of [rows.values(), new Set(rows), (function* () {})(), (async function* () {})()])
    expect(isBatches(batches as never)).toBe(true)
  for (const vectors of [rows, new Float32Array(3), { data: rows, dims: [1, 3] }, 'abc', null, undefined, 3, {}])
    expect(isBatches(vectors as never)).toBe(false)
})
