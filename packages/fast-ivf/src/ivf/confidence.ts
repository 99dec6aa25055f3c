import type { Id } from '../options.js'
import type { SearchResult } from '../result.js'
import type { Model } from './model.js'
import { cellOf, type Segment } from './segment.js'
import { type Part, partsOf } from './spilled.js'
import { type Probes, project } from './visits.js'

const SIGMA = 2 // which factor of a code tells its error

/**
 * Turns slots into ids in the rows of these queries, and tells each estimate's standard error: the code's own times
 * the part of the query that the centroid does not tell. Answers of equal score come in the order of their slots.
 */
export function nameAndJudge(
  model: Model,
  segments: readonly Segment[],
  { nq, nprobe, cells, distances, norms, rounded }: Probes,
  result: SearchResult,
  first: number,
): void {
  const { engine, metric } = model
  const { errors, confidences } = withErrors(result)
  const parts = partsOf(segments)
  for (let q = 0; q < nq; q++) {
    const at = (first + q) * result.k
    const count = result.counts[first + q] as number
    const last = result.scores[at + count - 1] as number
    for (let j = 0; j < count; j++) {
      const [part, slot] = partOf(parts, result.ids[at + j] as number)
      const cell = cellOf(part.starts, slot)
      const rank = cells.subarray(q * nprobe, (q + 1) * nprobe).indexOf(cell)
      const distance = distances[q * nprobe + rank] as number
      const centroidNorm = metric === 'l2' ? undefined : model.norms[cell]
      const { apart } = project(norms[q] as number, distance, centroidNorm, rounded?.[q] ?? 0)
      const { factors, stride } = part.codes
      const sigma = engine.floats(factors + (SIGMA * stride + slot) * 4, 1)[0] as number
      // A score of l2 is twice the distance that is estimated.
      const error = sigma * apart * (metric === 'l2' ? 2 : 1)
      const nearer =
        metric === 'l2' ? last - (result.scores[at + j] as number) : (result.scores[at + j] as number) - last
      result.ids[at + j] = engine.ints(part.rows + homeOf(part, slot) * 4, 1)[0] as number
      errors[at + j] = error
      confidences[at + j] = error > 0 ? normalCdf(nearer / error) : 1
    }
  }

  function homeOf({ spilled }: Part, slot: number): number {
    return spilled ? (engine.ints(spilled.homes + slot * 4, 1)[0] as number) : slot
  }
}

/** The result with errors of 0: its scores are exact. */
export function certain<I extends Id>(result: SearchResult<I>): SearchResult<I> {
  const { errors, confidences } = withErrors(result)
  result.counts.forEach((count, q) => {
    errors.fill(0, q * result.k, q * result.k + count)
    confidences.fill(1, q * result.k, q * result.k + count)
  })
  return result
}

/** The probability that a standard normal variable is at most x (Abramowitz and Stegun 7.1.26: to 1e-7). */
export function normalCdf(x: number): number {
  const z = Math.abs(x) / Math.SQRT2
  const t = 1 / (1 + 0.3275911 * z)
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  const tail = (series * Math.exp(-z * z)) / 2
  return x > 0 ? 1 - tail : tail
}

function withErrors<I extends Id>(result: SearchResult<I>): { errors: Float32Array; confidences: Float32Array } {
  result.errors ??= new Float32Array(result.nq * result.k).fill(Number.NaN)
  result.confidences ??= new Float32Array(result.nq * result.k).fill(Number.NaN)
  return { errors: result.errors, confidences: result.confidences }
}

function partOf(parts: readonly Part[], slot: number): [Part, number] {
  let own = slot
  for (const part of parts) {
    if (own < part.count) return [part, own]
    own -= part.count
  }
  throw new Error(`no slot ${slot}`)
}
