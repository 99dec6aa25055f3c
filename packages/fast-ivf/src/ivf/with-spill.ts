import type { Codes } from '../quantizers/quantizer.js'
import type { Model } from './model.js'
import type { Segment } from './segment.js'

/** The cell of each vector that is spilled in the segment itself. */
export function ownCells(starts: Uint32Array, homes: Uint32Array): Uint32Array {
  const cells = new Uint32Array(starts.at(-1) as number)
  for (let cell = 0; cell + 1 < starts.length; cell++) cells.fill(cell, starts[cell], starts[cell + 1])
  return homes.map((home) => cells[home] as number)
}

/**
 * A segment that was just made, with these of its vectors once more; `fill` writes the codes of all slots, and may
 * write the homes. On failure nothing is left of the segment.
 */
export async function withSpill(
  { engine, quantizer }: Model,
  segment: Segment,
  starts: Uint32Array,
  homes: Uint32Array,
  fill: (codes: Codes, homes: number) => Promise<void>,
): Promise<Segment> {
  const { held } = segment
  try {
    const count = homes.length
    const codes = quantizer.alloc((bytes) => held.alloc(bytes), count)
    const [at, owns] = [held.alloc(homes.byteLength), held.alloc(homes.byteLength)]
    engine.ints(at, count).set(homes)
    await fill(codes, at)
    engine.ints(owns, count).set(ownCells(segment.starts, engine.ints(at, count)))
    return { ...segment, spill: { count, starts, codes, homes: at, owns, mask: 0 } }
  } catch (error) {
    held.release()
    throw error
  }
}
