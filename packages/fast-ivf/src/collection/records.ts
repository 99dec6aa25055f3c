import { IvfError } from '../errors.js'
import { bytesOf } from '../storage/bytes.js'
import type { ItemId } from './options.js'
import type { IdKind, Write } from './writes.js'

/** What a record of the log says: a write, or, at the begin of a log that follows another, how many that one has. */
export type Entry = Write | { readonly op: 'begin'; readonly records: number }

/**
 * Record, little-endian: u8 version (1) · u8 op (0 begin, 1 upsert, 2 remove) · u8 kind of ids (0 numbers, 1 strings) ·
 * u8 0 · u32 count · u32 dim (0 without vectors) · u32 0, then
 * begin: f64 records of the log before;
 * others: count × dim f32, padded to 8 · ids: count × f64, or count × u32 lengths and the UTF-8 of all · with vectors:
 * count × u32 lengths of the metadata (0: none) and the UTF-8 of all.
 */
const VERSION = 1
const HEADER = 16
const OPS = ['begin', 'upsert', 'remove'] as const
const KINDS: readonly IdKind[] = ['number', 'string']

/** The payload of a record, in parts. */
export function encodeEntry(entry: Entry, dim: number): Uint8Array[] {
  const header = new Uint8Array(HEADER)
  const view = new DataView(header.buffer)
  view.setUint8(0, VERSION)
  view.setUint8(1, OPS.indexOf(entry.op))
  if (entry.op === 'begin') return [header, bytesOf(Float64Array.of(entry.records))]
  const { ids, kind } = entry
  view.setUint8(2, KINDS.indexOf(kind))
  view.setUint32(4, ids.length, true)
  if (entry.op === 'remove') return [header, ...encodeIds(ids, kind)]
  view.setUint32(8, dim, true)
  const vectors = bytesOf(entry.vectors)
  return [
    ...[header, vectors, new Uint8Array(-vectors.length & 7)],
    ...encodeIds(ids, kind),
    ...encodeTexts(entry.texts.map((text) => text ?? '')),
  ]
}

/** What a payload says; it is copied. `name`: of the record. @throws IvfError ERR_FORMAT */
export function decodeEntry(payload: Uint8Array, dim: number, name: string): Entry {
  let at = 0

  function refuse(what: string): never {
    throw new IvfError('ERR_FORMAT', `${name} ${what}; restore the file from a copy`)
  }

  function take(length: number): Uint8Array<ArrayBuffer> {
    if (length > payload.length - at) refuse(`has ${payload.length} bytes, where ${at + length} are needed`)
    at += length
    return payload.slice(at - length, at)
  }

  function texts(count: number): string[] {
    const lengths = new Uint32Array(take(4 * count).buffer)
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return Array.from(lengths, (length) => {
      const bytes = take(length)
      try {
        return decoder.decode(bytes)
      } catch {
        return refuse('holds a text that is no UTF-8')
      }
    })
  }

  const head = take(HEADER)
  const view = new DataView(head.buffer)
  if (view.getUint8(0) !== VERSION)
    refuse(`is of version ${view.getUint8(0)}, and ${VERSION} is known; update fast-ivf`)
  const op = OPS[view.getUint8(1)]
  const kind = KINDS[view.getUint8(2)]
  if (!op || !kind) refuse(`is of kind ${view.getUint8(1)} with ids of kind ${view.getUint8(2)}, which are not known`)
  const count = view.getUint32(4, true)
  const entry = read(op, kind)
  if (at !== payload.length) refuse(`has ${payload.length} bytes, where ${at} are needed`)
  return entry

  function read(op: Entry['op'], kind: IdKind): Entry {
    if (op === 'begin') return { op, records: new Float64Array(take(8).buffer)[0] as number }
    const readIds = (): ItemId[] =>
      kind === 'string' ? texts(count) : Array.from(new Float64Array(take(8 * count).buffer), checked)
    if (op === 'remove') return { op, kind, ids: readIds() }
    const width = view.getUint32(8, true)
    if (width !== dim) refuse(`holds vectors of dim ${width}, and the collection's is ${dim}`)
    const vectors = new Float32Array(take(4 * count * dim).buffer)
    take(-vectors.byteLength & 7)
    return { op, kind, vectors, ids: readIds(), texts: texts(count).map((text) => text || undefined) }
  }

  function checked(id: number): number {
    return Number.isSafeInteger(id) ? id : refuse(`holds the id ${id}, which is no safe integer`)
  }
}

function encodeIds(ids: readonly ItemId[], kind: IdKind): Uint8Array[] {
  return kind === 'string' ? encodeTexts(ids as readonly string[]) : [bytesOf(Float64Array.from(ids as number[]))]
}

function encodeTexts(texts: readonly string[]): Uint8Array[] {
  const encoder = new TextEncoder()
  const bytes = texts.map((text) => encoder.encode(text))
  return [bytesOf(Uint32Array.from(bytes, ({ length }) => length)), ...bytes]
}
