import { recall, recall1, type SearchResult } from 'fast-ivf'
import { median, percentile } from '../statistics.js'
import type { Truth } from './truth.js'

/** What one way of searching gives. */
export interface Measurement {
  /** recall@k and recall1@k */
  recall: number
  recall1: number
  /** Queries per second, all in one call: the median of some runs. */
  qps: number
  /** Milliseconds of a query alone; absent when none was measured. */
  singleMs?: { p50: number; p95: number; p99: number }
  vectorsPerQuery: number
  cellsPerQuery: number
  /** Vectors compared exactly after an estimate. */
  rescoredPerQuery: number
}

/** What to search for, and how it is judged. */
export interface Task {
  /** nq × dim */
  queries: Float32Array
  dim: number
  truth: Truth
  k: number
  /** Queries to time alone, one after another. */
  singles: number
  onSingle(): void
}

/** A search with everything but its queries settled. */
export type Ask = (queries: Float32Array) => Promise<SearchResult>

const RUNS = 5
const ENOUGH_MS = 1000
const WARM_UP = 10 // queries before the first that counts

/** Searches in one way: all queries at once, then one by one. */
export async function measure(task: Task, ask: Ask): Promise<Measurement> {
  const { queries, dim, truth, k } = task
  const nq = queries.length / dim
  const { ms, result } = await batch(queries, ask)
  const times = await alone(task, ask, nq)
  return {
    recall: recall(result, truth, k),
    recall1: recall1(result, truth, k),
    qps: (nq / ms) * 1000,
    ...(times.length > 0 && {
      singleMs: { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) },
    }),
    vectorsPerQuery: result.work.vectors / nq,
    cellsPerQuery: result.work.cells / nq,
    rescoredPerQuery: result.work.rescored / nq,
  }
}

/** All queries at once, again until the time says something. */
async function batch(queries: Float32Array, ask: Ask): Promise<{ ms: number; result: SearchResult }> {
  const times: number[] = []
  const start = performance.now()
  for (;;) {
    const from = performance.now()
    const result = await ask(queries)
    times.push(performance.now() - from)
    if (times.length === RUNS || performance.now() - start > ENOUGH_MS) return { ms: median(times), result }
  }
}

/** Milliseconds of each query alone. */
async function alone({ queries, dim, singles, onSingle }: Task, ask: Ask, nq: number): Promise<number[]> {
  const times: number[] = []
  const warmUp = Math.min(WARM_UP, singles)
  for (let i = -warmUp; i < singles; i++) {
    const at = ((i + nq) % nq) * dim
    const query = queries.subarray(at, at + dim)
    const from = performance.now()
    await ask(query)
    if (i < 0) continue
    times.push(performance.now() - from)
    onSingle()
  }
  return times
}
