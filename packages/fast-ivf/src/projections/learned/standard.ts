import { sampleRows } from '../../clustering/sample.js'
import { copyOf, type Matrix } from '../../engine/vectors.js'
import type { Metric } from '../../options.js'

/** What is done to vectors before a projection learns from them, so that rates of learning do not depend on their size. */
export interface Standard {
  /** Cosine: each is divided by its norm. */
  readonly normalize: boolean
  /** l2: their mean is taken away, which changes no distance. */
  readonly mean: Float32Array | undefined
  /** ip and l2: their mean squared norm becomes 1. */
  readonly scale: number
}

const SAMPLE = 2048

export function standardOf(metric: Metric, sample: Matrix, seed: number): Standard {
  if (metric === 'cosine') return { normalize: true, mean: undefined, scale: 1 }
  const matrix = sampleRows(sample, SAMPLE, seed)
  const { dim, rows: count } = matrix
  const rows = copyOf(matrix)
  const sums = new Float64Array(dim)
  let squares = 0
  rows.forEach((value, i) => {
    sums[i % dim] = (sums[i % dim] as number) + value
    squares += value * value
  })
  const centred = metric === 'l2'
  const mean = sums.map((sum) => (centred ? sum / count : 0))
  const spread = squares / count - mean.reduce((sum, value) => sum + value * value, 0)
  const scale = spread > 0 && spread < Number.POSITIVE_INFINITY ? 1 / Math.sqrt(spread) : 1
  return { normalize: false, mean: centred ? Float32Array.from(mean) : undefined, scale }
}

/**
 * The map of vectors as they come that a map of standard ones amounts to, in the vectors' own units times `factor`.
 * weight: width × dim; bias: width.
 */
export function ofVectors(
  weight: Float32Array,
  bias: Float32Array | undefined,
  { normalize, mean, scale }: Standard,
  factor = 1,
): { weight: Float32Array; bias: Float32Array | undefined } {
  if (normalize) return { weight, bias }
  // factor / scale · (scale · W · (x − mean) + bias)
  const own = weight.map((value) => value * factor)
  if (!mean && !bias) return { weight: own, bias: undefined }
  const dim = mean?.length ?? 0
  const width = bias?.length ?? weight.length / dim
  const shift = Float32Array.from({ length: width }, (_, i) => {
    let sum = ((bias?.[i] ?? 0) * factor) / scale
    for (let j = 0; j < dim; j++) sum -= (own[i * dim + j] as number) * (mean?.[j] as number)
    return sum
  })
  return { weight: own, bias: shift }
}
