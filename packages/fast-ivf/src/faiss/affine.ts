import type { Metric } from '../options.js'
import type { ProjectionParameters } from '../projections/projection.js'
import type { FaissTransform } from './description.js'

/**
 * Transforms, one after the other, as one affine map and division by the norm; undefined when together they are no such
 * thing. `dim`: components of what they take.
 */
export function composed(
  transforms: readonly FaissTransform[],
  dim: number,
  metric: Metric,
): ProjectionParameters | undefined {
  let map: Affine = { width: dim, weight: undefined, bias: undefined }
  let unit = false
  for (const step of transforms) {
    if (step.kind === 'normalize') unit = true
    else if (!unit) map = followed(map, step)
    // Turned before or after its length becomes 1, a vector is the same.
    else if (turns(step)) map = followed(map, step)
    else if (step.kind !== 'center' || step.mean.some((value) => value !== 0)) return undefined
  }
  const { weight, bias, width } = map
  return { word: weight || bias ? `LT${width}` : 'L2norm', metric, dim, width, weight, bias, unit }
}

/** Whether it changes nothing. */
export function isIdentity({ weight, bias, unit }: ProjectionParameters): boolean {
  return !weight && !bias && !unit
}

/** x becomes weight · x + bias. */
interface Affine {
  readonly width: number
  /** width × dim; undefined: x itself */
  readonly weight: Float32Array | undefined
  readonly bias: Float32Array | undefined
}

function followed({ width, weight, bias }: Affine, step: Exclude<FaissTransform, { kind: 'normalize' }>): Affine {
  if (step.kind === 'center') {
    return { width, weight, bias: step.mean.map((mean, i) => (bias?.[i] ?? 0) - mean) }
  }
  const { matrix, dimOut } = step
  const moved = bias && product(matrix, bias, width, 1)
  const added = step.bias ?? moved
  return {
    width: dimOut,
    weight: weight ? product(matrix, weight, width, weight.length / width) : matrix,
    bias: added?.map((value, i) => (step.bias && moved ? value + (moved[i] as number) : value)),
  }
}

/** a: rows × inner; b: inner × columns */
function product(a: Float32Array, b: Float32Array, inner: number, columns: number): Float32Array {
  const rows = a.length / inner
  const out = new Float32Array(rows * columns)
  const sums = new Float64Array(columns)
  for (let i = 0; i < rows; i++) {
    sums.fill(0)
    for (let j = 0; j < inner; j++) {
      const factor = a[i * inner + j] as number
      for (let t = 0; t < columns; t++) sums[t] = (sums[t] as number) + factor * (b[j * columns + t] as number)
    }
    out.set(sums, i * columns)
  }
  return out
}

/** Whether lengths and angles stay. */
export function turns(step: FaissTransform): boolean {
  if (step.kind !== 'linear' || step.dimIn !== step.dimOut || step.bias?.some((value) => value !== 0)) return false
  const { matrix, dimIn: dim } = step
  for (let i = 0; i < dim; i++) {
    for (let j = i; j < dim; j++) {
      let sum = 0
      for (let t = 0; t < dim; t++) sum += (matrix[i * dim + t] as number) * (matrix[j * dim + t] as number)
      if (!(Math.abs(sum - (i === j ? 1 : 0)) < ORTHOGONAL)) return false
    }
  }
  return true
}

/** 32-bit floats of a rotation of a thousand dimensions are within a tenth of it. */
const ORTHOGONAL = 1e-5
