import type { Engine } from '../engine/engine.js'
import { chunkRows, loadRows } from '../engine/load.js'
import { allocPanels, type Panels, scatter } from '../engine/panels.js'
import type { Matrix } from '../engine/vectors.js'
import { assign, products } from './nearest.js'

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

/** subspaces × n labels: the nearest centroid of each vector's part. */
export async function nearestLabels(
  engine: Engine,
  book: Codebook,
  matrix: Matrix,
  signal?: AbortSignal,
): Promise<Int32Array> {
  const labels = new Int32Array(book.subspaces * matrix.rows)
  await eachPart(engine, book, matrix, signal, async ({ table, rows, from, count, subspace }, scratch) => {
    const out = scratch(count * 4)
    await assign(engine, table, { rows, count }, { labels: out, distances: 0 }, { signal })
    labels.set(engine.ints(out, count), subspace * matrix.rows + from)
  })
  return labels
}

/** subspaces × n × numCentroids scores: the cosine, or the squared L2 distance. */
export async function allScores(
  engine: Engine,
  book: Codebook,
  matrix: Matrix,
  signal?: AbortSignal,
): Promise<Float32Array> {
  const k = book.numCentroids
  const scores = new Float32Array(book.subspaces * matrix.rows * k)
  await eachPart(engine, book, matrix, signal, async ({ table, rows, norms, from, count, subspace }, scratch) => {
    const out = scratch(count * k * 4)
    await products(engine, table, { rows, count }, k, out, { signal })
    const found = engine.floats(out, count * k)
    if (book.metric === 'l2') {
      const bias = engine.floats(table.bias, k)
      const norm = engine.floats(norms, count)
      found.forEach((product, i) => {
        found[i] = Math.max(0, (norm[Math.floor(i / k)] as number) + 2 * ((bias[i % k] as number) - product))
      })
    }
    scores.set(found, (subspace * matrix.rows + from) * k)
  })
  return scores
}

interface Part {
  table: Panels
  rows: number
  norms: number
  from: number
  count: number
  subspace: number
}

async function eachPart(
  engine: Engine,
  { centroids, subspaces, numCentroids, dim, metric }: Codebook,
  matrix: Matrix,
  signal: AbortSignal | undefined,
  visit: (part: Part, alloc: (bytes: number) => number) => Promise<void>,
): Promise<void> {
  const width = dim / subspaces
  const chunk = Math.max(1, Math.min(matrix.rows, Math.floor(chunkRows(dim + subspaces * numCentroids))))
  await engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const tables: Panels[] = []
    for (let s = 0; s < subspaces; s++) {
      const rows = alloc(numCentroids * width * 4)
      engine
        .floats(rows, numCentroids * width)
        .set(centroids.subarray(s * numCentroids * width, (s + 1) * numCentroids * width))
      const table = allocPanels(engine, alloc, numCentroids, width)
      await scatter(
        engine,
        table,
        { rows, count: numCentroids, slots: 0, first: 0, halfNorm: metric === 'l2', dropZero: false },
        signal,
      )
      tables.push(table)
    }
    const rows = alloc(chunk * dim * 4)
    const norms = alloc(chunk * 4)
    for (let from = 0; from < matrix.rows; from += chunk) {
      const to = Math.min(from + chunk, matrix.rows)
      for (const [subspace, table] of tables.entries()) {
        const own = columns(matrix, subspace * width, width)
        await loadRows(engine, own, from, to, rows, { normalize: metric === 'cosine', norms, name: 'vectors', signal })
        await engine.frame((inner) =>
          visit({ table, rows, norms, from, count: to - from, subspace }, (bytes) => inner.alloc(bytes)),
        )
      }
    }
  })
}

/** Columns first … first + width of a matrix. */
function columns(matrix: Matrix, first: number, width: number): Matrix {
  if (width === matrix.dim) return matrix
  return {
    rows: matrix.rows,
    dim: width,
    copy(from, to, target) {
      const whole = new Float32Array((to - from) * matrix.dim)
      matrix.copy(from, to, whole)
      for (let i = 0; i < to - from; i++)
        target.set(whole.subarray(i * matrix.dim + first, i * matrix.dim + first + width), i * width)
    },
  }
}
