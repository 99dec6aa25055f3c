import { rowsByCell } from '../clustering/group.js'
import { chunkRows } from '../engine/load.js'
import { type Matrix, pick } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { bitsOf, clearBit, fillBits, hasBit, wordsFor } from './bits.js'
import { Held } from './held.js'
import type { Model } from './model.js'
import { allocOriginals, keepRows, type Originals, originalsBytes } from './originals.js'
import { Places } from './places.js'
import { allocRows, loadProjected } from './project.js'

/** Vectors stored under a model, cell by cell, in slots that run on from cell to cell; never changed once built. */
export interface Segment {
  readonly count: number
  /** nlist + 1: cell c holds the slots starts[c] … starts[c + 1]. */
  readonly starts: Uint32Array
  readonly codes: Codes
  readonly originals: Originals | undefined
  /** Address: the row number of each slot. */
  readonly rows: number
  readonly places: Places
  /** Address: a bit per slot, set while its vector is there; 0: all are. */
  readonly mask: number
  /** How many are there. */
  readonly alive: number
  /** What all share that differ in the mask only. */
  readonly blocks: Held
  readonly held: Held
}

/** Bytes of a segment without the originals. */
export function codedBytes({ quantizer }: Model, { count, starts }: Segment): number {
  return quantizer.bytes(count) + count * 4 + starts.byteLength
}

/** Bytes of a segment. */
export function segmentBytes(model: Model, segment: Segment): number {
  return codedBytes(model, segment) + originalsBytes(segment.originals, segment.count)
}

/** Gives each row to its nearest cell and stores it. Rows are copied in twice, so that memory holds only the segment. */
export async function buildSegment(
  model: Model,
  matrix: Matrix,
  firstRow: number,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, dim, nlist, quantizer } = model
  const { signal } = options
  const { rows: count } = matrix
  const chunk = Math.min(count, chunkRows(dim))
  const run = { signal, aside: true }
  const load = { name: 'vectors', ...run }
  return engine.frame(async (scratch) => {
    const rows = allocRows(scratch, model, chunk)
    const labelled = model.projection?.beforeCells ? rows.coded : rows.given
    const labels = scratch.alloc(count * 4)
    for (let from = 0; from < count; from += chunk) {
      const to = Math.min(from + chunk, count)
      await loadProjected(model, matrix, from, to, rows, load)
      await model.assign({ rows: labelled, count: to - from }, labels + from * 4, run)
      options.onProgress?.({ phase: 'assign', done: to, total: count })
    }
    const { starts, rows: order } = rowsByCell(engine.ints(labels, count), nlist)
    return newSegment(model, starts, async ({ codes, originals, rows: numbers }) => {
      engine.ints(numbers, count).set(order.map((row) => firstRow + row))
      // The labels in the order of the slots.
      const cells = engine.ints(labels, count)
      for (let cell = 0; cell < nlist; cell++) cells.fill(cell, starts[cell], starts[cell + 1])
      for (let from = 0; from < count; from += chunk) {
        const to = Math.min(from + chunk, count)
        const part = pick(matrix, order.subarray(from, to))
        await loadProjected(model, part, 0, to - from, rows, load)
        await engine.frame(async (own) => {
          const vectors = { rows: rows.coded, cells: labels + from * 4, count: to - from }
          const codeRows = await quantizer.encode(own, vectors, run)
          await quantizer.write(codes, codeRows, from, to - from, run)
        })
        if (originals) {
          const origin = (row: number): number => part.origin?.(row) ?? row
          await keepRows(engine, originals, rows.given, from, to - from, dim, { ...run, name: 'vectors', origin })
        }
        options.onProgress?.({ phase: 'fill', done: to, total: count })
      }
    })
  })
}

/** The segment without the vectors of these slots, which shares all but the mask with it. */
export function withoutSlots(model: Model, segment: Segment, slots: Iterable<number>): Segment {
  const { count, mask } = segment
  const words = wordsFor(count)
  const bits = new Uint32Array(words)
  if (mask) bits.set(model.engine.ints(mask, words))
  else fillBits(bits, count)
  let { alive } = segment
  for (const slot of slots) {
    if (hasBit(bits, slot)) alive--
    clearBit(bits, slot)
  }
  return withMask(model, segment, bits, alive)
}

/** The segment with a mask of its own. */
export function withMask({ engine }: Model, segment: Segment, bits: Uint32Array, alive: number): Segment {
  const { blocks } = segment
  const held = new Held(engine)
  blocks.retain()
  held.adopt(blocks)
  try {
    const mask = held.alloc(bits.byteLength)
    engine.ints(mask, bits.length).set(bits)
    return { ...segment, mask, alive, held }
  } catch (error) {
    held.release()
    throw error
  }
}

/** The slots of a cell. */
export function rangeOf({ starts }: Segment, cell: number): Uint32Array {
  const first = starts[cell] as number
  return Uint32Array.from({ length: (starts[cell + 1] as number) - first }, (_, i) => first + i)
}

/** The cell of a slot: the last that starts at or before it and is not empty. */
export function cellOf(starts: Uint32Array, slot: number): number {
  let [low, high] = [0, starts.length - 2]
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if ((starts[middle] as number) <= slot) low = middle
    else high = middle - 1
  }
  return low
}

/** The slots whose vectors are there. */
export function slotsThere({ engine }: Model, { mask, count }: Segment): Uint32Array {
  if (mask === 0) return Uint32Array.from({ length: count }, (_, slot) => slot)
  return bitsOf(engine.ints(mask, wordsFor(count)), 0, count)
}

/** Whether the vector of a slot is there. */
export function isThere({ engine }: Model, { mask, count }: Segment, slot: number): boolean {
  return mask === 0 || hasBit(engine.ints(mask, wordsFor(count)), slot)
}

/** Makes a segment of these cells; `fill` writes all slots. */
export async function newSegment(
  model: Model,
  starts: Uint32Array,
  fill: (segment: Segment) => Promise<void>,
): Promise<Segment> {
  const { engine, quantizer, keep, dim, nlist } = model
  const held = new Held(engine)
  try {
    const count = starts[nlist] as number
    const alloc = (bytes: number): number => held.alloc(bytes)
    const codes = quantizer.alloc(alloc, count)
    const originals = allocOriginals(alloc, keep, dim, count)
    const rows = held.alloc(count * 4)
    const places = new Places(engine, rows, count)
    const whole = { count, starts, codes, originals, rows, places, mask: 0, alive: count, blocks: held, held }
    await fill(whole)
    return whole
  } catch (error) {
    held.release()
    throw error
  }
}
