import { readBatches } from '../clustering/batches.js'
import { copyOf, isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from '../engine/vectors.js'

/**
 * The vectors as matrices: an array is one; batches are copied together until at least `rows` are there (the producer
 * may reuse its buffers), so that each matrix is worth a segment.
 */
export async function* collectBatches(
  vectors: Vectors | VectorBatches,
  dim: number,
  rows: number,
  signal?: AbortSignal,
): AsyncGenerator<Matrix, undefined> {
  if (!isBatches(vectors)) {
    yield toMatrix(vectors, dim, 'vectors')
    return undefined
  }
  let parts: Float32Array[] = []
  let held = 0
  let first = 0
  for await (const matrix of readBatches(vectors, dim, signal)) {
    parts.push(copyOf(matrix))
    held += matrix.rows
    if (held < rows) continue
    yield joined(parts, dim, first)
    first += held
    parts = []
    held = 0
  }
  if (held > 0) yield joined(parts, dim, first)
  return undefined
}

/** `first`, then the rest. */
export async function* startingWith(first: Matrix, rest: AsyncIterable<Matrix>): AsyncGenerator<Matrix, void> {
  yield first
  yield* rest
}

function joined(parts: Float32Array[], dim: number, first: number): Matrix {
  const ends: number[] = []
  let rows = 0
  for (const part of parts) {
    rows += part.length / dim
    ends.push(rows)
  }
  return {
    rows,
    dim,
    origin: (row) => first + row,
    copy(from, to, target) {
      let at = from
      while (at < to) {
        const i = ends.findIndex((end) => end > at)
        const part = parts[i] as Float32Array
        const start = (ends[i] as number) - part.length / dim
        const until = Math.min(to, ends[i] as number)
        target.set(part.subarray((at - start) * dim, (until - start) * dim), (at - from) * dim)
        at = until
      }
    },
  }
}
