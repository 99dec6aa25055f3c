import type { Engine } from './engine.js'
import type { RunOptions } from './executor.js'

/** Hashing ten megabytes takes as long as work that is worth a pool. */
const COST_PER_BYTE = 2

/** A range of the engine's memory. */
export interface ByteRange {
  readonly at: number
  readonly bytes: number
}

/**
 * The XXH64 of each range, in their order. A range is hashed in one go, which takes 70 ms per GB: where there is no
 * pool, ranges of some 64 MB let others have their turn.
 */
export function hashRanges(engine: Engine, ranges: readonly ByteRange[], options: RunOptions): Promise<BigUint64Array> {
  return hash(engine, Uint32Array.from(ranges.flatMap(({ at, bytes }) => [at, bytes])), options)
}

/** The XXH64 of each of `count` rows that lie one after the other. */
export function hashRows(
  engine: Engine,
  { at, rowBytes, count }: { at: number; rowBytes: number; count: number },
  options: RunOptions,
): Promise<BigUint64Array> {
  const ranges = new Uint32Array(count * 2)
  for (let i = 0; i < count; i++) {
    ranges[i * 2] = at + i * rowBytes
    ranges[i * 2 + 1] = rowBytes
  }
  return hash(engine, ranges, options)
}

/** ranges: pairs of address and length. */
function hash(engine: Engine, ranges: Uint32Array, options: RunOptions): Promise<BigUint64Array> {
  const count = ranges.length / 2
  return engine.frame(async (scratch) => {
    const places = scratch.alloc(count * 8)
    const out = scratch.alloc(count * 8)
    const record = scratch.record('Hashes', { ranges: places, out })
    engine.ints(places, count * 2).set(ranges)
    let bytes = 0
    for (let i = 1; i < ranges.length; i += 2) bytes += ranges[i] as number
    await engine.run({ kernel: 'hashRanges', record, count }, { cost: COST_PER_BYTE * bytes, ...options })
    return new BigUint64Array(engine.memory.buffer, out, count).slice()
  })
}
