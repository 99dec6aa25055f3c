import { meanOf } from '../clustering/mean.js'
import type { Engine } from '../engine/engine.js'
import { type Panels, panelsOf } from '../engine/panels.js'
import { toMatrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'
import { planOf } from '../quantizers/registry.js'
import { type ChooseCells, comparingAll, onlyOne } from './choose.js'
import { finishQueries } from './finish.js'
import type { Held } from './held.js'
import { type Model, squaredNorms } from './model.js'
import { searchRows } from './rows.js'
import { buildSegment } from './segment.js'

/** Codes of centroids err by less than a hundredth: so many more than wanted are compared exactly. */
const SPARE = 8
/** Comparing all takes less time with fewer cells per cell that is wanted. */
const WORTH = 32

/**
 * Chooses cells as vectors are found: by 8-bit codes of the centroids, all in one cell, the best compared exactly. A
 * quarter of the bytes, and of the time; which cells are visited hardly ever differs.
 */
export async function byCodes(
  engine: Engine,
  held: Held,
  metric: Metric,
  dim: number,
  rows: Float32Array,
  centroids: Panels,
  { signal }: LongCallOptions,
): Promise<ChooseCells> {
  const nlist = rows.length / dim
  const all = comparingAll(centroids)
  const plan = planOf('SQ8', { opq: undefined })
  if (!plan) throw new Error('8-bit codes are missing')
  const alloc = (bytes: number): number => held.alloc(bytes)
  const center = meanOf(rows, dim)
  // Queries are normalized already, and even a zero centroid has a distance from everything.
  const plain = metric === 'cosine' ? 'ip' : metric
  const one = await panelsOf(engine, alloc, center, dim, { halfNorm: metric === 'l2' }, signal)
  const quantizer = await plan.train({
    ...{ engine, alloc, metric: plain, dim, centroids: center, sample: undefined, seed: 1, options: { signal } },
  })
  const inner: Model = {
    ...{ engine, metric: plain, dim, width: dim, projection: undefined, nlist: 1, rows: center, centroids: one, held },
    ...{
      norms: squaredNorms(center, dim),
      choose: onlyOne(center, metric === 'l2'),
      quantizer,
      exact: false,
      keep: 'f32',
    },
  }
  const segment = await buildSegment(inner, toMatrix(rows, dim, 'centroids'), 0, { signal })
  held.adopt(segment.held)
  return async (scratch, queries, nprobe, options) => {
    const k = nprobe + SPARE
    if (k * WORTH > nlist) return all(scratch, queries, nprobe, options)
    return engine.frame(async (own) => {
      const settings = { k, nprobe: 1, ratioThreshold: 0, rescore: { kind: 'none' } } as const
      const { search, stores } = await searchRows(
        own,
        inner,
        [segment],
        { given: queries, coded: queries },
        settings,
        options,
      )
      await finishQueries(search, stores, { mode: 'exact', reorder: true }, nprobe, options)
      const { nq } = queries
      const [cells, distances] = [new Uint32Array(nq * nprobe), new Float32Array(nq * nprobe)]
      const norms = engine.floats(queries.norms, nq)
      for (let q = 0; q < nq; q++) {
        const heap = search.heaps + q * k * 8
        cells.set(engine.ints(heap + k * 4, nprobe), q * nprobe)
        distances.set(engine.floats(heap, nprobe), q * nprobe)
        if (metric !== 'l2') continue
        // Exact distances of l2 are whole squares.
        for (let i = q * nprobe; i < (q + 1) * nprobe; i++) {
          distances[i] = ((distances[i] as number) - (norms[q] as number)) / 2
        }
      }
      return { cells, distances }
    })
  }
}
