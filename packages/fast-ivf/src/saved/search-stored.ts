import type { Scratch } from '../engine/engine.js'
import { hashRows } from '../engine/hash.js'
import type { Matrix } from '../engine/vectors.js'
import { passes, type RowFilter } from '../ivf/allowed.js'
import { clearBit, fillBits, wordsFor } from '../ivf/bits.js'
import type { Queries } from '../ivf/choose.js'
import { finishSearch, updateLimits } from '../ivf/finish.js'
import type { Model } from '../ivf/model.js'
import { allocOriginals, type Originals } from '../ivf/originals.js'
import { allocRows, loadProjected } from '../ivf/project.js'
import { findProbes, placePairs } from '../ivf/rows.js'
import { beginSearch, type ScanVisit, type Search, type Store, scan } from '../ivf/scan.js'
import { BLOCK_BYTES, finishOf, LANES, type SearchSettings } from '../ivf/search.js'
import type { Id, LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { SearchResult } from '../result.js'
import { type Cell, type CellPlace, keyOf, slotsOf } from './cells.js'
import { hashParts } from './checks.js'
import { damagedPart } from './file.js'
import { readCellIds } from './ids.js'
import { type ReadCount, readRanges } from './ranges.js'
import type { Stored, StoredContents } from './stored.js'

/** Cells that are in memory at a time, beside the cache. */
const GROUP_BYTES = 64 << 20
/** With a filter, so many times more cells are visited at once; again so many where that is not enough. */
const GROWTH = 4
/** Candidates per answer that are compared exactly, where as many as a bound tells would be. */
const FACTOR = 4

/**
 * The k nearest of each query among the cells it visits, which are read. Cells come in one round of requests; ids and
 * the vectors of candidates in a second one.
 */
export async function searchStored<I extends Id>(
  contents: StoredContents,
  queries: Matrix,
  settings: SearchSettings,
  options: LongCallOptions,
): Promise<SearchResult<I>> {
  const { model, size } = contents
  const { engine, dim, width, quantizer, projection } = model
  const { rescore: asked, nprobe } = settings
  // A bound compares while it scans, when originals are not there yet.
  const rescore = asked.kind === 'bound' ? ({ kind: 'factor', factor: FACTOR, reorder: true } as const) : asked
  const { signal } = options
  const read: ReadCount = { bytes: 0, requests: 0, rounds: 0 }
  const work = { vectors: 0, cells: 0, rescored: 0, read }
  const result = new SearchResult(queries.rows, settings.k, work)
  const ids: (Id | undefined)[] = new Array(queries.rows * settings.k)
  const k = Math.max(1, Math.min(size, Math.ceil(settings.k * (rescore.kind === 'factor' ? rescore.factor : 1))))
  const perQuery = (dim + width) * 4 + nprobe * 20 + quantizer.preparedBytes + k * 8 * LANES
  const block = Math.max(64, Math.floor(BLOCK_BYTES / perQuery))
  for (let from = 0; from < queries.rows; from += block) {
    const to = Math.min(from + block, queries.rows)
    let probed = settings.filter ? Math.min(model.nlist, GROWTH * nprobe) : nprobe
    while (!(await engine.frame((scratch) => searchBlock(scratch, from, to, probed)))) {
      probed = Math.min(model.nlist, GROWTH * probed)
    }
    options.onProgress?.({ phase: 'search', done: to, total: queries.rows })
  }
  const numbers = contents.ids.kind === 'rows' || contents.ids.kind === 'number'
  if (numbers) ids.forEach((id, i) => (result.ids[i] = id as number))
  else Object.assign(result, { ids })
  return result as unknown as SearchResult<I>

  /** Returns whether all queries have their answers, or have visited all cells. */
  async function searchBlock(scratch: Scratch, from: number, to: number, probed: number): Promise<boolean> {
    const nq = to - from
    const loaded = allocRows(scratch, model, nq)
    const norms = scratch.alloc(nq * 4)
    const codedNorms = projection ? scratch.alloc(nq * 4) : norms
    await loadProjected(model, queries, from, to, loaded, { norms, codedNorms, name: 'queries', signal })
    const given = { rows: loaded.given, norms, nq }
    const both: Queries = { given, coded: { rows: loaded.coded, norms: codedNorms, nq } }
    const prepared = await quantizer.prepare(scratch, loaded.coded, nq, { signal })
    const wanted = { nprobe: probed, ratioThreshold: settings.ratioThreshold, k, allowed: undefined }
    const probes = await findProbes(model, scratch, both, prepared, wanted, signal)
    const pairs = placePairs(scratch, model, probes, [0])
    const visited = visitedCells(contents.stored, pairs.waves[0] ?? [])
    let scored = 0
    for (const { place, visits } of visited) {
      for (const visit of visits) scored += slotsOf(place).count * (visit.to - visit.from)
    }
    const search = await beginSearch(scratch, {
      ...{ metric: model.metric, dim, quantizer, exact: model.exact, prepared, k, nq, queries: given.rows },
      ...{ norms: codedNorms, cost: scored * quantizer.scan.cost },
    })
    for (const group of groupsOf(model, visited)) {
      await withAllowed(contents, group, settings.filter, read, signal, async (cells, masks) => {
        const found: ScanVisit[] = []
        for (const [i, { visits }] of group.entries()) {
          const { codes, segment, cell } = cells[i] as Cell
          const slot = segment.slot + (segment.starts[cell] as number)
          const store = { codes, originals: undefined, rows: 0, mask: masks[i] as number, slot }
          for (const visit of visits) found.push({ store, from: 0, to: codes.count, ...pairs.fields(visit) })
        }
        await scan(search, found, { signal })
      })
    }
    const candidates = await mergedSlots(scratch, search, signal)
    const finish = finishOf(rescore)
    const { store, idOf } = await fetchCandidates(
      scratch,
      contents,
      candidates,
      finish.mode !== 'estimates',
      read,
      signal,
    )
    const compared = await finishSearch(search, store ? [store] : [], finish, result, from, { signal })
    const short = result.counts.subarray(from, to).some((count) => count < Math.min(settings.k, size))
    if (settings.filter && short && probed < model.nlist) return false
    for (let q = from; q < to; q++) {
      for (let i = q * settings.k; i < q * settings.k + (result.counts[q] as number); i++) {
        ids[i] = idOf(result.ids[i] as number)
      }
    }
    work.vectors += scored
    work.cells += probes.used.reduce((sum, used) => sum + used, 0)
    if (finish.mode !== 'estimates') work.rescored += compared
    return true
  }
}

/** A cell and the visits to it. */
interface Visited {
  place: CellPlace
  visits: { cell: number; from: number; to: number }[]
}

function visitedCells({ segments }: Stored, visits: readonly Visited['visits'][number][]): Visited[] {
  const byCell = groupBy(visits, ({ cell }) => cell)
  const found: Visited[] = []
  for (const segment of segments) {
    for (const [cell, own] of byCell) {
      const place = { segment, cell }
      if (slotsOf(place).count > 0) found.push({ place, visits: own })
    }
  }
  return found
}

function groupsOf({ quantizer }: Model, visited: readonly Visited[]): Visited[][] {
  const groups: Visited[][] = []
  let bytes = Number.POSITIVE_INFINITY
  for (const one of visited) {
    const own = quantizer.bytes(slotsOf(one.place).count)
    if (bytes + own > GROUP_BYTES) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(one)
    bytes += own
  }
  return groups
}

/** Runs `work` with the cells, and the address of what may be an answer in each. */
async function withAllowed(
  contents: StoredContents,
  group: readonly Visited[],
  filter: RowFilter | undefined,
  read: ReadCount,
  signal: AbortSignal | undefined,
  work: (cells: Cell[], masks: number[]) => Promise<void>,
): Promise<void> {
  const { stored, model } = contents
  const { engine } = model
  const places = group.map(({ place }) => place)
  await stored.cache.with(places, read, { signal }, async (cells) => {
    if (!filter)
      return work(
        cells,
        cells.map(({ mask }) => mask),
      )
    const tests = testOf(filter)
    const ids = await fetchIds(contents, places, read, signal)
    await engine.frame(async (scratch) => {
      const masks = cells.map(({ codes, mask }, i) => {
        const words = wordsFor(codes.count)
        const bits = new Uint32Array(words)
        if (mask) bits.set(engine.ints(mask, words))
        else fillBits(bits, codes.count)
        for (const [slot, id] of (ids[i] as Id[]).entries()) if (!tests(id)) clearBit(bits, slot)
        const at = scratch.alloc(words * 4)
        engine.ints(at, words).set(bits)
        return at
      })
      await work(cells, masks)
    })
  })
}

function testOf(filter: RowFilter): (id: Id) => boolean {
  if (filter.kind === 'test') return (id) => passes(filter.test, id)
  if (filter.kind === 'rows' || filter.kind === 'numbers') throw new Error('rows of a stored index are not known')
  const ids = filter.ids instanceof Set ? (filter.ids as Set<Id>) : new Set(filter.ids)
  return (id) => ids.has(id)
}

/** The slots of all heaps, merged over the lanes; in the heaps they are replaced by their places in this list. */
async function mergedSlots(scratch: Scratch, search: Search, signal: AbortSignal | undefined): Promise<Uint32Array> {
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

interface Candidates {
  /** Where the list's vectors are: its places are the slots and the rows. */
  store: Store | undefined
  idOf: (place: number) => Id
}

/** Reads what is needed of the candidates: their ids, and where they are compared exactly, themselves. */
async function fetchCandidates(
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
function placesOf({ segments }: Stored, slots: Uint32Array): { place: CellPlace; slot: number }[] {
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
    const row = (segment.starts[cell] as number) + slot
    const from = (segment.originals?.place.from ?? 0) + row * rowBytes
    return { i, from, to: from + rowBytes, check: segment.rowChecks[row] as number, cell, s: segment.s }
  })
  await readRanges(stored.file.source, ranges, read, signal, ({ i }, bytes) => {
    new Uint8Array(engine.memory.buffer, originals.rows + i * rowBytes, rowBytes).set(bytes)
  })
  const hashes = await hashRows(engine, { at: originals.rows, rowBytes, count: places.length }, { signal })
  const bad = ranges.find(({ i, check }) => Number((hashes[i] as bigint) & 0xffffffffn) !== check)
  if (bad)
    throw damagedPart(stored.file.name, `the vectors kept beside the codes of cell ${bad.cell} of segment ${bad.s}`)
  return { codes: NO_CODES, originals }
}

/** The ids of whole cells. */
async function fetchIds(
  { model: { engine }, stored: { file }, ids }: StoredContents,
  places: readonly CellPlace[],
  read: ReadCount,
  signal: AbortSignal | undefined,
): Promise<Id[][]> {
  const found: Id[][] = places.map(() => [])
  const ranges = places.map(({ segment, cell }, i) => {
    const { place, starts, checks } = segment.ids
    const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
    return { i, from: place.from + from, to: place.from + to, check: checks[cell], cell, segment }
  })
  await readRanges(file.source, ranges, read, signal, async ({ i, check, cell, segment }, bytes) => {
    const [hash] = await hashParts(engine, bytes, [0, bytes.length], { signal })
    if (hash !== check) throw damagedPart(file.name, `the ids of cell ${cell} of segment ${segment.s}`)
    found[i] = readCellIds(ids.kind, bytes, slotsOf({ segment, cell }).count, file.name)
  })
  return found
}

function groupBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key)
    if (group) group.push(item)
    else groups.set(key, [item])
  }
  return groups
}
