import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { chunkRows } from '../engine/load.js'
import type { LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { countBits, hasBit, wordsFor } from './bits.js'
import type { Model } from './model.js'
import { AS_THEY_ARE, pick } from './pick.js'
import { newSegment, type Segment } from './segment.js'
import { homesOf, type Spill } from './spilled.js'

/**
 * One segment of several, without the vectors that are gone; in each cell those of earlier segments come first. What is
 * spilled of them comes along.
 */
export async function joinSegments(
  model: Model,
  parts: readonly Segment[],
  options: LongCallOptions,
): Promise<Segment> {
  const run = { signal: options.signal, aside: true }
  const stretches = parts.map((part) => stretchOf(model, part))
  const starts = joinedStarts(model.nlist, stretches)
  const total = parts.reduce((sum, { alive }) => sum + alive, 0)
  // Where each vector of a part goes.
  const slotsOf = model.spill ? parts.map(({ count }) => new Uint32Array(count)) : []
  const joined = await newSegment(model, starts, ({ codes, originals, rows: numbers }) =>
    moveCodes(model, stretches, codes, run, async (scratch, from, { slots, places }, slot, count) => {
      const part = parts[from] as Segment
      const move = async (at: number, rowBytes: number, to: number): Promise<void> =>
        pick(scratch, { kept: AS_THEY_ARE, from: at, dim: rowBytes / 4, slots, places, rows: to }, run)
      await move(part.rows, 4, numbers + slot * 4)
      if (originals && part.originals) {
        const { rowBytes } = originals
        await move(part.originals.rows, rowBytes, originals.rows + slot * rowBytes)
      }
      const own = slotsOf[from]
      if (own) for (const [i, old] of slots.entries()) own[old] = slot + (places[i] as number)
      if (total > 0) options.onProgress?.({ phase: 'compact', done: slot + count, total })
    }),
  )
  return model.spill ? joinSpills(model, parts, joined, slotsOf, run) : joined
}

async function joinSpills(
  model: Model,
  parts: readonly Segment[],
  joined: Segment,
  slotsOf: readonly Uint32Array[],
  run: RunOptions,
): Promise<Segment> {
  const spills = parts.map(({ spill }) => spill as Spill)
  const stretches = spills.map((spill) => stretchOf(model, spill))
  const starts = joinedStarts(model.nlist, stretches)
  const homes = new Uint32Array(starts.at(-1) as number)
  const { withSpill } = await import('./with-spill.js')
  return withSpill(model, joined, starts, homes, (codes, at) =>
    moveCodes(model, stretches, codes, run, async (_scratch, from, { slots, places }, slot) => {
      const old = homesOf(model, spills[from] as Spill)
      const to = model.engine.ints(at, homes.length)
      for (const [i, own] of slots.entries()) {
        to[slot + (places[i] as number)] = slotsOf[from]?.[old[own] as number] as number
      }
    }),
  )
}

/** Codes in cells, of which those are moved that are there. */
interface Stretch extends Pick<Segment, 'count' | 'starts' | 'codes'> {
  readonly there: Uint32Array | undefined
}

/** A copy of the mask: memory may grow meanwhile. */
function stretchOf(
  { engine }: Model,
  { count, starts, codes, mask }: Pick<Segment, 'count' | 'starts' | 'codes' | 'mask'>,
): Stretch {
  return { count, starts, codes, there: mask === 0 ? undefined : engine.ints(mask, wordsFor(count)).slice() }
}

/** Which slots go to which places of a block. */
interface Moved {
  readonly slots: Uint32Array
  readonly places: Uint32Array
}

/** Fills codes block by block; `also` is told what comes from stretch `from` to the `count` slots from `slot` on. */
async function moveCodes(
  { engine, quantizer }: Model,
  stretches: readonly Stretch[],
  codes: Codes,
  run: RunOptions,
  also: (scratch: Scratch, from: number, moved: Moved, slot: number, count: number) => Promise<void>,
): Promise<void> {
  const { codeSize } = quantizer
  let slot = 0
  for (const { moves, count } of blocksOf(stretches, chunkRows(codeSize / 4))) {
    await engine.frame(async (scratch) => {
      const kept = scratch.alloc(count * codeSize)
      for (const [i, { from, first, size, filled, ...lists }] of moves.entries()) {
        const moved = { slots: lists.slots.subarray(0, filled), places: lists.places.subarray(0, filled) }
        const read = scratch.alloc(size * codeSize)
        await quantizer.read(from.codes, read, first, size, run)
        // Slot 0 of what was read lies where addresses wrap, if it lies anywhere.
        const picked = { kept: AS_THEY_ARE, from: read - first * codeSize, dim: codeSize / 4, rows: kept }
        await pick(scratch, { ...picked, ...moved }, run)
        await also(scratch, i, moved, slot, count)
      }
      await quantizer.write(codes, kept, slot, count, run)
    })
    slot += count
  }
}

/** What goes from one stretch into a block: of the slots first … first + size, those that are there, and where to. */
interface Move {
  readonly from: Stretch
  first: number
  size: number
  /** How many are there. */
  filled: number
  readonly slots: Uint32Array
  readonly places: Uint32Array
}

/**
 * Moves that fill what is joined block by block, each from at most so many slots; they are valid until the next
 * block. The cells of a block follow each other, so what it takes of each is one piece.
 */
function* blocksOf(parts: readonly Stretch[], most: number): Generator<{ moves: Move[]; count: number }> {
  const nlist = (parts[0]?.starts.length ?? 1) - 1
  const moves = parts.map((from): Move => {
    const room = Math.min(from.count, most)
    return { from, first: 0, size: 0, filled: 0, slots: new Uint32Array(room), places: new Uint32Array(room) }
  })
  let [taken, place] = [0, 0]
  for (let cell = 0; cell < nlist; cell++) {
    for (const move of moves) {
      const { from, slots, places } = move
      const end = from.starts[cell + 1] as number
      for (let slot = from.starts[cell] as number; slot < end; ) {
        const until = Math.min(end, slot + most - taken)
        if (move.size === 0) move.first = slot
        move.size += until - slot
        taken += until - slot
        for (; slot < until; slot++) {
          if (from.there && !hasBit(from.there, slot)) continue
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

function joinedStarts(nlist: number, parts: readonly Stretch[]): Uint32Array {
  const joined = new Uint32Array(nlist + 1)
  for (let cell = 0; cell < nlist; cell++) {
    let count = 0
    for (const { starts, there } of parts) {
      const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
      count += there ? countBits(there, from, to) : to - from
    }
    joined[cell + 1] = (joined[cell] as number) + count
  }
  return joined
}
