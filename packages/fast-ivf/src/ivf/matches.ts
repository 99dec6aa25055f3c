import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { createFlat } from '../quantizers/flat/flat.js'
import type { SearchResult } from '../result.js'
import { allPairs, placeSearching } from './all-pairs.js'
import type { Allowed } from './allowed.js'
import { bitsOf, countBits } from './bits.js'
import type { QueryRows } from './choose.js'
import type { Contents } from './contents.js'
import { finishSearch } from './finish.js'
import { joinSegments } from './join.js'
import type { Model } from './model.js'
import { beginSearch, scan } from './scan.js'
import { type Segment, withMask } from './segment.js'
import { canReadVectors, readVectors } from './vectors.js'

/** Fetching a vector from where it lies takes as long as comparing it so many times. */
const FETCH = 4
/** Since it finds all, it may take this much longer than a search without a filter. */
const AS_LONG = 1.5
/** Multiply-adds for which a byte can be moved. */
const MOVE = 4
/** What is brought together is scanned in so little time that more cells than otherwise are visited. */
const MORE = -0.2

/** Whether comparing with all that is allowed takes less time than visiting cells. */
export function worthMatching(
  model: Model,
  { count, size }: Allowed,
  { nq, nprobe, k }: { nq: number; nprobe: number; k: number },
): boolean {
  if (!canReadVectors(model)) return false
  const { scan } = model.quantizer
  const scanned = nq * (nprobe / model.nlist) * size * scan.cost
  return count <= k || count * (nq + FETCH) * model.dim <= AS_LONG * scanned
}

/**
 * Whether it takes less time to bring the codes of what is allowed together, cell by cell, than to pass over the others
 * in every cell that is visited.
 */
export function worthGathering(
  { nlist, quantizer }: Model,
  { count, size }: Allowed,
  { nq, nprobe }: { nq: number; nprobe: number },
): boolean {
  const moved = size * quantizer.codeSize + count * quantizer.codeSize
  const scanned = nq * (nprobe / nlist) * size * quantizer.scan.cost
  return !quantizer.exact && count * 16 <= size && MOVE * moved <= scanned
}

/** What is allowed as a segment of its own, which the caller releases, and how many cells to visit of it. */
export async function gather(
  { model, segments }: Contents,
  { masks, cells, count, size }: Allowed,
  nprobe: number,
  options: RunOptions,
): Promise<{ segment: Segment; allowed: Allowed; nprobe: number }> {
  const masked = segments.map((segment, i) => {
    const mask = masks[i] as Uint32Array
    return withMask(model, segment, mask, countBits(mask, 0, segment.count))
  })
  try {
    const segment = await joinSegments(model, masked, { signal: options.signal })
    const more = Math.min(model.nlist, Math.ceil(nprobe * (count / size) ** MORE))
    return { segment, allowed: { masks: [], parts: [], cells, count, size }, nprobe: more }
  } finally {
    for (const { held } of masked) held.release()
  }
}

/**
 * The nearest of each query among all that is allowed: their vectors are brought together and compared with all queries
 * at once. Exact for the vectors as they can be had back. Returns how many vectors were scored.
 */
export async function searchMatches(
  scratch: Scratch,
  model: Model,
  segments: readonly Segment[],
  { masks, count }: Allowed,
  { rows: queries, norms, nq }: QueryRows,
  k: number,
  result: SearchResult,
  first: number,
  { signal }: RunOptions,
): Promise<number> {
  if (count === 0) return 0
  const { engine, metric, dim } = model
  const quantizer = createFlat(engine, dim, metric)
  const codes = quantizer.alloc((bytes) => scratch.alloc(bytes), count)
  const rows = scratch.alloc(count * 4)
  let filled = 0
  for (const [i, segment] of segments.entries()) {
    const slots = bitsOf(masks[i] as Uint32Array, 0, segment.count)
    if (slots.length === 0) continue
    const at = filled
    await engine.frame(async (own) => {
      const vectors = await readVectors(own, model, segment, slots, { signal })
      await quantizer.write(codes, vectors, at, slots.length, { signal })
    })
    const numbers = engine.ints(segment.rows, segment.count)
    engine.ints(rows + at * 4, slots.length).set(slots.map((slot) => numbers[slot] as number))
    filled += slots.length
  }
  const searching = placeSearching(scratch, metric, { norms, nq })
  const cost = count * nq * dim
  const prepared = await quantizer.prepare(scratch, queries, nq, { signal })
  const shape = { metric, dim, quantizer, exact: true, prepared, k: Math.min(k, count), nq, queries, norms, cost }
  const search = await beginSearch(scratch, shape)
  const store = { codes, originals: undefined, rows, mask: 0, slot: 0 }
  await scan(search, allPairs(store, dim, [0, count], searching), { signal })
  await finishSearch(search, [store], { mode: 'estimates' }, result, first, { signal })
  return count * searching.nq
}
