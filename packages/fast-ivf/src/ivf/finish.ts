import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { recordSize } from '../engine/layout.js'
import type { SearchResult } from '../result.js'
import type { Search, Store } from './scan.js'

/** How heaps become answers. */
export type Finish =
  | { mode: 'estimates' }
  /** Every candidate is compared exactly; `reorder`: and sorted again. */
  | { mode: 'exact'; reorder: boolean }
  /** A line through some of the candidates, compared exactly, is applied to all; their order stays. */
  | { mode: 'calibrated'; samples: number }
  /** The heaps hold exact distances. */
  | { mode: 'compared' }

/** Merges the lanes, resolves ids, sorts, and copies out to rows first … of the result; the number of candidates. */
export async function finishSearch(
  search: Search,
  stores: readonly Store[],
  finish: Finish,
  result: SearchResult,
  first: number,
  options: RunOptions,
): Promise<number> {
  return copyOut(search, await finishQueries(search, stores, finish, result.k, options), result, first)
}

/**
 * Merges the lanes' heaps into the first one's, resolves ids and sorts the `most` nearest. Returns the address of how
 * many candidates each query had.
 */
export async function finishQueries(
  search: Search,
  stores: readonly Store[],
  finish: Finish,
  most: number,
  options: RunOptions,
): Promise<number> {
  const { scratch, metric, k, nq, norms } = search
  const exact = finish.mode === 'exact' || finish.mode === 'calibrated' || search.exact
  const counts = scratch.alloc(nq * 4)
  await scratch.engine.frame((own) => {
    const record = own.record('Finish', {
      ...compared(own, search, stores),
      ...{ want: Math.min(k, most), counts },
      mode: modeOf(search, stores, finish),
      samples: finish.mode === 'calibrated' ? finish.samples : 0,
      clip: metric === 'cosine' ? 1 : 0,
      norms,
    })
    const cost = nq * k * (exact ? search.dim * 4 : 16)
    return scratch.engine.run({ kernel: 'finishQueries', record, count: nq }, { cost, ...options })
  })
  return counts
}

/** The k-th exact distance so far becomes each query's limit. */
export async function updateLimits(search: Search, limits: number, options: RunOptions): Promise<void> {
  const { scratch, metric, k, nq, norms, heaps, heapStride, lanes } = search
  const { engine } = scratch
  await engine.frame((own) => {
    const squared = metric === 'l2' ? 1 : 0
    const record = own.record('Limits', { heaps, heapStride, lanes, k, limits, squared, norms })
    return engine.run({ kernel: 'updateLimits', record, count: nq }, { cost: nq * k * 16, ...options })
  })
}

/** The heaps, and where the vectors are that their slots mean. */
function compared(scratch: Scratch, search: Search, stores: readonly Store[]) {
  const { metric, dim, k, queries, heaps, heapStride, lanes, exact } = search
  const size = recordSize('Span')
  const spans = scratch.alloc(Math.max(1, stores.length) * size)
  for (const [i, { slot, codes, originals, rows, spilled }] of stores.entries()) {
    // Exact codes are the vectors.
    const vectors = exact ? (spilled?.codes ?? codes).codes : (originals?.rows ?? 0)
    scratch.engine.ints(spans + i * size, 4).set([slot, vectors, rows, spilled?.homes ?? 0])
  }
  return {
    ...{ heaps, heapStride, lanes, k, spans, nspans: stores.length, queries, vectorDim: dim },
    kept: exact ? 0 : (stores[0]?.originals?.form ?? 0),
    squared: metric === 'l2' ? 1 : 0,
  }
}

const MODES = { estimates: 0, exact: 1, inOrder: 2, calibrated: 3, compared: 4 } as const

function modeOf({ exact, metric }: Search, stores: readonly Store[], finish: Finish): number {
  if (finish.mode === 'exact' && !finish.reorder) return MODES.inOrder
  if (!exact) return MODES[finish.mode]
  // Distances of vectors themselves: those of l2 are computed anew, without cancellation.
  return metric === 'l2' && stores.length > 0 ? MODES.exact : MODES.compared
}

/** Returns the number of candidates that there were. */
function copyOut(
  { scratch: { engine }, metric, k, nq, heaps }: Search,
  counts: number,
  result: SearchResult,
  first: number,
): number {
  const sign = metric === 'l2' ? 1 : -1
  // Of each query k distances, then k ids.
  const distances = engine.floats(heaps, nq * k * 2)
  const ids = engine.ints(heaps, nq * k * 2)
  let candidates = 0
  engine.ints(counts, nq).forEach((found, q) => {
    const count = Math.min(found, result.k)
    const [from, to] = [q * k * 2, (first + q) * result.k]
    for (let i = 0; i < count; i++) {
      result.ids[to + i] = ids[from + k + i] as number
      // Adding 0 makes −0 an ordinary zero.
      result.scores[to + i] = sign * (distances[from + i] as number) + 0
    }
    candidates += found
    result.counts[first + q] = count
  })
  return candidates
}
