import type { ProjectionParameters } from '../../src/projections/projection.js'

/** What becomes of vectors (n × dim) under a projection, in 64 bits. */
export function plainProjection(parameters: ProjectionParameters, vectors: Float32Array): Float64Array {
  const { dim, width, weight, bias, unit, metric } = parameters
  const count = vectors.length / dim
  const out = new Float64Array(count * width)
  for (let i = 0; i < count; i++) {
    const given = vectors.subarray(i * dim, (i + 1) * dim)
    const length = metric === 'cosine' ? Math.hypot(...given) || 1 : 1
    const row = out.subarray(i * width, (i + 1) * width)
    for (let o = 0; o < width; o++) {
      let sum = weight ? 0 : given[o]! / length
      if (weight) for (let j = 0; j < dim; j++) sum += (weight[o * dim + j]! * given[j]!) / length
      row[o] = sum + (bias?.[o] ?? 0)
    }
    const norm = unit ? (given.some((value) => value !== 0) ? Math.hypot(...row) || 1 : Number.POSITIVE_INFINITY) : 1
    for (let o = 0; o < width; o++) row[o]! /= norm
  }
  return out
}
