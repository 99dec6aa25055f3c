import { IvfError } from '../errors.js'
import { allocate } from './bytes.js'
import { crc32 } from './crc32.js'
import { readAt } from './files.js'
import type { FileHandle } from './source.js'

/**
 * The file of a log, little-endian; everything begins at a multiple of 8 bytes.
 *
 * Header, 16 bytes: "IVFL" · u32 version (1) · u32 generation · u32 CRC-32 of the 12 bytes before.
 * Record: u32 length of the payload · u32 CRC-32 of payload and padding · u64 sequence (0, 1, 2 …) · u32 generation ·
 * u32 CRC-32 of the 20 bytes before · payload · zeros up to a multiple of 8.
 *
 * Every byte is under a checksum. A header's own one tells a length that can be trusted from one that cannot, so a file
 * that ends within a record was cut there; the generation tells a record from what another log left in the same blocks.
 */
export const FILE_HEADER_BYTES = 16
const RECORD_HEADER_BYTES = 24
/** The longest payload: 2 GiB - 1. */
export const MAX_PAYLOAD: number = 2 ** 31 - 1

const MAGIC = 0x4c465649
const VERSION = 1
/** Replay reads this much at a time, or one record that is longer. */
const PIECE_BYTES = 2 ** 20

/** A place between two records: the byte where the next one begins, and its sequence number. */
export interface LogPosition {
  readonly generation: number
  readonly at: number
  readonly sequence: number
}

/** The payload is a view of memory that is used again after the call, or after the promise it returns. */
export type OnRecord = (payload: Uint8Array, sequence: number) => void | Promise<void>

/** Where reading came to. `damage` says what does not check there; without it, what follows is an unfinished write. */
export interface Stop {
  readonly position: LogPosition
  readonly damage: string | undefined
}

export function encodeFileHeader(generation: number): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, MAGIC, true)
  view.setUint32(4, VERSION, true)
  view.setUint32(8, generation, true)
  view.setUint32(12, crc32(bytes.subarray(0, 12)), true)
  return bytes
}

/** A record of `parts`, one after the other, which are copied; `length` is their sum. */
export function encodeRecord(
  parts: readonly Uint8Array[],
  length: number,
  { generation, sequence }: { generation: number; sequence: number },
): Uint8Array {
  const bytes = allocate(spanOf(length))
  let at = RECORD_HEADER_BYTES
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  const view = new DataView(bytes.buffer)
  view.setUint32(0, length, true)
  view.setUint32(4, crc32(bytes.subarray(RECORD_HEADER_BYTES)), true)
  view.setUint32(8, sequence % 2 ** 32, true)
  view.setUint32(12, Math.floor(sequence / 2 ** 32), true)
  view.setUint32(16, generation, true)
  view.setUint32(20, crc32(bytes.subarray(0, 20)), true)
  return bytes
}

/** The place of the first record of the log `name`. @throws IvfError ERR_FORMAT */
export async function readStart(handle: FileHandle, size: number, name: string): Promise<LogPosition> {
  if (size < FILE_HEADER_BYTES) {
    throw new IvfError(
      'ERR_FORMAT',
      `${name} has ${size} bytes, the header of a log ${FILE_HEADER_BYTES}; it was cut short: restore it from a copy`,
    )
  }
  const bytes = new Uint8Array(FILE_HEADER_BYTES)
  await readAt(handle, bytes, 0, name)
  const view = new DataView(bytes.buffer)
  if (view.getUint32(0, true) !== MAGIC) {
    throw new IvfError('ERR_FORMAT', `${name} does not begin with "IVFL", as a log does; check the path`)
  }
  if (view.getUint32(12, true) !== crc32(bytes.subarray(0, 12))) {
    throw new IvfError('ERR_FORMAT', `${name}: its header, bytes 0 to 15, is damaged; restore the file from a copy`)
  }
  const version = view.getUint32(4, true)
  if (version !== VERSION) {
    throw new IvfError('ERR_FORMAT', `${name} is a log of version ${version}, ${VERSION} can be read; update fast-ivf`)
  }
  return { generation: view.getUint32(8, true), at: FILE_HEADER_BYTES, sequence: 0 }
}

/** Reads the records from `from` on, up to the first that is not whole, in a file of `size` bytes. */
export async function readRecords(
  handle: FileHandle,
  size: number,
  from: LogPosition,
  onRecord: OnRecord,
  name: string,
): Promise<Stop> {
  const { generation } = from
  let { at, sequence } = from
  // held: what of the file from `at` on is in `buffer`, from `first` on
  let buffer = allocate(Math.min(PIECE_BYTES, size - at))
  let first = 0
  let held = 0

  async function fill(needed: number): Promise<void> {
    const length = Math.max(needed, Math.min(PIECE_BYTES, size - at))
    const rest = buffer.subarray(first, first + held)
    if (length !== buffer.length) buffer = allocate(length)
    buffer.set(rest)
    first = 0
    await readAt(handle, buffer.subarray(held), at + held, name)
    held = length
  }

  function stop(damage?: string): Stop {
    return { position: { generation, at, sequence }, damage }
  }

  for (;;) {
    const left = size - at
    if (left < RECORD_HEADER_BYTES) return stop()
    if (held < RECORD_HEADER_BYTES) await fill(RECORD_HEADER_BYTES)
    const view = new DataView(buffer.buffer, first)
    if (view.getUint32(20, true) !== crc32(buffer.subarray(first, first + 20))) {
      // a file may have become longer before what was written to it arrived
      return (await isZero(handle, at, size, name)) ? stop() : stop('the header of its record does not check')
    }
    const length = view.getUint32(0, true)
    const number = view.getUint32(12, true) * 2 ** 32 + view.getUint32(8, true)
    if (number !== sequence || view.getUint32(16, true) !== generation || length > MAX_PAYLOAD) {
      return stop(
        `a record of ${length} bytes, number ${number} of generation ${view.getUint32(16, true)}, is there, where ` +
          `number ${sequence} of ${generation} is needed`,
      )
    }
    const span = spanOf(length)
    if (span > left) return stop()
    if (held < span) await fill(span)
    const payload = buffer.subarray(first + RECORD_HEADER_BYTES, first + span)
    if (new DataView(buffer.buffer, first).getUint32(4, true) !== crc32(payload)) {
      return stop('the payload of its record does not check')
    }
    const waiting = onRecord(payload.subarray(0, length), sequence)
    if (waiting) await waiting
    at += span
    first += span
    held -= span
    sequence++
  }
}

/** Bytes of a record in the file. */
function spanOf(length: number): number {
  return RECORD_HEADER_BYTES + Math.ceil(length / 8) * 8
}

async function isZero(handle: FileHandle, from: number, to: number, name: string): Promise<boolean> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    const piece = allocate(Math.min(PIECE_BYTES, to - at))
    await readAt(handle, piece, at, name)
    if (piece.some((byte) => byte !== 0)) return false
  }
  return true
}
