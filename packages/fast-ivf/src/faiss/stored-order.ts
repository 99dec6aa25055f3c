import { IvfError, show } from '../errors.js'
import { bitsOf, countBits, hasBit, wordsFor } from '../ivf/bits.js'
import type { Contents } from '../ivf/contents.js'
import { rangeOf, type Segment } from '../ivf/segment.js'
import type { Id } from '../options.js'

/** Slots of a segment, ascending. */
export interface SegmentSlots {
  readonly segment: Segment
  readonly slots: Uint32Array
}

/** Vectors in the order of their rows: what faiss calls 0, 1, 2, … */
export interface StoredOrder {
  readonly count: number
  /** Whether ids are those numbers. */
  readonly plain: boolean
  idOf(position: number): Id
  /** count positions of slots. */
  positionsOf(part: SegmentSlots): Uint32Array
  /** Where the vectors at positions from … to are, in pieces that follow each other. */
  placesOf(from: number, to: number): SegmentSlots[]
}

/** Orders what is there. */
export function storedOrder({ segments, model: { engine }, ids, rows, size }: Contents): StoredOrder {
  const bases: number[] = []
  let slots = 0
  // Slots are numbered on from one segment to the next; 0: nothing is there.
  const placeOfRow = new Uint32Array(rows)
  for (const segment of segments) {
    bases.push(slots)
    const own = engine.ints(segment.rows, segment.count)
    const mask = segment.mask ? engine.ints(segment.mask, wordsFor(segment.count)) : undefined
    own.forEach((row, slot) => {
      if (!mask || hasBit(mask, slot)) placeOfRow[row] = slots + slot + 1
    })
    slots += segment.count
  }
  const places = new Uint32Array(size)
  const rowOf = new Uint32Array(size)
  const positions = new Uint32Array(slots)
  let count = 0
  placeOfRow.forEach((place, row) => {
    if (place === 0) return
    places[count] = place - 1
    rowOf[count] = row
    positions[place - 1] = count++
  })
  const idOf = (position: number): Id => ids.idOf(rowOf[position] as number)
  return {
    count,
    plain: rowOf.every((_, position) => Number(idOf(position)) === position),
    idOf,
    positionsOf({ segment, slots: own }) {
      const base = bases[segments.indexOf(segment)] as number
      return own.map((slot) => positions[base + slot] as number)
    },
    placesOf(from, to) {
      const found: SegmentSlots[] = []
      for (let at = from; at < to; ) {
        const s = bases.findLastIndex((base) => base <= (places[at] as number))
        const [base, segment] = [bases[s] as number, segments[s] as Segment]
        let end = at + 1
        while (end < to && (places[end] as number) >= base && (places[end] as number) < base + segment.count) end++
        found.push({ segment, slots: places.subarray(at, end).map((place) => place - base) })
        at = end
      }
      return found
    },
  }
}

/** The vectors of a cell that are there. */
export function slotsOfCell({ segments, model: { engine } }: Contents, cell: number): SegmentSlots[] {
  return segments.flatMap((segment) => {
    const { mask, count, starts } = segment
    const words = mask ? engine.ints(mask, wordsFor(count)) : undefined
    const slots = words ? bitsOf(words, starts[cell] as number, starts[cell + 1] as number) : rangeOf(segment, cell)
    return slots.length === 0 ? [] : [{ segment, slots }]
  })
}

/** How many vectors there are in each cell. */
export function cellSizes({ segments, model: { engine, nlist } }: Contents): Float64Array {
  return Float64Array.from({ length: nlist }, (_, cell) =>
    segments.reduce((sum, { starts, mask, count }) => {
      const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
      return sum + (mask ? countBits(engine.ints(mask, wordsFor(count)), from, to) : to - from)
    }, 0),
  )
}

/** An id as faiss has them. @throws IvfError ERR_ID for what is none */
export function faissId(id: Id): bigint {
  if (typeof id !== 'string') return BigInt(id)
  throw new IvfError(
    'ERR_ID',
    `a vector has the id ${show(id)}, and faiss knows integers only; give onIds, which is told the ids in the order of faiss's numbers`,
  )
}
