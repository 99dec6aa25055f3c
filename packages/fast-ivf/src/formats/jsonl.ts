import { IvfError } from '../errors.js'
import { allocate } from '../storage/bytes.js'
import type { ByteSource } from '../storage/source.js'
import type { Format, Layout } from './format.js'
import { eachLine } from './lines.js'
import { formatError, type Rows } from './vector-file.js'

/** One JSON array of numbers per line. */
export const jsonl: Format = {
  name: 'jsonl',
  extensions: ['jsonl', 'ndjson'],
  dtypes: ['float64', 'float32'],
  canBeEmpty: false,
  recognizes: (head) => /^\s*\[\s*-?\d/.test(new TextDecoder('latin1').decode(head)),
  open: openJsonl,
  encoder: ({ dim, dtype }: Layout) => ({
    rows(values, from, rows, row) {
      const shortest = dtype === 'float32' ? shortestFloat32 : String
      const lines: string[] = []
      for (let i = 0; i < rows; i++) {
        const numbers: string[] = []
        for (let j = from + i * dim; j < from + (i + 1) * dim; j++) {
          const value = values[j] as number
          if (!Number.isFinite(value)) {
            throw new IvfError(
              'ERR_NOT_FINITE',
              `row ${row + i} holds ${value}, which JSON cannot; leave the row out, or write npy`,
            )
          }
          numbers.push(Object.is(value, -0) ? '-0' : shortest(value))
        }
        lines.push(`[${numbers.join(',')}]\n`)
      }
      return new TextEncoder().encode(lines.join(''))
    },
  }),
}

/** A place from which reading can begin: row `row` is the first on or after line `line`, at byte `at`. */
interface Mark {
  row: number
  line: number
  at: number
}

const ROWS_PER_MARK = 1024

async function openJsonl(source: ByteSource, name: string): Promise<Rows> {
  const marks: Mark[] = []
  let count = 0
  let dim = 0
  let line = 0
  const start = await afterByteOrderMark(source)
  await eachLine(source, name, start, (bytes, at) => {
    line++
    if (isBlank(bytes)) return true
    if (count % ROWS_PER_MARK === 0) marks.push({ row: count, line, at })
    if (count === 0) dim = parseRow(bytes, name, line).length
    // too short a line for dim numbers: read it now, so that no array is ever larger than the file warrants
    else if (bytes.length < 2 * dim + 1) checkedRow(bytes, name, line, dim)
    count++
    return true
  })
  if (count === 0) throw formatError(name, 'holds no line with an array; write one JSON array of numbers per line')

  return {
    format: 'jsonl',
    dtype: 'float64',
    count,
    dim,
    rowBytes: dim * 8,
    async read(from, to) {
      const out = new Float64Array(allocate((to - from) * dim * 8).buffer)
      const mark = marks[Math.floor(from / ROWS_PER_MARK)]
      if (!mark || from === to) return out
      let row = mark.row
      let number = mark.line
      await eachLine(source, name, mark.at, (bytes) => {
        if (!isBlank(bytes)) {
          if (row >= from) out.set(checkedRow(bytes, name, number, dim), (row - from) * dim)
          row++
        }
        number++
        return row < to
      })
      return out
    },
  }
}

function checkedRow(bytes: Uint8Array, name: string, line: number, dim: number): number[] {
  const numbers = parseRow(bytes, name, line)
  if (numbers.length === dim) return numbers
  throw formatError(
    name,
    `has ${numbers.length} numbers on line ${line}, the lines before have ${dim}; all need the same dim`,
  )
}

function parseRow(bytes: Uint8Array, name: string, line: number): number[] {
  const text = new TextDecoder().decode(bytes)
  let row: unknown
  try {
    row = JSON.parse(text)
  } catch (cause) {
    throw formatError(name, `has a line ${line} that is not JSON: ${excerpt(text)}. Was the file cut short?`, cause)
  }
  if (Array.isArray(row) && row.length > 0 && row.every(Number.isFinite)) return row
  throw formatError(name, `has a line ${line} that is no array of numbers: ${excerpt(text)}; needed is [0.1, 0.2, …]`)
}

const excerpt = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text.trim())

function isBlank(bytes: Uint8Array): boolean {
  return bytes.length === 0 || bytes.every((byte) => byte === 0x20 || byte === 0x09 || byte === 0x0d)
}

async function afterByteOrderMark(source: ByteSource): Promise<number> {
  const [a, b, c] = await source.read(0, Math.min(3, source.size))
  return a === 0xef && b === 0xbb && c === 0xbf ? 3 : 0
}

/** The fewest digits that read back as the same 32-bit float. */
function shortestFloat32(value: number): string {
  const float = Math.fround(value)
  for (let digits = 7; digits < 9; digits++) {
    const short = Number(float.toPrecision(digits))
    if (Math.fround(short) === float) return String(short)
  }
  return String(Number(float.toPrecision(9)))
}
