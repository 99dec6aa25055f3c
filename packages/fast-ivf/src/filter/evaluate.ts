import { setBit } from '../ivf/bits.js'
import { type Column, NUMBER } from './columns.js'
import { holds } from './matches.js'
import type { FilterNode, Leaf } from './parse.js'
import { allRows, and, andNot, or, type RowSet } from './row-set.js'

/** More numbers than these are looked up in a set; up to these, a pass for each is faster. */
const MOST_PASSES = 16

/** The rows below `rows` that match. Between leaves it awaits `pause`. columns: one per path of the filter, filled */
export async function matchingRows(
  node: FilterNode,
  columns: ReadonlyMap<string, Column>,
  rows: number,
  pause: () => Promise<void> | undefined,
): Promise<RowSet> {
  switch (node.kind) {
    case 'and':
    case 'or': {
      let set: RowSet | undefined
      for (const part of node.parts) {
        const next = await matchingRows(part, columns, rows, pause)
        set = set ? (node.kind === 'and' ? and(set, next) : or(set, next)) : next
      }
      return set ?? allRows(rows) // only `{}` has no parts
    }
    case 'not':
      return andNot(allRows(rows), await matchingRows(node.part, columns, rows, pause))
    default: {
      await pause()
      return rowsOfLeaf(node, columns.get(node.path) as Column, rows)
    }
  }
}

function rowsOfLeaf(leaf: Leaf, column: Column, rows: number): RowSet {
  const set = new Uint32Array(Math.ceil(rows / 32))
  const answers = answersOf(leaf, column)
  if (answers.includes(1)) addCodes(set, column.codes, answers, rows)
  if (column.numbers && leaf.kind !== 'exists') addNumbers(set, leaf, column.numbers, rows)
  return set
}

/** entries: 1 where rows of the code match */
function answersOf(leaf: Leaf, column: Column): Uint8Array {
  const answers = new Uint8Array(column.entries.length)
  const ask = (code: number): void => {
    const entry = column.entries[code] as Column['entries'][number]
    const matches = typeof entry === 'string' ? holds(leaf, entry) : entry.some((value) => holds(leaf, value))
    answers[code] = matches ? 1 : 0
  }
  if (leaf.kind === 'in') {
    for (const code of column.lists) ask(code)
    for (const value of leaf.scalars) {
      const code = typeof value === 'string' ? column.codeOf(value) : undefined
      if (code !== undefined) answers[code] = 1
    }
  } else for (let code = 0; code < answers.length; code++) ask(code)
  if (leaf.kind === 'exists') answers[NUMBER] = 1
  return answers
}

function addCodes(set: RowSet, codes: Uint32Array, answers: Uint8Array, rows: number): void {
  for (let word = 0, row = 0; word < set.length; word++) {
    const end = Math.min(row + 32, rows)
    let bits = 0
    for (let bit = 0; row < end; row++, bit++) bits |= (answers[codes[row] as number] as number) << bit
    set[word] = (set[word] as number) | bits
  }
}

function addNumbers(set: RowSet, leaf: Exclude<Leaf, { kind: 'exists' }>, numbers: Float64Array, rows: number): void {
  if (leaf.kind === 'compare') {
    const { operator, value } = leaf
    if (typeof value !== 'number') return
    if (operator === '$gt') addRange(set, numbers, rows, nextAbove(value), Number.POSITIVE_INFINITY)
    else if (operator === '$gte') addRange(set, numbers, rows, value, Number.POSITIVE_INFINITY)
    else if (operator === '$lt') addRange(set, numbers, rows, Number.NEGATIVE_INFINITY, -nextAbove(-value))
    else addRange(set, numbers, rows, Number.NEGATIVE_INFINITY, value)
    return
  }
  const wanted = new Set([...leaf.scalars].filter((value) => typeof value === 'number'))
  if (wanted.size <= MOST_PASSES) for (const value of wanted) addRange(set, numbers, rows, value, value)
  else {
    for (let row = 0; row < rows; row++) {
      if (wanted.has(numbers[row] as number)) setBit(set, row)
    }
  }
}

/** Ends included. NaN, which rows without a number have, is in no range. */
function addRange(set: RowSet, numbers: Float64Array, rows: number, low: number, high: number): void {
  for (let word = 0, row = 0; word < set.length; word++) {
    const end = Math.min(row + 32, rows)
    let bits = 0
    for (let bit = 0; row < end; row++, bit++) {
      const number = numbers[row] as number
      bits |= (number >= low && number <= high ? 1 : 0) << bit
    }
    set[word] = (set[word] as number) | bits
  }
}

/** The next double, so that every comparison is a range with its ends; NaN above Infinity. */
function nextAbove(value: number): number {
  if (value === Number.POSITIVE_INFINITY) return Number.NaN
  if (value === 0) return Number.MIN_VALUE
  const double = new Float64Array([value])
  const bits = new BigInt64Array(double.buffer)
  bits[0] = (bits[0] as bigint) + (value > 0 ? 1n : -1n)
  return double[0] as number
}
