import { fillBits } from '../ivf/bits.js'

/** A set of rows, as bits. Words that are not there are empty. */
export type RowSet = Uint32Array

/** The rows 0 … size − 1. */
export function allRows(size: number): RowSet {
  const set = new Uint32Array(Math.ceil(size / 32))
  fillBits(set, size)
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
