import type { EvaluateOptions, InvertedFile } from 'fast-ivf'
import type { Setting } from './sweep.js'
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
  truth: Truth
  k: number
  ratioThreshold: number
  /** Queries to time alone, one after another. */
  singles: number
  onSingle(): void
  signal: AbortSignal
}

/** Searches in one way: all queries at once, then one by one. */
export async function measure(
  index: InvertedFile,
  { queries, truth, k, ratioThreshold, singles, onSingle, signal }: Task,
  { target, ...setting }: Setting,
): Promise<Measurement> {
  const how: EvaluateOptions = target === undefined ? { ratioThreshold, ...setting } : { recall: target }
  const { recall, recall1, qps, latency, vectors, cells, rescored } = await index.evaluate(queries, {
    ...{ truth, k, singles, signal, ...how },
    onProgress: ({ phase }) => phase === 'evaluate' && onSingle(),
  })
  return {
    ...{ recall, recall1, qps, ...(singles > 0 && { singleMs: latency }) },
    ...{ vectorsPerQuery: vectors, cellsPerQuery: cells, rescoredPerQuery: rescored },
  }
}

/** Those of the recalls asked for that the index can have; learns how they are had. */
export async function reachable(
  index: InvertedFile,
  targets: readonly number[],
  k: number,
  name: string,
  {
    signal,
    note,
    onProgress,
  }: { signal: AbortSignal; note(text: string): void; onProgress: EvaluateOptions['onProgress'] },
): Promise<number[]> {
  const { rules } = await index.calibrate({ k, signal, onProgress })
  const most = rules.at(-1)?.highest ?? 0
  const left = targets.filter((target) => target > most)
  if (left.length > 0) {
    note(`${name} can have a recall of ${Math.floor(most * 1000) / 1000} at most: ${left.join(', ')} is left out`)
  }
  return targets.filter((target) => target <= most)
}
