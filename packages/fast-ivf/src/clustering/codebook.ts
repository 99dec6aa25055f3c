import type { Engine, Scratch } from '../engine/engine.js'
import { chunkRows } from '../engine/load.js'
import { type Panels, panelsOf } from '../engine/panels.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import { assign, products } from './nearest.js'
import { loadSlices } from './slices.js'

/** Trained centroids of one or more subspaces, and what is nearest to them. */
export interface Codebook {
  /** subspaces × numCentroids × (dim / subspaces) */
  centroids: Float32Array
  history: number[]
  subspaces: number
  numCentroids: number
  dim: number
  metric: 'cosine' | 'l2'
}

export interface ReadOptions {
  signal?: AbortSignal | undefined
  /** Rows done so far. */
  onRows?: ((done: number) => void) | undefined
}

/** subspaces × n labels: the nearest centroid of each vector's part. */
export async function nearestLabels(
  engine: Engine,
  book: Omit<Codebook, 'history'>,
  matrix: Matrix,
  options: ReadOptions,
): Promise<Int32Array> {
  const { signal } = options
  const labels = new Int32Array(book.subspaces * matrix.rows)
  await eachPart(engine, book, matrix, book.dim, options, async ({ table, rows, from, count, subspace }, scratch) => {
    const out = scratch.alloc(count * 4)
    await assign(engine, table, { rows, count }, { labels: out, distances: 0 }, { signal })
    labels.set(engine.ints(out, count), subspace * matrix.rows + from)
  })
  return labels
}

/** subspaces × n × numCentroids scores: the cosine, or the squared L2 distance. @throws IvfError ERR_MEMORY */
export async function allScores(
  engine: Engine,
  book: Omit<Codebook, 'history'>,
  matrix: Matrix,
  options: ReadOptions,
): Promise<Float32Array> {
  const { signal } = options
  const k = book.numCentroids
  const scores = floats(book.subspaces * matrix.rows * k)
  await eachPart(
    engine,
    book,
    matrix,
    book.dim + book.subspaces * k,
    options,
    async ({ table, rows, norms, from, count, subspace }, scratch) => {
      const out = scratch.alloc(count * k * 4)
      await products(engine, table, { rows, count }, k, out, { signal })
      const found = engine.floats(out, count * k)
      if (book.metric === 'l2') toDistances(found, engine.floats(norms, count), engine.floats(table.bias, k))
      scores.set(found, (subspace * matrix.rows + from) * k)
    },
  )
  return scores
}

/** products: norms.length × halfNorms.length, in place: ‖x‖² − 2⟨x, c⟩ + ‖c‖², never below 0. */
function toDistances(products: Float32Array, norms: Float32Array, halfNorms: Float32Array): void {
  let at = 0
  for (const norm of norms) {
    for (const half of halfNorms) {
      products[at] = Math.max(0, norm + 2 * (half - (products[at] as number)))
      at++
    }
  }
}

function floats(length: number): Float32Array {
  try {
    return new Float32Array(length)
  } catch (cause) {
    throw new IvfError(
      'ERR_MEMORY',
      `${Math.ceil((length * 4) / 1e6)} MB for the scores could not be had; ask for the scores of fewer vectors at a time`,
      { cause },
    )
  }
}

interface Part {
  table: Panels
  rows: number
  norms: number
  from: number
  count: number
  subspace: number
}

/** Visits the rows in chunks of `floatsPerRow` · n floats, each subspace after the other. */
async function eachPart(
  engine: Engine,
  { centroids, subspaces, numCentroids, dim, metric }: Omit<Codebook, 'history'>,
  matrix: Matrix,
  floatsPerRow: number,
  { signal, onRows }: ReadOptions,
  visit: (part: Part, scratch: Scratch) => Promise<void>,
): Promise<void> {
  const width = dim / subspaces
  const chunk = Math.max(1, Math.min(matrix.rows, chunkRows(floatsPerRow)))
  await engine.frame(async (scratch) => {
    const tables: Panels[] = []
    for (let s = 0; s < subspaces; s++) {
      const own = centroids.subarray(s * numCentroids * width, (s + 1) * numCentroids * width)
      const alloc = (bytes: number): number => scratch.alloc(bytes)
      tables.push(await panelsOf(engine, alloc, own, width, { halfNorm: metric === 'l2' }, signal))
    }
    const slices = scratch.alloc(chunk * dim * 4)
    const norms = metric === 'l2' ? scratch.alloc(chunk * subspaces * 4) : 0
    for (let from = 0; from < matrix.rows; from += chunk) {
      const count = Math.min(chunk, matrix.rows - from)
      await loadSlices(engine, matrix, subspaces, from, from + count, slices, {
        normalize: metric === 'cosine',
        norms,
        name: 'vectors',
        signal,
      })
      for (const [subspace, table] of tables.entries()) {
        const part = {
          table,
          rows: slices + subspace * count * width * 4,
          norms: norms + subspace * count * 4,
          from,
          count,
          subspace,
        }
        await engine.frame((inner) => visit(part, inner))
      }
      onRows?.(from + count)
    }
  })
}
