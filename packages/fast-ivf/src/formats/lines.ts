import type { ByteSource } from '../storage/source.js'
import { formatError, readBytes } from './vector-file.js'

const CHUNK_BYTES = 2 ** 20
const MAX_LINE_BYTES = 64 * 2 ** 20
const LINE_FEED = 0x0a

/**
 * Calls `visit` with each line (without its end) from byte `at` on, until it returns false. A line that does not end
 * within a chunk is read again with a larger one, so that memory follows the longest line and not the file.
 */
export async function eachLine(
  source: ByteSource,
  name: string,
  at: number,
  visit: (line: Uint8Array, at: number) => boolean,
): Promise<void> {
  let size = CHUNK_BYTES
  for (let start = at; start < source.size; ) {
    const end = Math.min(start + size, source.size)
    const chunk = await readBytes(source, start, end, name)
    let from = 0
    for (let to = chunk.indexOf(LINE_FEED); to >= 0; to = chunk.indexOf(LINE_FEED, from)) {
      if (!visit(chunk.subarray(from, to), start + from)) return
      from = to + 1
    }
    if (end === source.size) {
      if (from < chunk.length) visit(chunk.subarray(from), start + from)
      return
    }
    if (from === 0) size *= 2
    if (size > MAX_LINE_BYTES) {
      throw formatError(name, `has a line at byte ${start} that does not end within ${end - start} bytes; is it text?`)
    }
    start += from
  }
}
