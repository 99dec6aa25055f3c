import { chunkRows, loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { createFlat } from '../quantizers/flat/flat.js'
import { SearchResult } from '../result.js'
import { allPairs, placeSearching } from './all-pairs.js'
import type { Contents } from './contents.js'
import { finishSearch } from './finish.js'
import { beginSearch, type Search, scan } from './scan.js'
import { type Segment, slotsThere } from './segment.js'
import { readVectors } from './vectors.js'

/** Queries and their heaps that are in memory at a time. */
const QUERY_BYTES = 256 << 20

/**
 * The true k nearest of each query among the vectors that are there, as they can be had back: all pairs, one matrix
 * product. `ids` are numbers of rows; scores in the metric's own value, nearest first.
 * @throws IvfError ERR_UNSUPPORTED when only projected vectors are stored; the signal's reason
 */
export async function trueNearest(
  contents: Contents,
  queries: Matrix,
  k: number,
  { signal, onProgress }: LongCallOptions,
): Promise<SearchResult> {
  const { model, size } = contents
  const { engine, metric, dim } = model
  const result = new SearchResult(queries.rows, k, { vectors: size * queries.rows, cells: 0, rescored: 0 })
  const places = Math.max(1, Math.min(k, size))
  const perQuery = dim * 4 + places * 8 * engine.lanes(Number.POSITIVE_INFINITY)
  const block = Math.max(64, Math.floor(QUERY_BYTES / perQuery))
  const quantizer = createFlat(engine, dim, metric)
  for (let from = 0; from < queries.rows; from += block) {
    const nq = Math.min(block, queries.rows - from)
    await engine.frame(async (scratch) => {
      const [rows, norms] = [scratch.alloc(nq * dim * 4), scratch.alloc(nq * 4)]
      const load = { normalize: metric === 'cosine', norms, name: 'queries', signal }
      await loadRows(engine, queries, from, from + nq, rows, load)
      const search = await beginSearch(scratch, {
        ...{ metric, dim, quantizer, exact: false, k: places, nq, queries: rows, norms, cost: size * nq * dim },
        prepared: await quantizer.prepare(scratch, rows, nq, { signal }),
      })
      const numbers = await compareAll(contents, search, signal, (done) =>
        onProgress?.({ phase: 'truth', done: from * size + nq * done, total: queries.rows * size }),
      )
      await finishSearch(search, [], { mode: 'estimates' }, result, from, { signal })
      for (let i = from * k; i < (from + nq) * k; i++) result.ids[i] = numbers[result.ids[i] as number] ?? Number.NaN
    })
  }
  return result
}

/** Compares the queries with all that is there; returns the row of each slot, counted over all segments. */
async function compareAll(
  { model, segments }: Contents,
  search: Search,
  signal: AbortSignal | undefined,
  onCompared: (vectors: number) => void,
): Promise<Uint32Array> {
  const { engine, exact, dim } = model
  const { scratch, quantizer, metric } = search
  const searching = placeSearching(scratch, metric, search)
  const numbers = new Uint32Array(segments.reduce((sum, { count }) => sum + count, 0))
  let slot = 0
  for (const segment of segments) {
    const rows = engine.ints(segment.rows, segment.count).slice()
    if (exact) {
      const store = { codes: segment.codes, originals: undefined, rows: 0, mask: segment.mask, slot }
      await scan(search, allPairs(store, dim, [0, segment.count], searching), { signal })
      numbers.set(rows, slot)
      slot += segment.count
      onCompared(slot)
    } else await compareRead(segment, rows)
  }
  return numbers

  /** Vectors are not as kernels want them: they are read, some at a time. */
  async function compareRead(segment: Segment, rows: Uint32Array): Promise<void> {
    const slots = slotsThere(model, segment)
    const chunk = Math.min(slots.length, chunkRows(dim))
    await engine.frame(async (own) => {
      const codes = quantizer.alloc((bytes) => own.alloc(bytes), chunk)
      for (let from = 0; from < slots.length; from += chunk) {
        const part = slots.subarray(from, from + chunk)
        await engine.frame(async (each) => {
          const vectors = await readVectors(each, model, segment, part, { signal })
          await quantizer.write(codes, vectors, 0, part.length, { signal })
        })
        const store = { codes, originals: undefined, rows: 0, mask: 0, slot }
        await scan(search, allPairs(store, dim, [0, part.length], searching), { signal })
        part.forEach((place, i) => {
          numbers[slot + i] = rows[place] as number
        })
        slot += part.length
        onCompared(slot)
      }
    })
  }
}
