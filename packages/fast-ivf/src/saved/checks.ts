import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { hashRanges } from '../engine/hash.js'
import { CHUNK_BYTES } from './pieces.js'

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
    while (end + 1 < starts.length && (starts[end + 1] as number) - from <= CHUNK_BYTES) end++
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

/** The XXH64 of the bytes. */
export async function hashOf(engine: Engine, bytes: Uint8Array, options: RunOptions): Promise<bigint> {
  return (await hashParts(engine, bytes, [0, bytes.length], options))[0] as bigint
}

/** … in hexadecimal. */
export async function hashHex(engine: Engine, bytes: Uint8Array, options: RunOptions): Promise<string> {
  return hex(await hashOf(engine, bytes, options))
}

/** Its last 32 bits: the check of a single row. */
export function shortHash(hash: bigint): number {
  return Number(hash & 0xffffffffn)
}

export function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}
