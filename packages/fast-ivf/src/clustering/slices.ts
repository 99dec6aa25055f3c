import type { Engine } from '../engine/engine.js'
import { type LoadOptions, loadRows } from '../engine/load.js'
import type { Matrix } from '../engine/vectors.js'

/**
 * Loads rows cut into `spaces` subvectors. at: spaces × count × (dim / spaces); norms: spaces × count. Normalization
 * is of each subvector.
 *
 * @throws IvfError ERR_NOT_FINITE
 */
export async function loadSlices(
  engine: Engine,
  matrix: Matrix,
  spaces: number,
  from: number,
  to: number,
  at: number,
  options: LoadOptions,
): Promise<void> {
  if (spaces === 1) return loadRows(engine, matrix, from, to, at, options)
  const { dim } = matrix
  const { normalize, norms = 0, signal } = options
  const count = to - from
  await engine.frame(async (scratch) => {
    const rows = scratch.alloc(count * dim * 4)
    await loadRows(engine, matrix, from, to, rows, { ...options, normalize: false, norms: 0 })
    slice(engine.floats(rows, count * dim), engine.floats(at, count * dim), count, dim / spaces)
    if (!normalize && !norms) return
    const cost = count * dim
    const bad = scratch.zeros(16 * engine.lanes(cost)) // the rows are finite, so are their slices
    const record = scratch.record('Rows', {
      rows: at,
      dim: dim / spaces,
      count: count * spaces,
      block: 64,
      norms,
      normalize: normalize ? 1 : 0,
      bad,
    })
    await engine.run({ kernel: 'prepareRows', record, count: Math.ceil((count * spaces) / 64) }, { cost, signal })
  })
}

/** rows: count × (spaces · width) → slices: spaces × count × width */
function slice(rows: Float32Array, slices: Float32Array, count: number, width: number): void {
  const dim = rows.length / count
  let to = 0
  for (let first = 0; first < dim; first += width) {
    for (let i = 0; i < count; i++) {
      const from = i * dim + first
      for (let j = 0; j < width; j++) slices[to++] = rows[from + j] as number
    }
  }
}
