import type { Engine, Scratch } from '../engine/engine.js'
import { chunkRows, loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'

/** Rows from … in engine memory, prepared. */
export interface Chunk {
  /** Address: count × dim. */
  readonly rows: number
  /** Address: count squared norms. */
  readonly norms: number
  readonly from: number
  readonly count: number
}

/** Loads all rows, a chunk at a time, so that memory holds no copy of them; with scratch that is freed after each. */
export async function eachChunk(
  engine: Engine,
  matrix: Matrix,
  normalize: boolean,
  signal: AbortSignal | undefined,
  work: (scratch: Scratch, chunk: Chunk) => Promise<void>,
): Promise<void> {
  const { dim } = matrix
  const most = Math.min(matrix.rows, chunkRows(dim))
  await engine.frame(async (scratch) => {
    const [rows, norms] = [scratch.alloc(most * dim * 4), scratch.alloc(most * 4)]
    for (let from = 0; from < matrix.rows; from += most) {
      const to = Math.min(from + most, matrix.rows)
      await loadRows(engine, matrix, from, to, rows, { normalize, norms, name: 'vectors', signal })
      await engine.frame((own) => work(own, { rows, norms, from, count: to - from }))
    }
  })
}
