import { chunkRows, loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { createFlat } from '../quantizers/flat/flat.js'
import { SearchResult } from '../result.js'
import { allPairs, placeSearching } from './all-pairs.js'
import type { Contents } from './contents.js'
import { type Finish, finishSearch } from './finish.js'
import { beginSearch, type Search, type Store, scan } from './scan.js'
import type { Segment } from './segment.js'
import { canReadVectors, readVectors } from './vectors.js'

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
  const { engine, metric, dim, exact } = model
  const work = { vectors: size * queries.rows, cells: model.nlist * queries.rows, rescored: 0 }
  const result = new SearchResult(queries.rows, k, work)
  const places = Math.max(1, Math.min(k, size))
  const perQuery = dim * 4 + places * 8 * engine.lanes(Number.POSITIVE_INFINITY)
  const block = Math.max(64, Math.floor(QUERY_BYTES / perQuery))
  const quantizer = createFlat(engine, dim, metric)
  // Distances of l2 are computed anew where the vectors are at hand, so that nothing is lost to cancellation.
  const anew = metric === 'l2' && canReadVectors(model)
  const finish: Finish = anew ? { mode: 'exact', reorder: true } : { mode: 'estimates' }
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
      const stores = await compareAll(contents, search, signal, (done) =>
        onProgress?.({ phase: 'truth', done: from * size + nq * done, total: queries.rows * size }),
      )
      await finishSearch({ ...search, exact: exact && anew }, stores, finish, result, from, { signal })
    })
  }
  return result
}

/** Compares the queries with all that is there; returns where slots lie. */
async function compareAll(
  { model, segments }: Contents,
  search: Search,
  signal: AbortSignal | undefined,
  onCompared: (vectors: number) => void,
): Promise<Store[]> {
  const { engine, exact, dim } = model
  const { scratch, quantizer, metric } = search
  const searching = placeSearching(scratch, metric, search)
  const stores: Store[] = []
  let slot = 0
  for (const segment of segments) {
    const { codes, originals, rows, mask, count } = segment
    const store = { codes, originals, rows, mask, slot }
    if (exact) await scan(search, allPairs(store, dim, [0, count], searching), { signal })
    else await compareRead(segment, slot)
    stores.push(store)
    slot += count
    onCompared(slot)
  }
  return stores

  /** Vectors are not as kernels want them: they are read, some at a time. */
  async function compareRead(segment: Segment, first: number): Promise<void> {
    const { count, mask } = segment
    const chunk = Math.min(count, chunkRows(dim))
    await engine.frame(async (own) => {
      const codes = quantizer.alloc((bytes) => own.alloc(bytes), chunk)
      for (let from = 0; from < count; from += chunk) {
        const part = Uint32Array.from({ length: Math.min(chunk, count - from) }, (_, i) => from + i)
        await engine.frame(async (each) => {
          const vectors = await readVectors(each, model, segment, part, { signal })
          await quantizer.write(codes, vectors, 0, part.length, { signal })
        })
        // Chunks are whole words of the mask.
        const store = { codes, originals: undefined, rows: 0, mask: mask && mask + from / 8, slot: first + from }
        await scan(search, allPairs(store, dim, [0, part.length], searching), { signal })
        onCompared(first + from + part.length)
      }
    })
  }
}
