/** Vectors for those who have none at hand: what embeddings have in common, made of chance alone. */

import { uniform } from '../sample.js'

/** What to make. */
export interface MadeUp {
  rows: number
  dim: number
  clusters: number
  seed: number
}

/** Unit vectors (rows × dim) in uneven clusters, noisy, with components that matter less and less. */
export function madeUp({ rows, dim, clusters, seed }: MadeUp): Float32Array {
  const random = uniform(seed)
  // near enough to a normal variable of variance 1
  const bell = (): number => 2 * (random() + random() + random() - 1.5)
  const spectrum = Float64Array.from({ length: dim }, (_, i) => 1 / Math.sqrt(i + 1))
  const centers = Float64Array.from({ length: clusters * dim }, (_, i) => bell() * (spectrum[i % dim] as number))
  const out = new Float32Array(rows * dim)
  for (let from = 0; from < out.length; from += dim) {
    // the product of two makes the low numbers crowded
    const center = Math.floor(random() * random() * clusters) * dim
    let squares = 0
    for (let i = 0; i < dim; i++) {
      const value = (centers[center + i] as number) + 0.8 * (spectrum[i] as number) * bell()
      out[from + i] = value
      squares += value * value
    }
    const norm = Math.sqrt(squares)
    for (let i = 0; i < dim; i++) out[from + i] = (out[from + i] as number) / norm
  }
  return out
}
