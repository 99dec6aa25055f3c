import { nearestCells } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import { loadAll } from '../../engine/load.js'
import { allocPanels, scatter } from '../../engine/panels.js'
import type { Matrix } from '../../engine/vectors.js'
import type { Metric } from '../../options.js'
import { placeProjection, projected } from '../place.js'
import type { ProjectionParameters } from '../projection.js'

/** Tells how much a projection keeps of who is near whom. */
export interface Judge {
  /** Mean recall@10 of the queries among the base by projected vectors, of their neighbours by the vectors themselves. */
  recall(parameters: ProjectionParameters): Promise<number>
}

const NEIGHBOURS = 10

/** Compares with the true neighbours of these queries among these vectors. */
export async function judgeOf(
  engine: Engine,
  metric: Metric,
  queries: Matrix,
  base: Matrix,
  signal: AbortSignal | undefined,
): Promise<Judge> {
  const k = Math.min(NEIGHBOURS, base.rows)
  const truth = await neighbours()
  return {
    async recall(parameters) {
      const found = await neighbours(parameters)
      let hits = 0
      for (let q = 0; q < queries.rows; q++) {
        const wanted = new Set(truth.subarray(q * k, (q + 1) * k))
        for (const row of found.subarray(q * k, (q + 1) * k)) if (wanted.has(row)) hits++
      }
      return hits / truth.length
    },
  }

  /** queries × k rows of the base, nearest first. */
  function neighbours(parameters?: ProjectionParameters): Promise<Uint32Array> {
    return engine.frame(async (scratch) => {
      const load = { normalize: metric === 'cosine', name: 'vectors', signal }
      const alloc = (bytes: number): number => scratch.alloc(bytes)
      const place = parameters && (await placeProjection(engine, alloc, parameters, signal))
      const width = parameters?.width ?? base.dim
      const rowsOf = async (matrix: Matrix): Promise<number> => {
        const rows = await loadAll(scratch, matrix, load)
        return place ? projected(scratch, place, rows, matrix.rows, { name: 'vectors', signal }) : rows
      }
      const panels = allocPanels(engine, alloc, base.rows, width)
      const own = { rows: await rowsOf(base), count: base.rows, first: 0 }
      await scatter(engine, panels, { ...own, halfNorm: metric === 'l2', dropZero: false }, { signal })
      const out = scratch.alloc(queries.rows * k * 8)
      const found = { labels: out, distances: out + queries.rows * k * 4 }
      await nearestCells(engine, panels, { rows: await rowsOf(queries), count: queries.rows }, found, k, { signal })
      return engine.ints(out, queries.rows * k).slice()
    })
  }
}
