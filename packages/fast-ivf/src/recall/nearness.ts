import type { Metric } from '../options.js'

/** What is known of cells: nlist each. */
export interface CellShapes {
  /** Mean squared distance of its vectors from the centroid. */
  readonly spreads: Float32Array
  /** Squared norm of the centroid. */
  readonly norms: Float32Array
}

/**
 * How far a cell's vectors seem to be beyond the k-th nearest so far, in units of their spread: below 0 an average
 * vector of the cell would be an answer. A cell is thought of as a ball around its centroid; distances of what is in it
 * vary by the product of its radius and, for l2 and cosine (of vectors of length 1), the query's distance.
 *
 * `distance`: bias − ⟨query, centroid⟩; `norm`: the query's squared norm; `kth`: the k-th nearest so far, its squared
 * distance for l2, else less its inner product.
 */
export function nearness(
  metric: Metric,
  { spreads, norms }: CellShapes,
  cell: number,
  distance: number,
  norm: number,
  kth: number,
): number {
  const spread = spreads[cell] as number
  if (metric === 'ip') return (distance - kth) / Math.sqrt(norm * spread)
  const [own, limit] = metric === 'l2' ? [0, kth] : [norms[cell] as number, norm + 1 + 2 * kth]
  const squared = Math.max(1e-12, norm + 2 * distance + own)
  return (squared + spread - limit) / (2 * Math.sqrt(squared * spread))
}
