import { formatError } from './vector-file.js'

/** What the header of an npy file says. */
export interface NpyHeader {
  /** byte order and type, e.g. "<f4" */
  descr: string
  fortran: boolean
  shape: number[]
}

/** A Python literal: what NumPy writes into a header. */
type Literal = string | number | boolean | null | Literal[] | { [key: string]: Literal }

const EXPECTED =
  "expected {'descr': '<f4', 'fortran_order': False, 'shape': (rows, dim)}; write it again with numpy.save"

/** Reads the header's text. @throws IvfError ERR_FORMAT */
export function parseNpyHeader(text: string, name: string): NpyHeader {
  const header = parseLiteral(text)
  if (header === undefined || header === null || typeof header !== 'object' || Array.isArray(header)) {
    throw formatError(name, `has a header that is no dictionary, "${short(text)}": ${EXPECTED}`)
  }
  const { descr, fortran_order: fortran, shape } = header
  if (Array.isArray(descr)) {
    throw formatError(name, "holds records of several fields; save one field of them, as array['field'], on its own")
  }
  if (typeof descr !== 'string' || typeof fortran !== 'boolean' || !isShape(shape)) {
    throw formatError(name, `has a header without a good descr, fortran_order or shape, "${short(text)}": ${EXPECTED}`)
  }
  return { descr, fortran, shape }
}

/** The header NumPy itself would write, padded to the same length for every count so that it can be put right later. */
export function npyHeader(descr: string, shape: readonly number[]): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(', ')}), }`
  const bytes = new Uint8Array(NPY_HEADER_BYTES).fill(0x20)
  bytes.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, NPY_HEADER_BYTES - 10, 0])
  bytes.set(new TextEncoder().encode(text), 10)
  bytes[NPY_HEADER_BYTES - 1] = 0x0a
  return bytes
}

/** Room for two numbers of 16 digits; a multiple of 64, as NumPy aligns its data. */
export const NPY_HEADER_BYTES = 128

function isShape(shape: Literal | undefined): shape is number[] {
  return Array.isArray(shape) && shape.every((length) => Number.isSafeInteger(length) && (length as number) >= 0)
}

const short = (text: string): string => (text.length > 80 ? `${text.slice(0, 80)}…` : text.trimEnd())

/** Literals nested deeper are no header; the bound keeps a hostile one from using up the stack. */
const MAX_DEPTH = 8

const WORDS: ReadonlyMap<string, Literal> = new Map<string, Literal>([
  ['True', true],
  ['False', false],
  ['None', null],
])

/** A Python literal of dictionaries, tuples, lists, strings, integers, True, False and None; undefined if it is none. */
function parseLiteral(text: string): Literal | undefined {
  const tokens = text.match(/'[^'\n]*'|"[^"\n]*"|[A-Za-z_]+|-?\d+L?|[{}()[\],:]|[^\s]/g) ?? []
  let at = 0

  function items(close: string, depth: number, each: () => boolean): boolean {
    for (;;) {
      if (tokens[at] === close) break
      if (depth > MAX_DEPTH || !each()) return false
      if (tokens[at] === ',') at++
      else if (tokens[at] !== close) return false
    }
    at++
    return true
  }

  function sequence(close: string, depth: number): Literal[] | undefined {
    const found: Literal[] = []
    const whole = items(close, depth, () => {
      const item = value(depth)
      if (item !== undefined) found.push(item)
      return item !== undefined
    })
    return whole ? found : undefined
  }

  function dictionary(depth: number): Literal | undefined {
    const found = new Map<string, Literal>()
    const whole = items('}', depth, () => {
      const key = value(depth)
      if (typeof key !== 'string' || tokens[at++] !== ':') return false
      const item = value(depth)
      if (item !== undefined) found.set(key, item)
      return item !== undefined
    })
    return whole ? Object.fromEntries(found) : undefined
  }

  function value(depth: number): Literal | undefined {
    const token = tokens[at++] ?? ''
    if (token === '{') return dictionary(depth + 1)
    if (token === '(') return sequence(')', depth + 1)
    if (token === '[') return sequence(']', depth + 1)
    if (/^['"]./.test(token)) return token.slice(1, -1)
    if (/^-?\d/.test(token)) return Number(token.replace('L', ''))
    return WORDS.get(token)
  }

  const found = value(0)
  return at === tokens.length ? found : undefined
}
