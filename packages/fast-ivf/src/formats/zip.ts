import type { ByteSource } from '../storage/source.js'
import { formatError, readBytes } from './vector-file.js'

/** A file within a zip archive, as the directory at the archive's end lists it. */
export interface ZipMember {
  readonly name: string
  /** 0 stored, 8 deflated */
  readonly method: number
  readonly crc: number
  readonly packedSize: number
  readonly size: number
  /** where its own header begins */
  readonly at: number
}

const END = 0x06054b50
const END64 = 0x06064b50
const LOCATOR64 = 0x07064b50
const ENTRY = 0x02014b50
const LOCAL = 0x04034b50
const FULL32 = 0xffffffff
const ENCRYPTED = 1

/** The members of a zip archive, checked against its size. @throws IvfError ERR_FORMAT */
export async function listZip(source: ByteSource, name: string): Promise<ZipMember[]> {
  const { at, size } = await findDirectory(source, name)
  const bytes = await readBytes(source, at, at + size, name)
  const view = viewOf(bytes)
  const members: ZipMember[] = []
  for (let from = 0; from < size; ) {
    const lengths = from + 46 <= size ? [28, 30, 32].map((field) => view.getUint16(from + field, true)) : []
    const [nameLength = 0, extraLength = 0, commentLength = 0] = lengths
    const extraAt = from + 46 + nameLength
    const next = extraAt + extraLength + commentLength
    if (lengths.length === 0 || next > size || view.getUint32(from, true) !== ENTRY) {
      throw damaged(name, `its entry ${members.length} is none`)
    }
    const member = new TextDecoder().decode(bytes.subarray(from + 46, extraAt))
    if (view.getUint16(from + 8, true) & ENCRYPTED) {
      throw formatError(name, `holds '${member}' encrypted; unpack it with its password first`)
    }
    const sizes = [24, 20, 42].map((field) => view.getUint32(from + field, true))
    widen(sizes, viewOf(bytes.subarray(extraAt, extraAt + extraLength)))
    const [whole = 0, packedSize = 0, header = 0] = sizes
    if (!(header + 30 + packedSize <= at)) {
      throw damaged(name, `'${member}' is said to have ${packedSize} bytes from ${header} on, the archive has ${at}`)
    }
    const method = view.getUint16(from + 10, true)
    members.push({ name: member, method, crc: view.getUint32(from + 16, true), packedSize, size: whole, at: header })
    from = next
  }
  return members
}

/** Where a member's bytes lie in the archive. */
export async function locateMember(source: ByteSource, member: ZipMember, name: string): Promise<[number, number]> {
  const view = viewOf(await readBytes(source, member.at, member.at + 30, name))
  if (view.getUint32(0, true) !== LOCAL) throw damaged(name, `'${member.name}' does not begin where it is said to`)
  const from = member.at + 30 + view.getUint16(26, true) + view.getUint16(28, true)
  if (from + member.packedSize > source.size) throw damaged(name, `'${member.name}' reaches beyond the end`)
  return [from, from + member.packedSize]
}

function damaged(name: string, why: string): Error {
  return formatError(name, `has a damaged directory: ${why}; copy it again, or write it again with numpy.savez`)
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length)

/** The end record lies at the very end, before a comment of up to 65,535 bytes. */
async function findDirectory(source: ByteSource, name: string): Promise<{ at: number; size: number }> {
  const from = Math.max(0, source.size - 22 - 65535)
  const view = viewOf(await readBytes(source, from, source.size, name))
  let end = view.byteLength - 22
  while (
    end >= 0 &&
    !(view.getUint32(end, true) === END && view.getUint16(end + 20, true) === view.byteLength - end - 22)
  ) {
    end--
  }
  if (end < 0) throw formatError(name, 'is no zip archive, or was cut short: its directory is missing; copy it again')
  let size = view.getUint32(end + 12, true)
  let at = view.getUint32(end + 16, true)
  let limit = from + end
  if (size === FULL32 || at === FULL32 || view.getUint16(end + 10, true) === 0xffff) {
    if (end < 20 || view.getUint32(end - 20, true) !== LOCATOR64)
      throw damaged(name, 'its 64-bit end record is missing')
    limit = readWide(view, end - 12)
    if (!(limit + 56 <= source.size)) throw damaged(name, `its 64-bit end record is said to lie at byte ${limit}`)
    const wide = viewOf(await readBytes(source, limit, limit + 56, name))
    if (wide.getUint32(0, true) !== END64) throw damaged(name, `there is no 64-bit end record at byte ${limit}`)
    size = readWide(wide, 40)
    at = readWide(wide, 48)
  }
  if (!(at + size <= limit)) throw damaged(name, `it is said to have ${size} bytes from ${at} on, beyond ${limit}`)
  return { at, size }
}

/** Puts 64-bit values from the extra field in the place of 32-bit ones that are full; sizes: whole, packed, place. */
function widen(sizes: number[], extra: DataView): void {
  for (let at = 0; at + 4 <= extra.byteLength; at += 4 + extra.getUint16(at + 2, true)) {
    if (extra.getUint16(at, true) !== 1) continue
    const end = Math.min(extra.byteLength, at + 4 + extra.getUint16(at + 2, true))
    let from = at + 4
    for (let i = 0; i < sizes.length; i++) {
      if (sizes[i] !== FULL32 || from + 8 > end) continue
      sizes[i] = readWide(extra, from)
      from += 8
    }
    return
  }
}

const readWide = (view: DataView, at: number): number => Number(view.getBigUint64(at, true))
