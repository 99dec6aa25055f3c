/** Vectors, queries like them, and what is found of the truth. */
import { exactSearch, type IvfIndex, type Metric, recall, type SearchResult } from '../../src/index.js'
import { mixture } from '../mixture.js'

export const [DIM, COUNT, NQ] = [24, 20_000, 1500]
const all = mixture(COUNT + NQ, DIM, 91)
export const vectors: Float32Array = all.subarray(0, COUNT * DIM)
/** Of the same mixture; calibration has not seen them. */
export const queries: Float32Array = all.subarray(COUNT * DIM)

const truths = new Map<Metric, Promise<SearchResult>>()

/** The true 10 nearest of the queries. */
export function truthBy(metric: Metric): Promise<SearchResult> {
  const truth = truths.get(metric) ?? exactSearch(vectors, queries, { k: 10, metric, dim: DIM })
  truths.set(metric, truth)
  return truth
}

/** What is delivered when this much is asked for, and what it expects itself. */
export async function delivered(
  index: Pick<IvfIndex, 'search'>,
  asked: number,
  metric: Metric,
): Promise<{ found: number; estimate: number }> {
  const result = await index.search(queries, { k: 10, recall: asked })
  const estimates = result.recallEstimate as Float32Array
  return {
    found: recall(result, await truthBy(metric), 10),
    estimate: estimates.reduce((sum, one) => sum + one, 0) / NQ,
  }
}
