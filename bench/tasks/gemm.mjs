import { library, task } from '../process/task.mjs'

/** GF/s of a 1024 × 1024 × 256 product, answers { gflops, simd, revectorized, reasons }. */
await task(async ({ threads, revectorize, repeats }) => {
  const { runtime } = await library()
  const { benchGemm } = await library('internal.js')
  const info = await runtime({ threads, revectorize })
  const { gflops } = await benchGemm({ nq: 1024, n: 1024, dim: 256, threads, revectorize, repeats })
  return { gflops, simd: info.simd, revectorized: info.revectorized, reasons: info.reasons }
})
