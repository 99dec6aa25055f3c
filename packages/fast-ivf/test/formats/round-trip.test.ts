import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Dtype, openVectors, type TypedArray, toBytes } from '../../src/formats/index.js'

const integers = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max })
const halves = fc.integer({ min: -2048, max: 2048 }).map((value) => value / 64)

/** Numbers that each dtype holds exactly, and the array that they come back in. */
const kinds: Record<Dtype, [fc.Arbitrary<number>, { from(values: number[]): TypedArray }]> = {
  bool: [integers(0, 1), Uint8Array],
  uint8: [integers(0, 255), Uint8Array],
  int8: [integers(-128, 127), Int8Array],
  uint16: [integers(0, 65535), Uint16Array],
  int16: [integers(-32768, 32767), Int16Array],
  uint32: [integers(0, 2 ** 32 - 1), Uint32Array],
  int32: [integers(-(2 ** 31), 2 ** 31 - 1), Int32Array],
  uint64: [fc.maxSafeNat(), Float64Array],
  int64: [fc.maxSafeInteger(), Float64Array],
  float16: [halves, Float32Array],
  float32: [fc.float(), Float32Array],
  float64: [fc.double(), Float64Array],
}

const dtypes = Object.keys(kinds) as Dtype[]
const cases: [string, Dtype][] = [
  ...dtypes.map((dtype): [string, Dtype] => ['npy', dtype]),
  ...dtypes.map((dtype): [string, Dtype] => ['npz', dtype]),
  ['fvecs', 'float32'],
  ['bvecs', 'uint8'],
  ['ivecs', 'int32'],
  ['fbin', 'float32'],
  ['u8bin', 'uint8'],
  ['i8bin', 'int8'],
  ['ibin', 'int32'],
  ['jsonl', 'float64'],
  ['jsonl', 'float32'],
]

describe.each(cases)('%s of %s', (format, dtype) => {
  const [anyNumber, Kind] = kinds[dtype]
  const number = format === 'jsonl' ? anyNumber.filter(Number.isFinite) : anyNumber
  const table = fc.tuple(integers(1, 9), integers(1, 9), integers(1, 4)).chain(([rows, dim, step]) =>
    fc.record({
      rows: fc.constant(rows),
      dim: fc.constant(dim),
      step: fc.constant(step),
      offset: integers(0, 3),
      values: fc.array(number, { minLength: rows * dim, maxLength: rows * dim }),
    }),
  )

  test('what is written in batches is read in batches', async () => {
    const check = fc.asyncProperty(table, async ({ rows, dim, step, offset, values }) => {
      async function* batches() {
        for (let at = 0; at < rows; at += step) {
          const part = Kind.from(values.slice(at * dim, Math.min(rows, at + step) * dim))
          yield { data: part, dims: [part.length / dim, dim] }
        }
      }
      const bytes = await toBytes(batches(), { format, dtype })
      // an odd offset: the reader may not assume aligned bytes
      const moved = new Uint8Array(bytes.length + offset).subarray(offset)
      moved.set(bytes)
      const file = await openVectors(moved, { format })
      expect([file.count, file.dim]).toEqual([rows, dim])
      const found: number[] = []
      for await (const batch of file.batches({ rows: step })) found.push(...batch.data)
      const { data } = await file.readAll()
      if (format !== 'jsonl') {
        expect(file.dtype).toBe(dtype)
        expect(data).toBeInstanceOf(Kind)
      }
      const read = format === 'jsonl' ? Kind.from([...data]) : data
      const integral = !dtype.startsWith('float')
      const wanted = Kind.from(values.map((value) => (integral ? value + 0 : value)))
      expect(read).toEqual(wanted)
      expect(Kind.from(found)).toEqual(wanted)
    })
    await fc.assert(check, { numRuns: 40, seed: 7 })
  })
})

test('jsonl of 32-bit floats is short and reads back as the same floats', async () => {
  const check = fc.asyncProperty(fc.float({ noNaN: true, noDefaultInfinity: true }), async (value) => {
    const bytes = await toBytes({ data: Float32Array.of(value), dims: [1, 1] }, { format: 'jsonl' })
    expect(Math.fround(JSON.parse(new TextDecoder().decode(bytes))[0])).toBe(value)
  })
  await fc.assert(check, { seed: 7 })
  const bytes = await toBytes({ data: Float32Array.of(0.1), dims: [1, 1] }, { format: 'jsonl' })
  expect(new TextDecoder().decode(bytes)).toBe('[0.1]\n')
})
