import type { VectorBatches, Vectors } from './engine/vectors.js'
import type { LongCallOptions, Metric } from './options.js'
import type { SearchResult } from './result.js'
import type { RuntimeOptions } from './runtime.js'

/** Options of `exactSearch`. */
export interface ExactSearchOptions extends LongCallOptions, RuntimeOptions {
  /** Answers per query. Default 10. */
  k?: number
  /** Default 'cosine'. */
  metric?: Metric
  /** Components per vector; needed when vectors and queries are both flat arrays. */
  dim?: number
}

/**
 * The true k nearest vectors of each query, by comparing all pairs: one matrix product, in blocks, on all cores.
 * Vectors may come in batches; memory holds one block of them at a time.
 *
 * @param vectors n × dim
 * @param queries nq × dim
 * @returns ids are row numbers of `vectors`; scores in the metric's own value, nearest first. With fewer than k
 *   vectors the counts are lower. A zero vector has no cosine: it is never an answer, and a zero query has none.
 * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY, ERR_ARGUMENT, ERR_MEMORY
 */
export async function exactSearch(
  vectors: Vectors | VectorBatches,
  queries: Vectors,
  options: ExactSearchOptions = {},
): Promise<SearchResult> {
  const { compareAll } = await import('./exact-search.js')
  return compareAll(vectors, queries, options)
}
