import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { subspaceEigenvectors, subspaceRows } from './subspace.js'
import { type Eigenvectors, symmetricEigenvectors } from './symmetric.js'

/** From this dim on, and up to this part of all, some eigenvectors are found sooner than all. */
const LARGE = 384
const SOME = 0.6

/**
 * The `count` largest eigenvalues of a symmetric matrix (dim × dim), largest first, and their eigenvectors (count ×
 * dim), which are orthonormal; in each the component of largest magnitude, of equals the first, is positive. Where a
 * few of many are wanted, no eigenvalue may be negative, values are exact to some 1e-6 of the largest, and vectors so
 * far as they tell: what they capture, the sum of their values, is at most 1e-4 of it less than can be.
 *
 * @throws IvfError ERR_NOT_FINITE
 */
export async function topEigenvectors(
  engine: Engine,
  matrix: Float64Array,
  dim: number,
  count: number,
  seed: number,
  options: RunOptions = {},
): Promise<Eigenvectors> {
  const turn = engine.pace(options.signal)
  const some = dim >= LARGE && subspaceRows(count) <= SOME * dim
  const found = some
    ? await subspaceEigenvectors(engine, matrix, dim, count, seed, turn, options)
    : await symmetricEigenvectors(matrix, dim, count, turn)
  for (let at = 0; at < found.vectors.length; at += dim) {
    fixSign(found.vectors.subarray(at, at + dim))
    await turn()
  }
  return found
}

function fixSign(row: Float32Array): void {
  let most = 0
  for (let k = 0; k < row.length; k++) if (Math.abs(row[k] as number) > Math.abs(most)) most = row[k] as number
  if (most < 0) for (let k = 0; k < row.length; k++) row[k] = 0 - (row[k] as number) // not −0
}
