import { IvfError } from '../errors.js'
import { diagonalize } from './implicit-shifts.js'
import { tridiagonalize } from './tridiagonal.js'

export interface Eigenvectors {
  /** count, the largest first. */
  values: Float64Array
  /** count × dim: orthonormal rows. */
  vectors: Float32Array
}

const PIECE = 1 << 15 // numbers between two turns

/** The largest eigenvalues of a symmetric matrix (n × n) and their eigenvectors, all computed in 64 bits. */
export async function symmetricEigenvectors(
  matrix: Float64Array,
  n: number,
  count: number,
  turn: () => Promise<void>,
): Promise<Eigenvectors> {
  const size = await largestEntry(matrix, turn)
  const scaled = new Float64Array(n * n)
  // Around 1 no square is too large or too small.
  for (let i = 0; i < n * n && size > 0; i++) {
    scaled[i] = (matrix[i] as number) / size
    if (i % PIECE === 0) await turn()
  }
  const form = await tridiagonalize(scaled, n, turn)
  await diagonalize(form, turn)
  const { diagonal, basis } = form
  const order = Array.from(diagonal, (_, i) => i).sort(
    (a, b) => (diagonal[b] as number) - (diagonal[a] as number) || a - b,
  )
  const values = new Float64Array(count)
  const vectors = new Float32Array(count * n)
  order.slice(0, count).forEach((row, i) => {
    values[i] = (diagonal[row] as number) * size
    vectors.set(basis.subarray(row * n, (row + 1) * n), i * n)
  })
  return { values, vectors }
}

/** The largest magnitude. @throws IvfError ERR_NOT_FINITE */
export async function largestEntry(matrix: Float64Array, turn: () => Promise<void>): Promise<number> {
  let largest = 0
  for (let i = 0; i < matrix.length; i++) {
    const value = Math.abs(matrix[i] as number)
    // Written so that NaN counts as the largest.
    if (!(value <= largest)) largest = value
    if (!(largest < Number.POSITIVE_INFINITY)) break
    if (i % PIECE === 0) await turn()
  }
  if (largest < Number.POSITIVE_INFINITY) return largest
  throw new IvfError('ERR_NOT_FINITE', 'a matrix holds NaN or Infinity, so that it has no eigenvectors')
}
