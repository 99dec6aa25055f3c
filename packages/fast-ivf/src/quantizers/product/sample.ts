import { type AssignRows, assigningAll } from '../../clustering/nearest.js'
import { sampleRows } from '../../clustering/sample.js'
import { chunkRows, loadRows } from '../../engine/load.js'
import { panelsOf } from '../../engine/panels.js'
import type { Matrix } from '../../engine/vectors.js'
import { IvfError } from '../../errors.js'
import type { QuantizerTraining } from '../quantizer.js'

/**
 * What codebooks learn from: at most `most` vectors of the sample, normalized for cosine; `residual`: what is left of
 * them after the nearest centroid is taken away.
 */
export async function trainingRows(
  { engine, metric, dim, centroids, sample, assign: given, seed, options: { signal } }: QuantizerTraining,
  residual: boolean,
  most: number,
): Promise<Matrix> {
  if (!sample) {
    throw new IvfError('ERR_TOO_FEW', 'codebooks are learned from vectors, and there are none; give codebooks')
  }
  const matrix = sampleRows(sample, most, seed)
  const data = new Float32Array(matrix.rows * dim)
  const chunk = Math.min(matrix.rows, chunkRows(dim))
  await engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const assign = residual ? (given ?? (await comparingAll())) : undefined
    const rows = scratch.alloc(chunk * dim * 4)
    const labels = scratch.alloc(chunk * 4)
    for (let from = 0; from < matrix.rows; from += chunk) {
      const count = Math.min(chunk, matrix.rows - from)
      await loadRows(engine, matrix, from, from + count, rows, {
        normalize: metric === 'cosine',
        name: 'vectors',
        signal,
      })
      await assign?.({ rows, count }, labels, { signal })
      const target = data.subarray(from * dim, (from + count) * dim)
      target.set(engine.floats(rows, count * dim))
      if (assign) subtract(target, centroids, engine.ints(labels, count), dim)
    }

    async function comparingAll(): Promise<AssignRows> {
      const panels = await panelsOf(engine, alloc, centroids, dim, { halfNorm: metric !== 'cosine' }, signal)
      return assigningAll(engine, panels)
    }
  })
  return {
    rows: matrix.rows,
    dim,
    copy: (from, to, target) => target.set(data.subarray(from * dim, to * dim)),
  }
}

function subtract(rows: Float32Array, centroids: Float32Array, cells: Uint32Array, dim: number): void {
  cells.forEach((cell, i) => {
    for (let j = 0; j < dim; j++)
      rows[i * dim + j] = (rows[i * dim + j] as number) - (centroids[cell * dim + j] as number)
  })
}
