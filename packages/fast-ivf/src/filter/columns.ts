import { canonicalJson } from './json.js'
import type { Found } from './matches.js'

/** The codes that every column has, as `entries` has them first. */
const MISSING = 0
export const NUMBER = 1
const NULL = 2
const FALSE = 3
const TRUE = 4

/**
 * What one path leads to in each row: a code, so that a question is asked once per different answer. Only numbers, of
 * which there may be as many as rows, are kept row by row.
 */
export class Column {
  readonly names: readonly string[]
  /** What the rows of a code have: a string, or all that the path leads to. */
  readonly entries: (string | Found)[] = [[undefined], [], [null], [false], [true]]
  /** The codes of entries that are not strings. */
  readonly lists: number[] = [MISSING, NULL, FALSE, TRUE]
  /** codes: a code per row; numbers: NaN where the code is not NUMBER; none while there are no numbers */
  codes: Uint32Array = new Uint32Array(0)
  numbers: Float64Array | undefined
  readonly #codeOfString = new Map<string, number>()
  readonly #codeOfList = new Map<string, number>()
  #rows = 0

  constructor(names: readonly string[]) {
    this.names = names
  }

  get rows(): number {
    return this.#rows
  }

  codeOf(text: string): number | undefined {
    return this.#codeOfString.get(text)
  }

  /** Makes room, so that rows can be pushed one by one. */
  reserve(rows: number): void {
    if (rows <= this.codes.length) return
    const room = Math.max(rows, Math.ceil(1.25 * this.codes.length))
    const codes = new Uint32Array(room)
    codes.set(this.codes)
    this.codes = codes
    if (!this.numbers) return
    const numbers = new Float64Array(room).fill(Number.NaN)
    numbers.set(this.numbers)
    this.numbers = numbers
  }

  /** What the path leads to in the next row, for which there must be room. */
  push(found: Found): void {
    const value = found[0]
    const row = this.#rows
    const code = found.length > 1 ? this.#listCode(found) : this.#code(value, found)
    this.codes[row] = code
    if (code === NUMBER) this.numbers ??= new Float64Array(this.codes.length).fill(Number.NaN)
    if (this.numbers) this.numbers[row] = code === NUMBER ? (value as number) : Number.NaN
    this.#rows++
  }

  #code(value: Found[number], found: Found): number {
    switch (typeof value) {
      case 'number':
        return NUMBER
      case 'boolean':
        return value ? TRUE : FALSE
      case 'string':
        return this.#codeOfString.get(value) ?? this.#add(this.#codeOfString, value, value)
      default:
        if (value === null) return NULL
        return value === undefined && found.length === 1 ? MISSING : this.#listCode(found)
    }
  }

  #listCode(found: Found): number {
    const key = found.map((value) => (value === undefined ? '' : canonicalJson(value))).join()
    const known = this.#codeOfList.get(key)
    if (known !== undefined) return known
    const code = this.#add(this.#codeOfList, key, found)
    this.lists.push(code)
    return code
  }

  #add(codes: Map<string, number>, key: string, entry: string | Found): number {
    const code = this.entries.push(entry) - 1
    codes.set(key, code)
    return code
  }
}
