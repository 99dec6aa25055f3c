import { chunkRows } from '../engine/load.js'
import type { LongCallOptions } from '../options.js'
import { countBits, eachBit, wordsFor } from './bits.js'
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
    for (const runs of blocksOf(parts, most)) {
      const { moves, count } = movesOf(runs, masks)
      await model.engine.frame(async (scratch) => {
        const kept = scratch.alloc(count * codeSize)
        for (const { from, first, size, slots, places } of moves) {
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
  from: Segment
  first: number
  size: number
  slots: Uint32Array
  places: Uint32Array
}

function movesOf(
  runs: readonly SlotRun[],
  masks: ReadonlyMap<Segment, Uint32Array | undefined>,
): { moves: Move[]; count: number } {
  const moves = new Map<Segment, Move & { filled: number }>()
  for (const { from, first, count } of runs) {
    const move = moves.get(from)
    // The cells of a block follow each other, so what it takes of a segment is one stretch.
    if (move) move.size += count
    else moves.set(from, { from, first, size: count, slots: NONE, places: NONE, filled: 0 })
  }
  for (const move of moves.values()) {
    move.slots = new Uint32Array(move.size)
    move.places = new Uint32Array(move.size)
  }
  let place = 0
  for (const { from, first, count } of runs) {
    const move = moves.get(from) as Move & { filled: number }
    const take = (slot: number): void => {
      move.slots[move.filled] = slot
      move.places[move.filled++] = place++
    }
    const mask = masks.get(from)
    if (mask) eachBit(mask, first, first + count, take)
    else for (let slot = first; slot < first + count; slot++) take(slot)
  }
  const taken = [...moves.values()].map(({ filled, ...move }) => ({
    ...move,
    slots: move.slots.subarray(0, filled),
    places: move.places.subarray(0, filled),
  }))
  return { moves: taken, count: place }
}

const NONE = new Uint32Array(0)

/** Slots of one segment that follow each other in the joined one, too. */
interface SlotRun {
  from: Segment
  first: number
  count: number
}

/** Where the joined segment's slots come from, in their order; together at most so many. */
function* blocksOf(parts: readonly Segment[], most: number): Generator<SlotRun[]> {
  const nlist = (parts[0]?.starts.length ?? 1) - 1
  let block: SlotRun[] = []
  let filled = 0
  for (let cell = 0; cell < nlist; cell++) {
    for (const from of parts) {
      let first = from.starts[cell] as number
      const end = from.starts[cell + 1] as number
      while (first < end) {
        const count = Math.min(end - first, most - filled)
        block.push({ from, first, count })
        filled += count
        first += count
        if (filled < most) continue
        yield block
        block = []
        filled = 0
      }
    }
  }
  if (filled > 0) yield block
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
