import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { hashRanges } from '../engine/hash.js'

/** Bytes that are hashed at a time. */
const CHUNK = 8 << 20

/** The XXH64 of each part of the bytes; parts begin at `starts`, which ends with the end. */
export async function hashParts(
  engine: Engine,
  bytes: Uint8Array,
  starts: ArrayLike<number>,
  options: RunOptions,
): Promise<BigUint64Array> {
  const hashes = new BigUint64Array(starts.length - 1)
  for (let i = 0; i + 1 < starts.length; ) {
    const from = starts[i] as number
    let end = i + 1
    while (end + 1 < starts.length && (starts[end + 1] as number) - from <= CHUNK) end++
    const to = starts[end] as number
    await engine.frame(async (scratch) => {
      const at = scratch.alloc(to - from)
      new Uint8Array(engine.memory.buffer, at, to - from).set(bytes.subarray(from, to))
      const ranges = Array.from({ length: end - i }, (_, j) => {
        const [first, last] = [starts[i + j] as number, starts[i + j + 1] as number]
        return { at: at + first - from, bytes: last - first }
      })
      hashes.set(await hashRanges(engine, ranges, options), i)
    })
    i = end
  }
  return hashes
}

/** The XXH64 of the bytes, in hexadecimal. */
export async function hashHex(engine: Engine, bytes: Uint8Array, options: RunOptions): Promise<string> {
  return hex((await hashParts(engine, bytes, [0, bytes.length], options))[0] as bigint)
}

export function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}

/** The bytes of numbers, without a copy. */
export function bytesOf(numbers: ArrayBufferView): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}
