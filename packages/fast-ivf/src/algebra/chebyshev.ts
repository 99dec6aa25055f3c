import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Panels } from '../engine/panels.js'
import { productsOf } from './multiply.js'

/**
 * How much longer than what a row is wanted for its part along the first eigenvector may become, and be told from it:
 * each product adds some 1e-7 of that part, and as much is lost when it is taken away.
 */
const DRIFT = 1e11
const PIECE = 1 << 15 // numbers between two turns

export interface Filter {
  /** Eigenvalues from 0 to here are damped. */
  cut: number
  degree: number
  /** What the last wanted row becomes longer by, while none that is damped does. */
  growth: number
}

/**
 * The polynomial of Chebyshev of a symmetric matrix times each row (count × dim): at most 1 for eigenvalues from 0 to
 * `cut`, and above growing faster than any other polynomial of its degree.
 */
export async function filtered(
  engine: Engine,
  matrix: Panels,
  rows: Float32Array,
  { cut, degree }: Filter,
  turn: () => Promise<void>,
  options: RunOptions,
): Promise<Float32Array> {
  let [before, now] = [rows, rows]
  for (let k = 1; k <= degree; k++) {
    const next = await productsOf(engine, matrix, now, options)
    // T₁(x) = x and Tₖ(x) = 2x · Tₖ₋₁(x) − Tₖ₋₂(x), at x = 2·matrix/cut − 1
    const [times, own, past] = k === 1 ? [2 / cut, 1, 0] : [4 / cut, 2, 1]
    for (let i = 0; i < next.length; i++) {
      next[i] = times * (next[i] as number) - own * (now[i] as number) - past * (before[i] as number)
      if (i % PIECE === 0) await turn()
    }
    ;[before, now] = [now, next]
  }
  return now
}

/**
 * The filter of the highest degree, at most `most`, under which rows sorted by eigenvalue keep their own directions in
 * 32-bit floats; `first` and `last`: the largest eigenvalue and the least one that is wanted.
 */
export function filterFor(first: number, last: number, cut: number, most: number): Filter {
  const growth = (value: number, degree: number): number =>
    Math.cosh(degree * Math.acosh(Math.max(1, (2 * value) / cut - 1)))
  let degree = 1
  while (degree < most && (first / cut) * growth(first, degree + 1) <= DRIFT * growth(last, degree + 1)) degree++
  return { cut, degree, growth: growth(last, degree) }
}
