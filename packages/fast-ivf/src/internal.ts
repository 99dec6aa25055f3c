/** For our own benchmarks; not covered by semantic versioning. */
import { products } from './clustering/nearest.js'
import { allocPanels, panelsOf, scatter } from './engine/panels.js'
import { toMatrix, type Vectors } from './engine/vectors.js'
import type { Id } from './index.js'
import type { InvertedFile } from './inverted-file.js'
import { comparingAll } from './ivf/choose.js'
import { loadQueries } from './ivf/query-blocks.js'
import { searchSegments } from './ivf/search.js'
import type { SearchResult } from './result.js'
import { createEngine, type RuntimeOptions } from './runtime.js'

export { createLog, openLog } from './storage/log.js'

export interface GemmBenchOptions extends RuntimeOptions {
  nq: number
  n: number
  dim: number
  repeats: number
}

/** The rate of the bare product kernel: nq × dim by dim × n, the best of `repeats` runs. */
export async function benchGemm({
  nq,
  n,
  dim,
  repeats,
  ...options
}: GemmBenchOptions): Promise<{ gflops: number; ms: number }> {
  const engine = await createEngine(options)
  try {
    return await engine.frame(async (scratch) => {
      const rows = scratch.alloc(Math.max(nq, n) * dim * 4)
      engine.floats(rows, Math.max(nq, n) * dim).forEach((_, i, all) => {
        all[i] = Math.sin(i)
      })
      const panels = allocPanels(engine, (bytes) => scratch.alloc(bytes), n, dim)
      await scatter(engine, panels, { rows, count: n, first: 0, halfNorm: false, dropZero: false })
      const out = scratch.alloc(nq * n * 4)
      let ms = Number.POSITIVE_INFINITY
      for (let i = 0; i < repeats; i++) {
        const start = performance.now()
        await products(engine, panels, { rows, count: nq }, n, out)
        ms = Math.min(ms, performance.now() - start)
      }
      return { gflops: (2 * nq * n * dim) / ms / 1e6, ms }
    })
  } finally {
    engine.close()
  }
}

/** One way of choosing cells. */
export interface CoarseBench {
  /** Centroids compared with a query, super-cells' among them, as a share of all. */
  compared: number
  /** Of choosing the cells of all queries, the best of the repeats. */
  seconds: number
  result: SearchResult
}

/** Cells chosen as the index chooses them, and by comparing all centroids: the same index, of exact vectors. */
export function benchCoarse<I extends Id>(
  index: InvertedFile<I>,
  queries: Vectors,
  { k, nprobe, repeats }: { k: number; nprobe: number; repeats: number },
): Promise<{ usual: CoarseBench; all: CoarseBench }> {
  return index.whileHeld(async (contents) => {
    const { model } = contents
    const { engine, nlist, metric, dim } = model
    const matrix = toMatrix(queries, dim, 'queries')
    const settings = { k, nprobe, ratioThreshold: 0, rescore: { kind: 'none' }, confidence: false } as const
    return engine.frame(async (scratch) => {
      const alloc = (bytes: number): number => scratch.alloc(bytes)
      const panels = await panelsOf(engine, alloc, model.rows, dim, { halfNorm: metric === 'l2' })
      const { given } = await loadQueries(scratch, model, matrix, 0, matrix.rows, {})
      const bench = async (choose: typeof model.choose): Promise<CoarseBench> => {
        let [compared, seconds] = [0, Number.POSITIVE_INFINITY]
        for (let i = 0; i < repeats; i++) {
          const start = performance.now()
          ;({ compared } = await choose(scratch, given, nprobe, {}))
          seconds = Math.min(seconds, (performance.now() - start) / 1000)
        }
        const result = await searchSegments({ ...contents, model: { ...model, choose } }, matrix, settings, {})
        return { compared: compared / matrix.rows / nlist, seconds, result }
      }
      return { usual: await bench(model.choose), all: await bench(comparingAll(panels)) }
    })
  })
}
