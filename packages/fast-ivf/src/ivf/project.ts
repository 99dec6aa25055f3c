import { sampleRows } from '../clustering/sample.js'
import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { chunkRows, type LoadOptions, loadRows } from '../engine/load.js'
import { type Matrix, toMatrix } from '../engine/vectors.js'
import { type Projection, project } from '../projections/place.js'
import type { Model } from './model.js'

/** Room for rows as they are given, and as codes see them: the same where nothing is projected. */
export interface RowBuffers {
  /** Address: count × dim. */
  readonly given: number
  /** Address: count × width. */
  readonly coded: number
}

export function allocRows(scratch: Scratch, { dim, width, projection }: Model, count: number): RowBuffers {
  const given = scratch.alloc(count * dim * 4)
  return { given, coded: projection ? scratch.alloc(count * width * 4) : given }
}

/** Loads rows from … to, and projects them. `codedNorms`: address for the squared norms of what is encoded, or 0. */
export async function loadProjected(
  { engine, metric, projection }: Model,
  matrix: Matrix,
  from: number,
  to: number,
  { given, coded }: RowBuffers,
  options: Omit<LoadOptions, 'normalize'> & { codedNorms?: number },
): Promise<void> {
  const { codedNorms = 0, ...load } = options
  await loadRows(engine, matrix, from, to, given, { ...load, normalize: metric === 'cosine' })
  if (!projection) return
  const origin = (row: number): number => matrix.origin?.(from + row) ?? from + row
  const { name, signal } = load
  await project(engine, projection.place, given, to - from, coded, { name, origin, norms: codedNorms, signal })
}

/** What becomes of the rows of a matrix: rows × width. */
export async function projectRows(
  engine: Engine,
  projection: Projection,
  matrix: Matrix,
  { signal, name = 'vectors' }: RunOptions & { name?: string },
): Promise<Float32Array> {
  const { dim, width, metric } = projection.parameters
  const data = new Float32Array(matrix.rows * width)
  const chunk = Math.min(matrix.rows, chunkRows(dim))
  await engine.frame(async (scratch) => {
    const [rows, out] = [scratch.alloc(chunk * dim * 4), scratch.alloc(chunk * width * 4)]
    for (let from = 0; from < matrix.rows; from += chunk) {
      const count = Math.min(chunk, matrix.rows - from)
      const load = { normalize: metric === 'cosine', name, signal }
      await loadRows(engine, matrix, from, from + count, rows, load)
      const origin = (row: number): number => matrix.origin?.(from + row) ?? from + row
      await project(engine, projection, rows, count, out, { name, origin, signal })
      data.set(engine.floats(out, count * width), from * width)
    }
  })
  return data
}

/** Quantizers learn from at most so many projected vectors. */
const MOST = 65536

/** At most `most` rows of a sample, projected. */
export async function projectSample(
  engine: Engine,
  projection: Projection,
  sample: Matrix,
  seed: number,
  signal: AbortSignal | undefined,
  most: number = MOST,
): Promise<Matrix> {
  const rows = sample.rows > most ? sampleRows(sample, most, seed) : sample
  return toMatrix(await projectRows(engine, projection, rows, { signal }), projection.parameters.width, 'vectors')
}
