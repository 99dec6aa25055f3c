import { nearestLabels } from '../../clustering/codebook.js'
import { type RowsByCell, rowsByCell } from '../../clustering/group.js'
import { trainLloyd } from '../../clustering/lloyd.js'
import type { Matrix } from '../../engine/vectors.js'
import type { ProjectionTraining } from '../projection.js'

/** Rows of the sample, cell by cell. */
export interface Cells extends RowsByCell {
  /** The cell of each row. */
  readonly labels: Int32Array
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
  const nlist = known.length / dim
  const book = { centroids: known, subspaces: 1, numCentroids: nlist, dim, metric: nearness } as const
  const labels = await nearestLabels(engine, book, sample, { signal })
  return { labels, nlist, centroids: known, ...rowsByCell(labels, nlist) }
}
