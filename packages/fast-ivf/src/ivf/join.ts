import { chunkRows } from '../engine/load.js'
import type { LongCallOptions } from '../options.js'
import { countBits, hasBit, wordsFor } from './bits.js'
import type { Model } from './model.js'
import { AS_THEY_ARE, pick } from './pick.js'
import { newSegment, type Segment } from './segment.js'

/** One segment of several, without the vectors that are gone; in each cell those of earlier segments come first. */
export async function joinSegments(
  model: Model,
  parts: readonly Segment[],
  options: LongCallOptions,
): Promise<Segment> {
  const { quantizer } = model
  const run = { signal: options.signal, aside: true }
  const { codeSize } = quantizer
  const masks = new Map(parts.map((part) => [part, maskOf(model, part)]))
  const starts = joinedStarts(model.nlist, parts, masks)
  const total = parts.reduce((sum, { alive }) => sum + alive, 0)
  const most = chunkRows(codeSize / 4)
  return newSegment(model, starts, async ({ codes, originals, rows: numbers }) => {
    let slot = 0
    for (const { moves, count } of blocksOf(parts, masks, most)) {
      await model.engine.frame(async (scratch) => {
        const kept = scratch.alloc(count * codeSize)
        for (const { from, first, size, filled, ...lists } of moves) {
          const [slots, places] = [lists.slots.subarray(0, filled), lists.places.subarray(0, filled)]
          const read = scratch.alloc(size * codeSize)
          await quantizer.read(from.codes, read, first, size, run)
          const move = async (at: number, rowBytes: number, to: number): Promise<void> =>
            pick(scratch, { kept: AS_THEY_ARE, from: at, dim: rowBytes / 4, slots, places, rows: to }, run)
          // Slot 0 of what was read lies where addresses wrap, if it lies anywhere.
          await move(read - first * codeSize, codeSize, kept)
          await move(from.rows, 4, numbers + slot * 4)
          if (!originals || !from.originals) continue
          const { rowBytes } = originals
          await move(from.originals.rows, rowBytes, originals.rows + slot * rowBytes)
        }
        await quantizer.write(codes, kept, slot, count, run)
      })
      slot += count
      if (total > 0) options.onProgress?.({ phase: 'compact', done: slot, total })
    }
  })
}

/** What goes from one segment into a block: of the slots first … first + size, those that are there, and where to. */
interface Move {
  readonly from: Segment
  first: number
  size: number
  /** How many are there. */
  filled: number
  readonly slots: Uint32Array
  readonly places: Uint32Array
}

/**
 * Moves that fill the joined segment block by block, each from at most so many slots; they are valid until the next
 * block. The cells of a block follow each other, so what it takes of a segment is one stretch.
 */
function* blocksOf(
  parts: readonly Segment[],
  masks: ReadonlyMap<Segment, Uint32Array | undefined>,
  most: number,
): Generator<{ moves: Move[]; count: number }> {
  const nlist = (parts[0]?.starts.length ?? 1) - 1
  const moves = parts.map((from): Move => {
    const room = Math.min(from.count, most)
    return { from, first: 0, size: 0, filled: 0, slots: new Uint32Array(room), places: new Uint32Array(room) }
  })
  let [taken, place] = [0, 0]
  for (let cell = 0; cell < nlist; cell++) {
    for (const move of moves) {
      const { from, slots, places } = move
      const mask = masks.get(from)
      const end = from.starts[cell + 1] as number
      for (let slot = from.starts[cell] as number; slot < end; ) {
        const until = Math.min(end, slot + most - taken)
        if (move.size === 0) move.first = slot
        move.size += until - slot
        taken += until - slot
        for (; slot < until; slot++) {
          if (mask && !hasBit(mask, slot)) continue
          slots[move.filled] = slot
          places[move.filled++] = place++
        }
        if (taken < most) continue
        yield { moves, count: place }
        for (const one of moves) [one.size, one.filled] = [0, 0]
        ;[taken, place] = [0, 0]
      }
    }
  }
  if (taken > 0) yield { moves, count: place }
}

/** A copy: memory may grow meanwhile. */
function maskOf({ engine }: Model, { mask, count }: Segment): Uint32Array | undefined {
  return mask === 0 ? undefined : engine.ints(mask, wordsFor(count)).slice()
}

function joinedStarts(
  nlist: number,
  parts: readonly Segment[],
  masks: ReadonlyMap<Segment, Uint32Array | undefined>,
): Uint32Array {
  const starts = new Uint32Array(nlist + 1)
  for (let cell = 0; cell < nlist; cell++) {
    let count = 0
    for (const part of parts) {
      const [from, to] = [part.starts[cell] as number, part.starts[cell + 1] as number]
      const mask = masks.get(part)
      count += mask ? countBits(mask, from, to) : to - from
    }
    starts[cell + 1] = (starts[cell] as number) + count
  }
  return starts
}
