import { type RowsByCell, rowsByCell } from '../../clustering/group.js'
import { trainLloyd } from '../../clustering/lloyd.js'
import { assign } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import { chunkRows, loadRows } from '../../engine/load.js'
import { panelsOf } from '../../engine/panels.js'
import type { Matrix } from '../../engine/vectors.js'
import type { Metric } from '../../options.js'
import type { ProjectionTraining } from '../projection.js'

/** Rows of the sample, cell by cell. */
export interface Cells extends RowsByCell {
  /** The cell of each row. */
  readonly labels: Uint32Array
  readonly nlist: number
  /** nlist × dim */
  readonly centroids: Float32Array
}

/** Cells of their own are found for a projection that comes before the index's: so many, from so many vectors. */
const OWN_CELLS = 256
const OWN_LEAST = 32 // vectors per cell
const OWN = { iterations: 6, pointsPerCentroid: 64 }

/** The cell of each row of the sample: of the centroids that are known, or of some found for this. */
export async function cellsOf(
  { engine, metric, dim, centroids, seed, options: { signal } }: ProjectionTraining,
  sample: Matrix,
): Promise<Cells> {
  const nearness = metric === 'cosine' ? 'cosine' : 'l2'
  let known = centroids
  if (!known) {
    const numCentroids = Math.max(1, Math.min(OWN_CELLS, Math.floor(sample.rows / OWN_LEAST)))
    known = (await trainLloyd(engine, sample, { ...OWN, numCentroids, metric: nearness, seed }, { signal })).centroids
  }
  const labels = await labelsOf(engine, metric, dim, known, sample, signal)
  const nlist = known.length / dim
  return { labels, nlist, centroids: known, ...rowsByCell(labels, nlist) }
}

async function labelsOf(
  engine: Engine,
  metric: Metric,
  dim: number,
  centroids: Float32Array,
  sample: Matrix,
  signal: AbortSignal | undefined,
): Promise<Uint32Array> {
  const labels = new Uint32Array(sample.rows)
  const chunk = Math.min(sample.rows, chunkRows(dim))
  await engine.frame(async (scratch) => {
    const halfNorm = metric !== 'cosine'
    const panels = await panelsOf(engine, (bytes) => scratch.alloc(bytes), centroids, dim, { halfNorm }, signal)
    const [rows, out] = [scratch.alloc(chunk * dim * 4), scratch.alloc(chunk * 4)]
    for (let from = 0; from < sample.rows; from += chunk) {
      const count = Math.min(chunk, sample.rows - from)
      await loadRows(engine, sample, from, from + count, rows, { normalize: !halfNorm, name: 'vectors', signal })
      await assign(engine, panels, { rows, count }, { labels: out, distances: 0 }, { signal })
      labels.set(engine.ints(out, count), from)
    }
  })
  return labels
}
