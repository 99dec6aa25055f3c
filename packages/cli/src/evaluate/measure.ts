import { type FastIVF, recall, recall1, type SearchResult } from 'fast-ivf'
import { median, percentile } from '../statistics.js'
import type { Truth } from './truth.js'

/** What one setting of nprobe gives. */
export interface Measurement {
  nprobe: number
  /** recall@k and recall1@k */
  recall: number
  recall1: number
  /** Queries per second, all in one call: the median of some runs. */
  qps: number
  /** Milliseconds of a query alone; absent when none was measured. */
  singleMs?: { p50: number; p95: number; p99: number }
  vectorsPerQuery: number
  cellsPerQuery: number
}

/** What to search for, and how. */
export interface Task {
  index: FastIVF
  /** nq × dim */
  queries: Float32Array
  truth: Truth
  k: number
  ratioThreshold: number
  /** Queries to time alone, one after another. */
  singles: number
  signal: AbortSignal
  onSingle(): void
}

const RUNS = 5
const ENOUGH_MS = 1000
const WARM_UP = 10 // queries before the first that counts

/** Searches with one setting of nprobe. */
export async function measure(task: Task, nprobe: number): Promise<Measurement> {
  const { index, queries, truth, k } = task
  const nq = queries.length / index.dim
  const { ms, result } = await batch(task, nprobe)
  const times = await alone(task, nprobe, nq)
  return {
    nprobe,
    recall: recall(result, truth, k),
    recall1: recall1(result, truth, k),
    qps: (nq / ms) * 1000,
    ...(times.length > 0 && {
      singleMs: { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) },
    }),
    vectorsPerQuery: result.work.vectors / nq,
    cellsPerQuery: result.work.cells / nq,
  }
}

/** All queries at once, again until the time says something. */
async function batch({ index, queries, ...task }: Task, nprobe: number): Promise<{ ms: number; result: SearchResult }> {
  const { k, ratioThreshold, signal } = task
  const times: number[] = []
  const start = performance.now()
  for (;;) {
    const from = performance.now()
    const result = await index.search(queries, { k, nprobe, ratioThreshold, signal })
    times.push(performance.now() - from)
    if (times.length === RUNS || performance.now() - start > ENOUGH_MS) return { ms: median(times), result }
  }
}

/** Milliseconds of each query alone. */
async function alone(
  { index, queries, singles, onSingle, ...task }: Task,
  nprobe: number,
  nq: number,
): Promise<number[]> {
  const { k, ratioThreshold, signal } = task
  const times: number[] = []
  const warmUp = Math.min(WARM_UP, singles)
  for (let i = -warmUp; i < singles; i++) {
    const at = ((i + nq) % nq) * index.dim
    const query = queries.subarray(at, at + index.dim)
    const from = performance.now()
    await index.search(query, { k, nprobe, ratioThreshold, signal })
    if (i < 0) continue
    times.push(performance.now() - from)
    onSingle()
  }
  return times
}
