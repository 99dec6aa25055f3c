import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allRows, and, andNot, count, forEachRow, or, rowSetOf } from '../../src/filter/row-set.js'
import { refusal } from '../refusal.js'

const rowsOf = (set: Uint32Array): number[] => {
  const rows: number[] = []
  forEachRow(set, (row) => rows.push(row))
  return rows
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
      expect(count(x)).toBe(new Set(a).size)
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

test('a row outside of the set is refused', async () => {
  for (const row of [-1, 40, 1.5, Number.NaN]) {
    expect((await refusal(() => rowSetOf([row], 40))).message).toBe(`row is ${row}; it must be an integer from 0 to 39`)
  }
})
