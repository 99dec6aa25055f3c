/** For our own benchmarks; not covered by semantic versioning. */
import { products } from './clustering/nearest.js'
import { allocPanels, scatter } from './engine/panels.js'
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
