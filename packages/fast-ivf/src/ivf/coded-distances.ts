import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { QueryRows } from './choose.js'
import type { Model, ModelProjection } from './model.js'

/** nq × nprobe: how far queries are from the centroids of their cells where codes are, when cells are elsewhere. */
export function codedDistances(
  engine: Engine,
  { width }: Model,
  { centroids, bias }: ModelProjection,
  { rows: queries, nq }: QueryRows,
  { cells, nprobe }: { cells: Uint32Array; nprobe: number },
  options: RunOptions,
): Promise<Float32Array> {
  return engine.frame(async (scratch) => {
    const [at, out] = [scratch.alloc(nq * nprobe * 4), scratch.alloc(nq * nprobe * 4)]
    engine.ints(at, nq * nprobe).set(cells)
    const record = scratch.record('CellPairs', { queries, dim: width, cells: at, nprobe, centroids, bias, out })
    await engine.run({ kernel: 'compareCells', record, count: nq }, { cost: nq * nprobe * width, ...options })
    return engine.floats(out, nq * nprobe).slice()
  })
}
