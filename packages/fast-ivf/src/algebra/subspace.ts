import { seeded } from '../clustering/random.js'
import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { type Panels, panelsOf } from '../engine/panels.js'
import { filtered, filterFor } from './chebyshev.js'
import { placeColumns } from './columns.js'
import { productsOf } from './multiply.js'
import { orthonormalRows } from './orthonormal.js'
import { orthonormalBlocks } from './orthonormal-blocks.js'
import { type Eigenvectors, largestEntry, symmetricEigenvectors } from './symmetric.js'

const ROUNDS = 12
const DEGREES = 8 // of the filters of a round: so often is the matrix applied
/** What may be left to capture: of the sum of the eigenvalues after the first, and of all. */
const LEFT = 3e-6
const NOISE = 1e-6 // what rounding to 32 bits adds or takes, at most
const PIECE = 1 << 15 // numbers between two turns

/** Rows that are iterated, so that the last of `count` is well told from what is left out. */
export function subspaceRows(count: number): number {
  return Math.ceil((count + Math.max(16, count / 8)) / 16) * 16
}

/**
 * The largest eigenvalues, and their eigenvectors, of a symmetric matrix (dim × dim) without negative ones, such as a
 * covariance, in products of 32-bit floats. A block of rows is filtered by a polynomial that is small up to the least
 * eigenvalue in the block, made orthonormal, and turned to the eigenvectors of the matrix within it (Y. Zhou, Y. Saad,
 * M. Tiago, J. Chelikowsky, "Self-consistent-field calculations using Chebyshev-filtered subspace iteration", 2006),
 * until no more is captured. Values are exact to some 1e-6 of the largest.
 */
export async function subspaceEigenvectors(
  engine: Engine,
  matrix: Float64Array,
  dim: number,
  count: number,
  seed: number,
  turn: () => Promise<void>,
  options: RunOptions,
): Promise<Eigenvectors> {
  const width = subspaceRows(count)
  const size = await largestEntry(matrix, turn)
  const floats = await scaled(matrix, size > 0 ? size : 1, turn)
  const start = await randomRows(width * dim, seed, turn)
  return engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const panels = await panelsOf(engine, alloc, floats, dim, { halfNorm: false }, options.signal)
    const applied = await productsOf(engine, panels, start, options)
    let rows = await orthonormalBlocks(engine, applied, dim, seed, turn, options)
    let captured = 0
    let damping = 0.5 // of what is not wanted, in squares, by the round before
    for (let round = 0; ; round++) {
      const inner = await within(engine, panels, rows, options)
      const { values, vectors } = await symmetricEigenvectors(inner, width, width, turn)
      const sum = values.subarray(0, count).reduce((sum, value) => sum + value, 0)
      const [first, last] = [values[0] as number, values[count - 1] as number]
      const left = ((sum - captured) * damping) / (1 - damping)
      if (round === ROUNDS || (round > 0 && left <= LEFT * (sum - first) + NOISE * sum)) {
        rows = await combined(engine, vectors.subarray(0, count * width), rows, dim, options)
        return {
          values: values.slice(0, count).map((value) => Math.max(0, value * size)),
          vectors: await orthonormalRows(rows, dim, seed, turn),
        }
      }
      captured = sum
      rows = await combined(engine, vectors, rows, dim, options)
      const filter = filterFor(first, last, Math.max(values[width - 1] as number, NOISE * first), DEGREES)
      const passes = Math.ceil(DEGREES / filter.degree)
      for (let pass = 0; pass < passes; pass++) {
        rows = await filtered(engine, panels, rows, filter, turn, options)
        rows = await orthonormalBlocks(engine, rows, dim, seed, turn, options)
      }
      // The first cut is far too low: its filter does less than it promises.
      damping = round === 0 ? 0.5 : Math.min(0.5, filter.growth ** (-2 * passes))
    }
  })
}

/** rows · matrix · rowsᵀ, symmetric: the matrix as it is within the space of these rows. */
async function within(engine: Engine, matrix: Panels, rows: Float32Array, options: RunOptions): Promise<Float64Array> {
  const width = rows.length / matrix.dim
  const applied = await productsOf(engine, matrix, rows, options)
  const found = await engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const panels = await panelsOf(engine, alloc, rows, matrix.dim, { halfNorm: false }, options.signal)
    return productsOf(engine, panels, applied, options)
  })
  const square = new Float64Array(width * width)
  for (let i = 0; i < width; i++) {
    for (let j = 0; j < width; j++) {
      square[i * width + j] = ((found[i * width + j] as number) + (found[j * width + i] as number)) / 2
    }
  }
  return square
}

/** Sums of rows (width × dim) by weights (count × width). */
function combined(
  engine: Engine,
  weights: Float32Array,
  rows: Float32Array,
  dim: number,
  options: RunOptions,
): Promise<Float32Array> {
  return engine.frame((scratch) => {
    const panels = placeColumns(engine, (bytes) => scratch.alloc(bytes), rows, rows.length / dim, dim)
    return productsOf(engine, panels, weights, options)
  })
}

async function scaled(matrix: Float64Array, size: number, turn: () => Promise<void>): Promise<Float32Array> {
  const floats = new Float32Array(matrix.length)
  for (let i = 0; i < floats.length; i++) {
    floats[i] = (matrix[i] as number) / size
    if (i % PIECE === 0) await turn()
  }
  return floats
}

async function randomRows(length: number, seed: number, turn: () => Promise<void>): Promise<Float32Array> {
  const random = seeded(seed)
  const rows = new Float32Array(length)
  for (let i = 0; i < length; i++) {
    rows[i] = random.below(1 << 24) / (1 << 23) - 1
    if (i % PIECE === 0) await turn()
  }
  return rows
}
