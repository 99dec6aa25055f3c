import type { Engine } from '../engine/engine.js'
import { loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import { addSquare, productRows } from './cross-products.js'

export interface MomentOptions {
  /** Each row is divided by its norm first. */
  normalize: boolean
  /** About the mean: the covariance. */
  centred: boolean
  /** What the rows are called in an error. */
  name: string
  signal?: AbortSignal | undefined
}

export interface Moments {
  /** dim */
  mean: Float64Array
  /** dim × dim, symmetric: the mean of x·xᵀ; if centred of (x − mean)·(x − mean)ᵀ. */
  products: Float64Array
}

/**
 * Mean and second moments of the rows, of which there is at least one. They are read once, chunk by chunk, and taken
 * less the mean of the first chunk, so that little is lost where the mean is long and what is about it short.
 *
 * @throws IvfError ERR_NOT_FINITE
 */
export async function secondMoments(engine: Engine, matrix: Matrix, options: MomentOptions): Promise<Moments> {
  const { dim, rows: count } = matrix
  const { normalize, centred, name, signal } = options
  const turn = engine.pace(signal)
  const [sums, products] = [new Float64Array(dim), new Float64Array(dim * dim)]
  const origin = new Float32Array(dim)
  const chunk = Math.min(count, productRows(dim))
  const rows = new Float32Array(chunk * dim)
  for (let from = 0; from < count; from += chunk) {
    const length = Math.min(chunk, count - from)
    const part = rows.subarray(0, length * dim)
    await engine.frame(async (scratch) => {
      const at = scratch.alloc(part.byteLength)
      await loadRows(engine, matrix, from, from + length, at, { normalize, name, signal })
      part.set(engine.floats(at, part.length))
    })
    if (centred && from === 0) {
      const first = new Float64Array(dim)
      await addRows(first, part, turn)
      first.forEach((sum, j) => {
        origin[j] = sum / length
      })
    }
    if (centred) await subtract(part, origin, turn)
    await addRows(sums, part, turn)
    await addSquare(engine, products, part, dim, turn, { signal })
  }
  for (let i = 0; i < dim; i++) {
    if (Number.isFinite(products[i * dim + i])) continue
    throw new IvfError(
      'ERR_NOT_FINITE',
      `the squares of ${name} add up to more than 32-bit floats hold; scale the vectors down`,
    )
  }
  const left = sums.map((sum) => sum / count)
  for (let i = 0; i < dim; i++) {
    for (let j = i; j < dim; j++) {
      const moved = centred ? (left[i] as number) * (left[j] as number) : 0
      const value = (products[i * dim + j] as number) / count - moved
      products[i * dim + j] = value
      products[j * dim + i] = value
    }
    await turn()
  }
  return { mean: left.map((value, j) => value + (origin[j] as number)), products }
}

const PIECE = 256 // rows between two turns

async function addRows(sums: Float64Array, rows: Float32Array, turn: () => Promise<void>): Promise<void> {
  const dim = sums.length
  for (let from = 0; from < rows.length; from += dim) {
    for (let j = 0; j < dim; j++) sums[j] = (sums[j] as number) + (rows[from + j] as number)
    if (from % (PIECE * dim) === 0) await turn()
  }
}

async function subtract(rows: Float32Array, origin: Float32Array, turn: () => Promise<void>): Promise<void> {
  const dim = origin.length
  for (let from = 0; from < rows.length; from += dim) {
    for (let j = 0; j < dim; j++) rows[from + j] = (rows[from + j] as number) - (origin[j] as number)
    if (from % (PIECE * dim) === 0) await turn()
  }
}
