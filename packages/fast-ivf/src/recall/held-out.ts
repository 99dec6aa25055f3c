import { seeded } from '../clustering/random.js'
import { type Matrix, pick, toMatrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import { type Contents, locate } from '../ivf/contents.js'
import { cellOf, type Segment, slotsThere } from '../ivf/segment.js'
import { homesOf } from '../ivf/spilled.js'
import { trueNearest } from '../ivf/truth.js'
import { copyVectors } from '../ivf/vectors.js'
import type { LongCallOptions } from '../options.js'
import type { SearchResult } from '../result.js'

/** Queries whose true nearest are known, to calibrate with. */
export interface HeldOut {
  readonly queries: Matrix
  /** Row of each query, where they are vectors of the index; none is its own neighbour. */
  readonly self: Uint32Array | undefined
  /** nq × k rows of the true nearest, nearest first; NONE where there are fewer. */
  readonly truth: Uint32Array
  readonly k: number
}

export const NONE = 0xffffffff

/** Multiply-adds that finding the truth may take. */
const WORK = 1.6e11
const FEWEST = 400
const MOST = 2000

/** How many vectors are held out when no queries are given: a fifth at most, fewer where comparing them takes long. */
export function heldOutCount({ size, model: { dim } }: Pick<Contents, 'size' | 'model'>): number {
  const affordable = Math.floor(WORK / Math.max(1, size * dim))
  return Math.min(Math.ceil(size / 5), Math.max(FEWEST, Math.min(MOST, affordable)))
}

/** Vectors of the index, drawn at random, each to be looked up among the others. */
export async function sampleHeldOut(
  contents: Contents,
  count: number,
  k: number,
  seed: number,
  options: LongCallOptions,
): Promise<HeldOut> {
  const { model, segments, size } = contents
  const { dim, engine } = model
  // In the order of the slots, which is how vectors are read.
  const wanted = seeded(seed).sample(Math.min(count, size), size).sort()
  const vectors = new Float32Array(wanted.length * dim)
  const rows = new Uint32Array(wanted.length)
  let [before, filled] = [0, 0]
  for (const segment of segments) {
    const there = slotsThere(model, segment)
    const slots = wanted.filter((i) => i >= before && i < before + there.length).map((i) => there[i - before] as number)
    vectors.set(await copyVectors(model, segment, slots, { signal: options.signal }), filled * dim)
    const numbers = engine.ints(segment.rows, segment.count)
    rows.set(
      slots.map((slot) => numbers[slot] as number),
      filled,
    )
    before += there.length
    filled += slots.length
  }
  // Fitted with the one half, certified with the other: neither is of a part of the index.
  const order = seeded(seed ^ 0x9e3779b9).sample(wanted.length, wanted.length)
  const queries = pick(toMatrix(vectors, dim, 'vectors'), order)
  const self = order.map((i) => rows[i] as number)
  const found = await trueNearest(contents, queries, k + 1, options)
  return { queries, self, truth: others(found, self, k), k }
}

/** Queries of the caller's. */
export async function givenHeldOut(
  contents: Contents,
  queries: Matrix,
  k: number,
  truth: Uint32Array | undefined,
  options: LongCallOptions,
): Promise<HeldOut> {
  if (queries.rows < 20) {
    throw new IvfError('ERR_TOO_FEW', `${queries.rows} queries cannot tell of recall; give at least 20, better 1,000`)
  }
  const found = truth ?? others(await trueNearest(contents, queries, k, options), undefined, k)
  return { queries, self: undefined, truth: found, k }
}

/** The rows of a result without the queries' own: nq × k. */
export function others(found: SearchResult, self: Uint32Array | undefined, k: number): Uint32Array {
  const rows = new Uint32Array(found.nq * k).fill(NONE)
  for (let q = 0; q < found.nq; q++) {
    let n = 0
    for (let i = 0; i < (found.counts[q] as number) && n < k; i++) {
      const row = found.ids[q * found.k + i] as number
      if (row !== self?.[q]) rows[q * k + n++] = row
    }
  }
  return rows
}

/** The cell of each row of the truth, and the second one of what is spilled; NONE where there is none. */
export function cellsOf(contents: Contents, rows: Uint32Array): { own: Uint32Array; second: Uint32Array } {
  const known = new Map<number, readonly [number, number]>()
  const [own, second] = [new Uint32Array(rows.length).fill(NONE), new Uint32Array(rows.length).fill(NONE)]
  const spilled = new Map(contents.segments.map((segment) => [segment, slotsAtHome(contents, segment)]))
  for (const [i, row] of rows.entries()) {
    if (row === NONE) continue
    let cells = known.get(row)
    if (!cells) {
      const place = locate(contents, row)
      const slot = place && spilled.get(place.segment)?.[place.slot]
      cells = [
        place ? cellOf(place.segment.starts, place.slot) : NONE,
        slot === undefined || slot === NONE ? NONE : cellOf(place?.segment.spill?.starts as Uint32Array, slot),
      ]
      known.set(row, cells)
    }
    own[i] = cells[0]
    second[i] = cells[1]
  }
  return { own, second }
}

/** Of each slot of a segment, where it is among what is spilled; undefined where nothing is. */
function slotsAtHome({ model }: Contents, { spill, count }: Segment): Uint32Array | undefined {
  if (!spill) return undefined
  const slots = new Uint32Array(count).fill(NONE)
  for (const [slot, home] of homesOf(model, spill).entries()) slots[home] = slot
  return slots
}
