import { IvfError, show } from '../errors.js'
import type { Id } from '../options.js'
import { countBits, eachBit, fillBits, hasBit, setBit, wordsFor } from './bits.js'
import { type Contents, locate } from './contents.js'
import type { Segment } from './segment.js'
import { Selection } from './selection.js'
import { homesOf, spilledBits } from './spilled.js'

/** What may be an answer. */
export type RowFilter =
  | { kind: 'test'; test: (id: Id) => boolean }
  | { kind: 'ids'; ids: Iterable<Id> }
  | { kind: 'selection'; selection: Selection }
  /** Those of ids, as they are when a search begins. */
  | { kind: 'numbers'; numbers: readonly number[] }
  /** A bit per row; what it comes to in each segment, and in all, is kept. */
  | { kind: 'rows'; rows: Uint32Array; slots: WeakMap<Segment, Uint32Array>; allowed?: WeakMap<Contents, Allowed> }

/** What may be an answer of some contents, whatever writers do. */
export type PinnedFilter = Exclude<RowFilter, { kind: 'ids' | 'selection' }>

/** Which slots may be answers. */
export interface Allowed {
  /** A bit per slot of each segment. */
  readonly masks: readonly Uint32Array[]
  /** A bit per slot of each part that is scanned: of the segments, and of what is spilled. */
  readonly parts: readonly Uint32Array[]
  /** How many there are in each cell, over all segments. */
  readonly cells: Uint32Array
  /** … and in all. */
  readonly count: number
  /** Vectors that are there, allowed or not. */
  readonly size: number
}

/** Finds the slots that a filter allows, of those whose vectors are there. */
export async function allow(contents: Contents, filter: PinnedFilter, pace: () => Promise<void>): Promise<Allowed> {
  const { model, segments } = contents
  const known = filter.kind === 'rows' ? filter.allowed?.get(contents) : undefined
  if (known) return known
  const masks = filter.kind === 'numbers' ? maskOf(contents, filter.numbers) : await masksOf(contents, filter, pace)
  const cells = new Uint32Array(model.nlist)
  for (const [i, { starts }] of segments.entries()) {
    const mask = masks[i] as Uint32Array
    for (let cell = 0; cell < model.nlist; cell++) {
      cells[cell] = (cells[cell] as number) + countBits(mask, starts[cell] as number, starts[cell + 1] as number)
    }
  }
  const count = cells.reduce((sum, own) => sum + own, 0)
  const parts = segments.flatMap(({ spill }, i) => {
    const mask = masks[i] as Uint32Array
    return spill ? [mask, spilledBits(homesOf(model, spill), mask)] : [mask]
  })
  const allowed = { masks, parts, cells, count, size: contents.size }
  if (filter.kind === 'rows') {
    filter.allowed ??= new WeakMap()
    filter.allowed.set(contents, allowed)
  }
  return allowed
}

/** What a filter allows now, to be used again. */
export async function select(contents: Contents, filter: PinnedFilter, pace: () => Promise<void>): Promise<Selection> {
  const { masks, count } = await allow(contents, filter, pace)
  const rows = new Uint32Array(wordsFor(contents.rows))
  for (const [i, segment] of contents.segments.entries()) {
    const numbers = contents.model.engine.ints(segment.rows, segment.count)
    eachBit(masks[i] as Uint32Array, 0, segment.count, (slot) => setBit(rows, numbers[slot] as number))
  }
  return new Selection(count, { kind: 'rows', rows, slots: new WeakMap() }, contents.ids.lineage)
}

function maskOf(contents: Contents, rows: readonly number[]): Uint32Array[] {
  const masks = contents.segments.map(({ count }) => new Uint32Array(wordsFor(count)))
  for (const row of rows) {
    const place = locate(contents, row)
    if (place) setBit(masks[contents.segments.indexOf(place.segment)] as Uint32Array, place.slot)
  }
  return masks
}

const PIECE = 1 << 14 // slots between two looks at the clock

async function masksOf(
  { model: { engine }, segments, ids }: Contents,
  filter: Exclude<PinnedFilter, { kind: 'numbers' }>,
  pace: () => Promise<void>,
): Promise<Uint32Array[]> {
  const masks: Uint32Array[] = []
  for (const segment of segments) {
    const known = filter.kind === 'rows' ? filter.slots.get(segment) : undefined
    const mask = known ?? new Uint32Array(wordsFor(segment.count))
    masks.push(mask)
    if (known) continue
    const { count, rows, mask: own } = segment
    const there = new Uint32Array(wordsFor(count))
    if (own) there.set(engine.ints(own, there.length))
    else fillBits(there, count)
    // Pieces are whole words.
    for (let from = 0; from < count; from += PIECE) {
      const numbers = engine.ints(rows, count)
      const to = Math.min(from + PIECE, count)
      if (filter.kind === 'rows') {
        const { rows: wanted } = filter
        eachBit(there, from, to, (slot) => {
          const row = numbers[slot] as number
          if (row >>> 5 < wanted.length && hasBit(wanted, row)) setBit(mask, slot)
        })
      } else {
        eachBit(there, from, to, (slot) => {
          if (passes(filter.test, ids.idOf(numbers[slot] as number))) setBit(mask, slot)
        })
      }
      await pace()
    }
    if (filter.kind === 'rows') filter.slots.set(segment, mask)
  }
  return masks
}

/** @throws IvfError ERR_ARGUMENT for a promise, which would let everything pass */
export function passes(test: (id: Id) => boolean, id: Id): boolean {
  const answer: unknown = test(id)
  if (typeof answer !== 'object' || answer === null) return Boolean(answer)
  throw new IvfError('ERR_ARGUMENT', `filter answered with ${show(answer)}; it must answer true or false, at once`)
}
