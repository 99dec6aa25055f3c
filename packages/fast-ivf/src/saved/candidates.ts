import type { Scratch } from '../engine/engine.js'
import { hashRows } from '../engine/hash.js'
import { updateLimits } from '../ivf/finish.js'
import { groupBy } from '../ivf/group-by.js'
import { allocOriginals, type Originals } from '../ivf/originals.js'
import type { Search, Store } from '../ivf/scan.js'
import type { Id } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { fetchIds } from './cell-ids.js'
import { type Cell, type CellPlace, keyOf } from './cells.js'
import { shortHash } from './checks.js'
import { damagedPart } from './file.js'
import { type ReadCount, readRanges } from './ranges.js'
import type { Stored, StoredContents } from './stored.js'

/** The slots of all heaps, merged over the lanes; in the heaps they are replaced by their places in this list. */
export async function mergedSlots(
  scratch: Scratch,
  search: Search,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const { engine } = scratch
  const { heaps, k, nq } = search
  await updateLimits(search, scratch.alloc(nq * 4), { signal })
  const [distances, slots] = [engine.floats(heaps, nq * k * 2), engine.ints(heaps, nq * k * 2)]
  const found = new Set<number>()
  const eachSlot = (each: (at: number) => void): void => {
    for (let q = 0; q < nq; q++) {
      for (let i = 0; i < k; i++)
        if ((distances[q * 2 * k + i] as number) < Number.POSITIVE_INFINITY) each(q * 2 * k + k + i)
    }
  }
  eachSlot((at) => found.add(slots[at] as number))
  const list = Uint32Array.from(found).sort()
  const places = new Map(Array.from(list, (slot, i) => [slot, i]))
  eachSlot((at) => {
    slots[at] = places.get(slots[at] as number) as number
  })
  return list
}

export interface Candidates {
  /** Where the list's vectors are: its places are the slots and the rows. */
  store: Store | undefined
  idOf: (place: number) => Id
}

/** Reads what is needed of the candidates: their ids, and where they are compared exactly, themselves. */
export async function fetchCandidates(
  scratch: Scratch,
  contents: StoredContents,
  slots: Uint32Array,
  compared: boolean,
  read: ReadCount,
  signal: AbortSignal | undefined,
): Promise<Candidates> {
  const { stored, model } = contents
  const { engine, metric, exact } = model
  const count = slots.length
  if (count === 0) return { store: undefined, idOf: () => Number.NaN }
  const places = placesOf(stored, slots)
  const cells = [...new Map(places.map(({ place }) => [keyOf(place), place])).values()]
  const rows = scratch.alloc(count * 4)
  engine.ints(rows, count).set(Uint32Array.from(slots, (_, i) => i))
  const rounds = read.rounds
  const [ids, vectors] = await Promise.all([
    fetchIds(contents, cells, read, signal),
    exact
      ? exactRows(scratch, contents, places, metric === 'l2', read, signal)
      : originalRows(scratch, contents, places, compared, read, signal),
  ])
  // Both went out together.
  read.rounds = Math.min(read.rounds, rounds + 1)
  const idsOf = new Map(cells.map((place, i) => [keyOf(place), ids[i] as Id[]]))
  return {
    store: { ...vectors, rows, mask: 0, slot: 0 },
    idOf(i) {
      const { place, slot } = places[i] as { place: CellPlace; slot: number }
      return idsOf.get(keyOf(place))?.[slot] as Id
    },
  }
}

/** The cell of each slot, and its place there. */
function placesOf({ parts: segments }: Stored, slots: Uint32Array): { place: CellPlace; slot: number }[] {
  let [s, cell] = [0, 0]
  return Array.from(slots, (slot) => {
    while (slot >= (segments[s] as (typeof segments)[number]).slot + (segments[s]?.count ?? 0)) {
      s++
      cell = 0
    }
    const segment = segments[s] as (typeof segments)[number]
    const own = slot - segment.slot
    while ((segment.starts[cell + 1] as number) <= own) cell++
    return { place: { segment, cell }, slot: own - (segment.starts[cell] as number) }
  })
}

const NO_CODES: Codes = { count: 0, codes: 0, factors: 0, stride: 0 }

/** The vectors of an exact index, where they must be compared once more (l2). */
async function exactRows(
  scratch: Scratch,
  { model, stored }: StoredContents,
  places: readonly { place: CellPlace; slot: number }[],
  wanted: boolean,
  read: ReadCount,
  signal: AbortSignal | undefined,
): Promise<Pick<Store, 'codes' | 'originals'>> {
  const { quantizer } = model
  if (!wanted) return { codes: NO_CODES, originals: undefined }
  const { codeSize } = quantizer
  const at = scratch.alloc(places.length * codeSize)
  const codes = quantizer.alloc((bytes) => scratch.alloc(bytes), places.length)
  const byCell = [...groupBy([...places.entries()], ([, { place }]) => keyOf(place)).values()]
  for (const own of byCell) {
    const first = own[0] as (typeof own)[number]
    await stored.cache.with([first[1].place], read, { signal }, async ([cell]) => {
      for (const [i, { slot }] of own)
        await quantizer.read((cell as Cell).codes, at + i * codeSize, slot, 1, { signal })
    })
  }
  await quantizer.write(codes, at, 0, places.length, { signal })
  return { codes, originals: undefined }
}

/** The vectors kept beside the codes. */
async function originalRows(
  scratch: Scratch,
  { model, stored }: StoredContents,
  places: readonly { place: CellPlace; slot: number }[],
  wanted: boolean,
  read: ReadCount,
  signal: AbortSignal | undefined,
): Promise<Pick<Store, 'codes' | 'originals'>> {
  const { engine, keep, dim } = model
  const originals: Originals | undefined = wanted
    ? allocOriginals((bytes) => scratch.alloc(bytes), keep, dim, places.length)
    : undefined
  if (!originals) return { codes: NO_CODES, originals: undefined }
  const { rowBytes } = originals
  const ranges = places.map(({ place: { segment, cell }, slot }, i) => {
    const own = (segment.starts[cell] as number) + slot
    const { home } = segment
    const [at, row] = home ? [home.segment, home.slots[own] as number] : [segment, own]
    const from = (at.originals?.place.from ?? 0) + row * rowBytes
    return { i, from, to: from + rowBytes, check: at.rowChecks[row] as number, cell, s: segment.s }
  })
  await readRanges(stored.file.source, ranges, read, signal, ({ i }, bytes) => {
    new Uint8Array(engine.memory.buffer, originals.rows + i * rowBytes, rowBytes).set(bytes)
  })
  const hashes = await hashRows(engine, { at: originals.rows, rowBytes, count: places.length }, { signal })
  const bad = ranges.find(({ i, check }) => shortHash(hashes[i] as bigint) !== check)
  if (bad)
    throw damagedPart(stored.file.name, `the vectors kept beside the codes of cell ${bad.cell} of segment ${bad.s}`)
  return { codes: NO_CODES, originals }
}
