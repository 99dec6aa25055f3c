import { IvfError } from '../errors.js'
import type { ByteSource } from '../storage/source.js'

/**
 * Reads a file from front to back, little-endian. Small things come out of a window that is filled by one read; arrays
 * are passed over, to be read by position. `what` is for messages.
 */
export interface Cursor {
  readonly name: string
  readonly source: ByteSource
  /** where the next byte is */
  readonly at: number
  readonly remaining: number
  letters(): Promise<string>
  u8(what: string): Promise<number>
  bool(what: string): Promise<boolean>
  i32(what: string): Promise<number>
  f32(what: string): Promise<number>
  /** up to 2^53: nothing that a file may hold is more */
  u64(what: string): Promise<number>
  i64(what: string): Promise<number>
  /** Passes over count × size bytes, which must be there; returns where they begin. */
  pass(count: number, size: number, what: string): number
  /** The numbers themselves; `count` of them must be there before anything is allocated. */
  floats(count: number, what: string): Promise<Float32Array>
  longs(count: number, what: string): Promise<BigInt64Array>
}

/** Enough for everything but arrays; one request where a file is read over http. */
const WINDOW_BYTES = 2 ** 16

export function openCursor(source: ByteSource, name: string): Cursor {
  let at = 0
  let window: Uint8Array = new Uint8Array(0)
  let start = 0

  function pass(count: number, size: number, what: string): number {
    if (count > Math.floor((source.size - at) / size)) {
      throw formatError(
        name,
        `ends at byte ${source.size}, within ${what}, which needs ${count} × ${size} bytes from byte ${at}`,
      )
    }
    const from = at
    at += count * size
    return from
  }

  async function take(bytes: number, what: string): Promise<DataView> {
    const from = pass(1, bytes, what)
    if (from < start || from + bytes > start + window.length) {
      window = await readBytes(source, from, Math.min(source.size, from + Math.max(bytes, WINDOW_BYTES)), name)
      start = from
    }
    return new DataView(window.buffer, window.byteOffset + from - start, bytes)
  }

  /** A copy of what the window has, or a read of its own. */
  async function array(count: number, size: number, what: string): Promise<ArrayBuffer> {
    const from = pass(count, size, what)
    const to = from + count * size
    if (from >= start && to <= start + window.length) return ownBuffer(window.slice(from - start, to - start))
    if (to - from > WINDOW_BYTES) return ownBuffer(await readBytes(source, from, to, name))
    at = from
    const { buffer, byteOffset } = await take(to - from, what)
    return buffer.slice(byteOffset, byteOffset + to - from) as ArrayBuffer
  }

  function narrow(value: bigint, what: string): number {
    const number = Number(value)
    if (value >= 0n && Number.isSafeInteger(number)) return number
    throw formatError(name, `says at byte ${at - 8} that ${what} is ${value}; it must be from 0 to 2^53`)
  }

  async function u8(what: string): Promise<number> {
    return (await take(1, what)).getUint8(0)
  }

  return {
    name,
    source,
    get at() {
      return at
    },
    get remaining() {
      return source.size - at
    },
    async letters() {
      const view = await take(4, 'the four letters of a record')
      return String.fromCharCode(view.getUint8(0), view.getUint8(1), view.getUint8(2), view.getUint8(3))
    },
    u8,
    async bool(what) {
      const byte = await u8(what)
      if (byte > 1) throw formatError(name, `says at byte ${at - 1} that ${what} is ${byte}; it must be 0 or 1`)
      return byte === 1
    },
    i32: async (what) => (await take(4, what)).getInt32(0, true),
    f32: async (what) => (await take(4, what)).getFloat32(0, true),
    u64: async (what) => narrow((await take(8, what)).getBigUint64(0, true), what),
    i64: async (what) => narrow((await take(8, what)).getBigInt64(0, true), what),
    pass,
    floats: async (count, what) => new Float32Array(await array(count, 4, what)),
    longs: async (count, what) => new BigInt64Array(await array(count, 8, what)),
  }
}

/** The bytes [from, to), never fewer; none are asked of a source that may not know how to give none. */
export async function readBytes(source: ByteSource, from: number, to: number, name: string): Promise<Uint8Array> {
  const bytes = from === to ? new Uint8Array(0) : await source.read(from, to)
  if (bytes.length === to - from) return bytes
  throw formatError(name, `gave ${bytes.length} bytes of ${to - from} at byte ${from}; it was cut while being read`)
}

/** The bytes alone and aligned, so that numbers of any size can be seen in them: in a file they lie anywhere. */
export function ownBuffer(bytes: Uint8Array): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = bytes
  if (byteOffset === 0 && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer) return buffer
  return bytes.slice().buffer as ArrayBuffer
}

/** An ERR_FORMAT about the file `name`: it cannot be trusted. */
export function formatError(name: string, message: string): IvfError {
  return new IvfError('ERR_FORMAT', `${name} ${message}; it was cut short or damaged: copy or write it again`)
}
