import type { Scratch } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import { passes, type RowFilter } from '../ivf/allowed.js'
import { clearBit, fillBits, wordsFor } from '../ivf/bits.js'
import { finishSearch } from '../ivf/finish.js'
import { groupBy } from '../ivf/group-by.js'
import type { Model } from '../ivf/model.js'
import { findProbes } from '../ivf/probes.js'
import { loadQueries, queriesPerBlock } from '../ivf/query-blocks.js'
import { placePairs } from '../ivf/rows.js'
import { beginSearch, type ScanVisit, type SpilledStore, scan } from '../ivf/scan.js'
import { finishOf, type SearchSettings } from '../ivf/search.js'
import type { Id, LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { SearchResult } from '../result.js'
import { fetchCandidates, mergedSlots } from './candidates.js'
import { fetchIds } from './cell-ids.js'
import { type Cell, type CellPlace, slotsOf } from './cells.js'
import type { ReadCount } from './ranges.js'
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
  const { engine, dim, quantizer } = model
  const { rescore: asked, nprobe } = settings
  const unknown = settings.confidence ? 'confidence' : asked.kind === 'bound' && asked.given ? 'epsilon' : undefined
  if (unknown) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `${unknown} needs all vectors at hand, and their cells stay in the file; leave it out (the best rescoreFactor · k are compared), or open with resident: 'all'`,
    )
  }
  const passing = settings.filter && testOf(settings.filter)
  // A bound compares while it scans, when originals are not there yet.
  const rescore = asked.kind === 'bound' ? ({ kind: 'factor', factor: FACTOR, reorder: true } as const) : asked
  const { signal } = options
  const met = model.spill ? await import('../ivf/met.js') : undefined
  const read: ReadCount = { bytes: 0, requests: 0, rounds: 0 }
  const work = { vectors: 0, cells: 0, rescored: 0, read }
  const result = new SearchResult(queries.rows, settings.k, work)
  const ids: (Id | undefined)[] = new Array(queries.rows * settings.k)
  const k = Math.max(1, Math.min(size, Math.ceil(settings.k * (rescore.kind === 'factor' ? rescore.factor : 1))))
  const block = queriesPerBlock(model, nprobe, k)
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
    const loaded = await loadQueries(scratch, model, queries, from, to, { signal })
    const { given, coded } = loaded
    const prepared = await quantizer.prepare(scratch, coded.rows, coded.nq, { signal })
    const wanted = { nprobe: probed, ratioThreshold: settings.ratioThreshold, k, allowed: undefined }
    const probes = await findProbes(model, scratch, loaded, prepared, wanted, signal)
    const pairs = placePairs(scratch, model, probes, [0])
    const visited = visitedCells(contents.stored, pairs.waves[0] ?? [])
    let scored = 0
    for (const { place, visits } of visited) {
      for (const visit of visits) scored += slotsOf(place).count * (visit.to - visit.from)
    }
    const search = await beginSearch(scratch, {
      ...{ metric: model.metric, dim, quantizer, exact: model.exact, prepared, k, nq: given.nq, queries: given.rows },
      visited: met?.placeVisited(scratch, probes, model.nlist),
      ...{ norms: coded.norms, cost: scored * quantizer.scan.cost },
    })
    for (const group of groupsOf(model, visited)) {
      await withAllowed(contents, group, passing, read, signal, async (cells, masks) => {
        const found: ScanVisit[] = []
        for (const [i, { visits }] of group.entries()) {
          const { codes, segment, cell, owns } = cells[i] as Cell
          const slot = segment.slot + (segment.starts[cell] as number)
          const store = {
            codes,
            originals: undefined,
            rows: 0,
            mask: masks[i] as number,
            slot,
            spilled: spilledCell(owns, codes),
          }
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

/** What scanning is told of a spilled cell: nothing is compared with originals there. */
function spilledCell(owns: number, codes: Codes): SpilledStore | undefined {
  return owns === 0 ? undefined : { homes: 0, owns, codes }
}

/** A cell and the visits to it. */
interface Visited {
  place: CellPlace
  visits: { cell: number; from: number; to: number }[]
}

function visitedCells({ parts }: Stored, visits: readonly Visited['visits'][number][]): Visited[] {
  const byCell = groupBy(visits, ({ cell }) => cell)
  const found: Visited[] = []
  for (const segment of parts) {
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
  isAllowed: ((id: Id) => boolean) | undefined,
  read: ReadCount,
  signal: AbortSignal | undefined,
  work: (cells: Cell[], masks: number[]) => Promise<void>,
): Promise<void> {
  const { stored, model } = contents
  const { engine } = model
  const places = group.map(({ place }) => place)
  await stored.cache.with(places, read, { signal }, async (cells) => {
    const masks = cells.map(({ mask }) => mask)
    if (!isAllowed) return work(cells, masks)
    const ids = await fetchIds(contents, places, read, signal)
    await engine.frame(async (scratch) => {
      const allowed = cells.map(({ codes, mask }, i) => {
        const words = wordsFor(codes.count)
        const bits = new Uint32Array(words)
        if (mask) bits.set(engine.ints(mask, words))
        else fillBits(bits, codes.count)
        for (const [slot, id] of (ids[i] as Id[]).entries()) if (!isAllowed(id)) clearBit(bits, slot)
        const at = scratch.alloc(words * 4)
        engine.ints(at, words).set(bits)
        return at
      })
      await work(cells, allowed)
    })
  })
}

/** @throws IvfError ERR_ARGUMENT for a selection: which rows the vectors are is not known here */
function testOf(filter: RowFilter): (id: Id) => boolean {
  if (filter.kind === 'test') return (id) => passes(filter.test, id)
  if (filter.kind !== 'ids') {
    throw new IvfError(
      'ERR_ARGUMENT',
      "filter is a selection, and cells of this index stay in its file; give a set of ids, or open it with resident: 'all'",
    )
  }
  const ids = filter.ids instanceof Set ? (filter.ids as Set<Id>) : new Set(filter.ids)
  return (id) => ids.has(id)
}
