import { checkInteger } from '../errors.js'

/** A set of rows: bit r & 31 of word r >> 5. Words that are not there are empty. */
export type RowSet = Uint32Array

/** The set of these rows, each below `size`. @throws IvfError ERR_ARGUMENT */
export function rowSetOf(rows: Iterable<number>, size: number): RowSet {
  const set = new Uint32Array(Math.ceil(size / 32))
  for (const row of rows) {
    checkInteger('row', row, 0, size - 1)
    set[row >>> 5] = (set[row >>> 5] as number) | (1 << (row & 31))
  }
  return set
}

/** The rows 0 … size − 1. */
export function allRows(size: number): RowSet {
  const set = new Uint32Array(Math.ceil(size / 32)).fill(0xffffffff)
  if (size % 32 !== 0) set[set.length - 1] = 2 ** (size % 32) - 1
  return set
}

export function and(a: RowSet, b: RowSet): RowSet {
  const both = a.slice(0, Math.min(a.length, b.length))
  for (let i = 0; i < both.length; i++) both[i] = (both[i] as number) & (b[i] as number)
  return both
}

export function or(a: RowSet, b: RowSet): RowSet {
  const [long, short] = a.length < b.length ? [b, a] : [a, b]
  const either = long.slice()
  for (let i = 0; i < short.length; i++) either[i] = (either[i] as number) | (short[i] as number)
  return either
}

/** The rows of a that are not in b. */
export function andNot(a: RowSet, b: RowSet): RowSet {
  const rest = a.slice()
  const end = Math.min(a.length, b.length)
  for (let i = 0; i < end; i++) rest[i] = (rest[i] as number) & ~(b[i] as number)
  return rest
}

/** How many rows are in the set. */
export function count(set: RowSet): number {
  let rows = 0
  for (let i = 0; i < set.length; i++) rows += bitsOf(set[i] as number)
  return rows
}

/** Visits the rows of the set in ascending order. */
export function forEachRow(set: RowSet, visit: (row: number) => void): void {
  for (let i = 0; i < set.length; i++) {
    for (let word = set[i] as number; word !== 0; word &= word - 1) visit(32 * i + 31 - Math.clz32(word & -word))
  }
}

/** Sums of 2, then 4, then 8 bits, side by side; the product adds the four bytes. */
function bitsOf(word: number): number {
  let sums = word - ((word >>> 1) & 0x55555555)
  sums = (sums & 0x33333333) + ((sums >>> 2) & 0x33333333)
  return Math.imul((sums + (sums >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
