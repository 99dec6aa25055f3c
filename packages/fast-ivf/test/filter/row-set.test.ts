import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allRows, and, andNot, or } from '../../src/filter/row-set.js'
import { bitsOf, setBit } from '../../src/ivf/bits.js'

const rowsOf = (set: Uint32Array): number[] => [...bitsOf(set, 0, 32 * set.length)]
const rowSetOf = (rows: readonly number[], size: number): Uint32Array => {
  const set = new Uint32Array(Math.ceil(size / 32))
  for (const row of rows) setBit(set, row)
  return set
}
const ascending = (rows: Iterable<number>): number[] => [...new Set(rows)].sort((a, b) => a - b)

test('sets of rows do what sets do', () => {
  const sizes = fc.constantFrom(0, 1, 31, 32, 33, 64, 100)
  const someRows = sizes.chain((size) =>
    fc.tuple(fc.constant(size), fc.array(fc.nat(Math.max(0, size - 1)), { maxLength: size === 0 ? 0 : 80 })),
  )
  fc.assert(
    fc.property(someRows, someRows, ([sizeA, a], [sizeB, b]) => {
      const x = rowSetOf(a, sizeA)
      const y = rowSetOf(b, sizeB)
      expect(rowsOf(x)).toEqual(ascending(a))
      expect(rowsOf(and(x, y))).toEqual(ascending(a.filter((row) => b.includes(row))))
      expect(rowsOf(andNot(x, y))).toEqual(ascending(a.filter((row) => !b.includes(row))))
      expect(rowsOf(or(x, y))).toEqual(ascending([...a, ...b]))
      expect(rowsOf(x)).toEqual(ascending(a))
      expect(rowsOf(allRows(sizeA))).toEqual(Array.from({ length: sizeA }, (_, i) => i))
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('bit r & 31 of word r >> 5 is row r', () => {
  expect([...rowSetOf([0, 31, 33], 40)]).toEqual([0x80000001, 2])
})
