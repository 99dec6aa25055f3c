import { joinBytes } from '../storage/bytes.js'
import { crc32 } from '../storage/crc32.js'
import type { ByteSource } from '../storage/source.js'
import { formatError, readBytes } from './vector-file.js'
import { locateMember, type ZipMember } from './zip.js'

/** A byte of deflated data stands for at most this many. */
const MAX_RATIO = 1032
const CHUNK_BYTES = 2 ** 18

/** A member's own bytes, unpacked while they are read and checked against its checksum. */
export async function openMember(source: ByteSource, member: ZipMember, archive: string): Promise<ByteSource> {
  const name = `${archive} ('${member.name}')`
  const [from, to] = await locateMember(source, member, archive)
  const { method, size, packedSize } = member
  if (method === 0 && size === packedSize) {
    return checked(
      (a, b) => readBytes(source, from + a, from + b, name),
      async () => {},
      member,
      name,
    )
  }
  if (method === 8 && size <= packedSize * MAX_RATIO) return inflated(source, from, to, member, name)
  if (method !== 0 && method !== 8) {
    throw formatError(name, `is packed by method ${method}; write it with numpy.savez or numpy.savez_compressed`)
  }
  throw formatError(
    name,
    `cannot have ${size} bytes in ${packedSize} packed ones; the archive is damaged, copy it again`,
  )
}

/** Unpacks forward; a read that lies before the last one begins again at the start. */
function inflated(source: ByteSource, from: number, to: number, member: ZipMember, name: string): ByteSource {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  let rest = new Uint8Array(0)
  let at = 0

  async function restart(): Promise<void> {
    await stop()
    rest = new Uint8Array(0)
    at = 0
    reader = packedStream(source, from, to, name).pipeThrough(inflate()).getReader()
  }

  async function stop(): Promise<void> {
    const old = reader
    reader = undefined
    await old?.cancel().catch(() => {})
  }

  /** The next unpacked bytes, undefined at the end. */
  async function more(): Promise<Uint8Array | undefined> {
    try {
      return (await reader?.read())?.value
    } catch (cause) {
      throw formatError(name, `cannot be unpacked after byte ${at}; the archive is damaged, copy it again`, cause)
    }
  }

  async function read(first: number, last: number): Promise<Uint8Array> {
    if (!reader || first < at) await restart()
    const parts: Uint8Array[] = []
    let held = 0
    while (at < last) {
      const bytes = rest.length > 0 ? rest : await more()
      if (!bytes) throw formatError(name, `unpacks to ${at} bytes, not to ${member.size}; the archive is damaged`)
      const used = bytes.subarray(Math.min(bytes.length, Math.max(0, first - at)), Math.min(bytes.length, last - at))
      const taken = Math.min(bytes.length, last - at)
      if (used.length > 0) parts.push(used)
      held += used.length
      at += taken
      rest = bytes.subarray(taken) as Uint8Array<ArrayBuffer>
    }
    if (at === member.size && (rest.length > 0 || (await more()))) {
      throw formatError(name, `unpacks to more than the ${member.size} bytes it should have; the archive is damaged`)
    }
    return joinBytes(parts, held)
  }

  // reads share one stream, so they wait for each other
  let last: Promise<unknown> = Promise.resolve()
  return checked(
    (a, b) => {
      const result = last.then(() => read(a, b))
      last = result.catch(stop)
      return result
    },
    stop,
    member,
    name,
  )
}

/** Follows the checksum as long as the reads go forward without gaps, and compares it at the end. */
function checked(
  read: (from: number, to: number) => Promise<Uint8Array>,
  close: () => Promise<void>,
  { size, crc }: ZipMember,
  name: string,
): ByteSource {
  let done = 0
  let sum = 0
  return {
    size,
    async read(from, to) {
      const bytes = await read(from, to)
      if (from <= done && done < to) {
        sum = crc32(bytes.subarray(done - from), sum)
        done = to
        if (done === size && sum !== crc) throw formatError(name, 'does not match its checksum; copy the archive again')
      }
      return bytes
    },
    close,
  }
}

function packedStream(source: ByteSource, from: number, to: number, name: string): ReadableStream<Uint8Array> {
  let at = from
  return new ReadableStream({
    async pull(controller) {
      const end = Math.min(to, at + CHUNK_BYTES)
      if (end > at) controller.enqueue(await readBytes(source, at, end, name))
      at = end
      if (at === to) controller.close()
    },
  })
}

/** The cast is for two type libraries that disagree on the kind of buffer a stream of bytes takes. */
const inflate = (): ReadableWritablePair<Uint8Array, Uint8Array> =>
  new DecompressionStream('deflate-raw') as unknown as ReadableWritablePair<Uint8Array, Uint8Array>
