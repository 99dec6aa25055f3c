import type { Codes } from '../quantizers/quantizer.js'
import { hasBit, setBit, wordsFor } from './bits.js'
import type { Model } from './model.js'
import type { SpilledStore } from './scan.js'
import type { Segment } from './segment.js'

/** Vectors of a segment once more, each in a second cell: as codes only. What else is told of them is at home. */
export interface Spill {
  readonly count: number
  /** nlist + 1: cell c holds the slots starts[c] … starts[c + 1]. */
  readonly starts: Uint32Array
  readonly codes: Codes
  /** Address: which slot of the segment each is… */
  readonly homes: number
  /** …and in which cell there. */
  readonly owns: number
  /** Address: a bit per slot, set while its vector is there; 0: all are. */
  readonly mask: number
}

/** What is scanned: slots in cells. */
export interface Part extends Pick<Segment, 'count' | 'starts' | 'codes' | 'originals' | 'rows' | 'mask'> {
  readonly spilled?: SpilledStore
}

/** All that is scanned: what is spilled follows its segment. */
export function partsOf(segments: readonly Segment[]): Part[] {
  return segments.flatMap((segment): Part[] => {
    const { spill, originals, rows, codes } = segment
    if (!spill) return [segment]
    return [segment, { ...spill, originals, rows, spilled: { homes: spill.homes, owns: spill.owns, codes } }]
  })
}

/** A bit per slot of what is spilled, set where that of the vector's own slot is. */
export function spilledBits(homes: Uint32Array, bits: Uint32Array): Uint32Array {
  const own = new Uint32Array(wordsFor(homes.length))
  for (const [slot, home] of homes.entries()) if (hasBit(bits, home)) setBit(own, slot)
  return own
}

/** Which slot of its segment each is; valid until memory grows. */
export function homesOf({ engine }: Model, { homes, count }: Spill): Uint32Array {
  return engine.ints(homes, count)
}

/** Which cells queries visit. */
export interface Visited {
  /** Address: per query a bit per cell. */
  readonly bits: number
  /** Bytes from one query to the next. */
  readonly stride: number
}
