import type { IdKind, IdTable } from '../ivf/ids.js'
import type { Id } from '../options.js'
import { bytesOf, joinBytes } from '../storage/bytes.js'
import { damaged } from './layout.js'

/** Ids of a segment's slots as bytes, cell after cell. */
export interface StoredIds {
  readonly dtype: 'U32' | 'I64' | 'U8'
  readonly shape: readonly number[]
  readonly bytes: Uint8Array
  /** Where each cell's bytes begin, and the end. */
  readonly starts: Float64Array
}

/** Bytes of an id; 0: they differ. */
export function idBytes(kind: IdKind): number {
  return kind === 'rows' ? 4 : kind === 'string' ? 0 : 8
}

/**
 * The ids of slots, by the rows of those. Numbers of rows are 32 bits, other numbers 64; of strings, each cell holds the
 * lengths (u32 each), then the UTF-8.
 */
export function storeIds(ids: IdTable, rows: Uint32Array, starts: Uint32Array): StoredIds {
  const count = rows.length
  const size = idBytes(ids.kind)
  const begins = Float64Array.from(starts, (start) => start * size)
  if (ids.kind === 'rows') return { dtype: 'U32', shape: [count], bytes: bytesOf(rows), starts: begins }
  if (ids.kind !== 'string') {
    const numbers = BigInt64Array.from(rows, (row) => BigInt(ids.idOf(row)))
    return { dtype: 'I64', shape: [count], bytes: bytesOf(numbers), starts: begins }
  }
  const encoder = new TextEncoder()
  const cells: Uint8Array[] = []
  let at = 0
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    begins[cell] = at
    const texts = Array.from(rows.subarray(starts[cell], starts[cell + 1]), (row) =>
      encoder.encode(ids.idOf(row) as string),
    )
    const lengths = Uint32Array.from(texts, ({ length }) => length)
    for (const part of [bytesOf(lengths), ...texts]) {
      cells.push(part)
      at += part.length
    }
  }
  begins[starts.length - 1] = at
  return { dtype: 'U8', shape: [at], bytes: joinBytes(cells, at), starts: begins }
}

/** The ids of a cell of `count` slots. @throws IvfError ERR_FORMAT */
export function readCellIds(kind: IdKind, bytes: Uint8Array, count: number, name: string): Id[] {
  const own = bytes.slice()
  if (kind === 'rows') return Array.from(new Uint32Array(own.buffer, 0, count))
  if (kind !== 'string') {
    const numbers = Array.from(new BigInt64Array(own.buffer, 0, count))
    if (kind === 'bigint') return numbers
    const wide = numbers.find((id) => !Number.isSafeInteger(Number(id)))
    if (wide === undefined) return numbers.map(Number)
    throw damaged(name, `has the id ${wide}, and numbers end at 2^53`)
  }
  if (own.length < count * 4) throw damaged(name, `has ids of ${own.length} bytes for ${count} vectors`)
  const lengths = new Uint32Array(own.buffer, 0, count)
  // A text may begin with a byte order mark.
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  const ids: string[] = []
  let at = count * 4
  for (const length of lengths) {
    if (at + length > own.length) throw damaged(name, 'has ids that go beyond their cell')
    ids.push(decodeId(decoder, own.subarray(at, at + length), name))
    at += length
  }
  if (at !== own.length) throw damaged(name, 'has ids that do not fill their cell')
  return ids
}

function decodeId(decoder: TextDecoder, bytes: Uint8Array, name: string): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw damaged(name, 'has an id that is no UTF-8', cause)
  }
}
