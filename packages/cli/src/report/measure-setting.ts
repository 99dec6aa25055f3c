/** How much does a way of searching find, how fast, and what does it look at? */

import { recall, recall1, type SearchResult } from 'fast-ivf'
import { percentile } from '../statistics.js'
import type { Loaded } from './child.js'

/** What a setting does; costs are means over the queries. */
export interface Measured {
  /** recall@k and recall1@k */
  recall: number
  recall1: number
  /** Queries per second, all in one batch: the best of some repeats, since others on the machine can only take time. */
  qps: number
  /** Milliseconds of a query alone. */
  alone: { p50: number; p99: number }
  vectorsPerQuery: number
  cellsPerQuery: number
  /** Candidates compared exactly. */
  rescoredPerQuery: number
}

/** A search with everything but its queries settled. */
export type Search = (queries: Float32Array) => Promise<SearchResult>

/** Repeats: at least three unless a batch takes long, then until this many milliseconds are spent. */
const [REPEATS, ENOUGH, LONG] = [3, 300, 1200]
const ALONE = 100
const WARM_UP = 5

/** Searches in each of these ways, in turns, so that what disturbs one disturbs all. */
export async function measureInTurns(
  { queries, truth, dim }: Loaded,
  k: number,
  searches: readonly Search[],
): Promise<Measured[]> {
  const nq = queries.length / dim
  const least = searches.map(() => Number.POSITIVE_INFINITY)
  const results: SearchResult[] = []
  const start = performance.now()
  for (let round = 0; ; round++) {
    for (const [i, search] of searches.entries()) {
      const from = performance.now()
      results[i] = await search(queries)
      least[i] = Math.min(least[i] as number, performance.now() - from)
    }
    const spent = (performance.now() - start) / searches.length
    if (spent > LONG || (round + 1 >= REPEATS && spent > ENOUGH)) break
  }
  const out: Measured[] = []
  for (const [i, search] of searches.entries()) {
    const result = results[i] as SearchResult
    const { vectors, cells, rescored } = result.work
    out.push({
      ...{ recall: recall(result, truth, k), recall1: recall1(result, truth, k) },
      ...{ qps: (nq / (least[i] as number)) * 1000, alone: await timeAlone(search, queries, dim) },
      ...{ vectorsPerQuery: vectors / nq, cellsPerQuery: cells / nq, rescoredPerQuery: rescored / nq },
    })
  }
  return out
}

/** One after another. */
async function timeAlone(search: Search, queries: Float32Array, dim: number): Promise<Measured['alone']> {
  const times: number[] = []
  const nq = queries.length / dim
  for (let i = -WARM_UP; i < ALONE; i++) {
    const at = ((i + WARM_UP) % nq) * dim
    const from = performance.now()
    await search(queries.subarray(at, at + dim))
    if (i >= 0) times.push(performance.now() - from)
  }
  return { p50: percentile(times, 0.5), p99: percentile(times, 0.99) }
}
