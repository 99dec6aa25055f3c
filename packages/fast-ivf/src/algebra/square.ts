import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { placeColumns } from './columns.js'
import { productsOf } from './multiply.js'
import { transposed } from './transposed.js'

const FAST_STEPS = 10 // each makes what is small about 3.4 times as large: a condition of 1e4 is reached
const EXACT_STEPS = 8
const ORTHOGONAL = 1e-5

/**
 * The orthogonal factor of a square matrix (dim × dim): U·Vᵀ of its singular value decomposition. Polynomials of odd
 * degree in the matrix drive all singular values to 1 (G. Schulz 1933; Higham, Functions of Matrices, ch. 8): a steep
 * one while they are small, then the one of degree 5 that converges cubically. Undefined when it is too near to a
 * singular matrix for 32-bit floats.
 */
export async function polarFactor(
  engine: Engine,
  matrix: Float32Array,
  dim: number,
  options: RunOptions = {},
): Promise<Float32Array | undefined> {
  const bound = normBound(matrix, dim)
  if (!(bound > 0 && bound < Number.POSITIVE_INFINITY)) return undefined
  let x: Float32Array = matrix.map((value) => value / bound)
  for (let step = 0; step < FAST_STEPS + EXACT_STEPS; step++) {
    // xᵀ·x, x·(a + b·xᵀx + c·(xᵀx)²)
    const square = await multiply(engine, transposed(x, dim), x, dim, options)
    if (step > FAST_STEPS && distanceFromOne(square, dim) < ORTHOGONAL / 4) break
    const [a, b, c] = step < FAST_STEPS ? [3.4445, -4.775, 2.0315] : [15 / 8, -10 / 8, 3 / 8]
    const fourth = await multiply(engine, square, square, dim, options)
    const factor = square.map((value, i) => b * value + c * (fourth[i] as number))
    for (let i = 0; i < dim; i++) factor[i * dim + i] = (factor[i * dim + i] as number) + a
    x = await multiply(engine, x, factor, dim, options)
  }
  const square = await multiply(engine, transposed(x, dim), x, dim, options)
  return distanceFromOne(square, dim) < ORTHOGONAL ? x : undefined
}

/** a · b, each dim × dim. */
export function multiply(
  engine: Engine,
  a: Float32Array,
  b: Float32Array,
  dim: number,
  options: RunOptions = {},
): Promise<Float32Array> {
  return engine.frame((scratch) => {
    const panels = placeColumns(engine, (bytes) => scratch.alloc(bytes), b, dim, dim)
    return productsOf(engine, panels, a, options)
  })
}

/** The largest entry of |square − 1|. */
export function distanceFromOne(square: Float32Array, dim: number): number {
  let worst = 0
  square.forEach((value, i) => {
    const gap = Math.abs(value - (i % (dim + 1) === 0 ? 1 : 0))
    // Written so that NaN is the worst of all.
    if (!(gap <= worst)) worst = Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap
  })
  return worst
}

/** At least the largest singular value: the lesser of Frobenius' norm and √(‖·‖₁ ‖·‖∞). */
function normBound(matrix: Float32Array, dim: number): number {
  const [rows, columns] = [new Float64Array(dim), new Float64Array(dim)]
  let squares = 0
  matrix.forEach((value, i) => {
    const [row, column] = [Math.floor(i / dim), i % dim]
    rows[row] = (rows[row] as number) + Math.abs(value)
    columns[column] = (columns[column] as number) + Math.abs(value)
    squares += value * value
  })
  const most = (sums: Float64Array): number => sums.reduce((a, b) => Math.max(a, b), 0)
  return Math.min(Math.sqrt(squares), Math.sqrt(most(rows) * most(columns)))
}
