import type { Id } from '../options.js'
import type { Contents } from './contents.js'
import type { Model } from './model.js'
import { type Segment, slotsThere } from './segment.js'
import { copyVectors } from './vectors.js'

/** Vectors that are there, and their ids. */
export interface Entries<I extends Id = number> {
  readonly ids: I[]
  /** count × dim, as they are stored: of length 1 for cosine */
  readonly vectors: Float32Array
  readonly dim: number
  readonly count: number
}

/**
 * All vectors that are there, at most `rows` at a time, segment by segment, in each in the order in which they were
 * added. Each batch is read in a call of its own, by `read`, so that nobody waits for the caller.
 * @throws IvfError ERR_UNSUPPORTED when only projected vectors are stored; the signal's reason
 */
export async function* entriesOf<I extends Id>(
  contents: Contents,
  rows: number,
  read: (work: () => Promise<Entries<I>>) => Promise<Entries<I>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Entries<I>, void, undefined> {
  const { model, segments } = contents
  for (const segment of segments) {
    const slots = slotsByRow(model, segment)
    for (let from = 0; from < slots.length; from += rows) {
      signal?.throwIfAborted()
      yield await read(() => readEntries<I>(contents, segment, slots.subarray(from, from + rows), signal))
    }
  }
}

/** The slots whose vectors are there, by the numbers of their rows. */
function slotsByRow(model: Model, segment: Segment): Uint32Array {
  const numbers = model.engine.ints(segment.rows, segment.count)
  return slotsThere(model, segment).sort((a, b) => (numbers[a] as number) - (numbers[b] as number))
}

async function readEntries<I extends Id>(
  { model, ids }: Contents,
  segment: Segment,
  slots: Uint32Array,
  signal: AbortSignal | undefined,
): Promise<Entries<I>> {
  const { engine, dim } = model
  const count = slots.length
  const numbers = engine.ints(segment.rows, segment.count)
  const names = Array.from(slots, (slot) => ids.idOf(numbers[slot] as number) as I)
  // Codes are decoded in the order of their slots.
  const order = Uint32Array.from(slots.keys()).sort((a, b) => (slots[a] as number) - (slots[b] as number))
  const sorted = order.map((i) => slots[i] as number)
  const stored = await copyVectors(model, segment, sorted, { signal })
  const vectors = new Float32Array(count * dim)
  order.forEach((i, place) => {
    vectors.set(stored.subarray(place * dim, (place + 1) * dim), i * dim)
  })
  return { ids: names, vectors, dim, count }
}
