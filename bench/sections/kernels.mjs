import { major } from '../process/node.mjs'

/** How fast is the bare matrix product? @param {import('./context.mjs').Context} context */
export async function kernels({ run, py, node, installed, quick, say }) {
  const repeats = quick ? 30 : 100
  /** @type {Map<string, any>} the best of each, over rounds that take turns */
  const best = new Map()
  const keep = (/** @type {any} */ row) => {
    const key = `${row.who} ${row.node} ${row.threads} ${row.revectorize}`
    if (row.gflops > (best.get(key)?.gflops ?? 0)) best.set(key, row)
  }
  const ours = async (/** @type {any} */ on, /** @type {number} */ threads, /** @type {boolean} */ revectorize) => {
    const input = { threads: threads === 1 ? 0 : threads, revectorize, repeats }
    const got = await run('tasks/gemm.mjs', input, { node: on })
    if (got) keep({ who: 'fast-ivf', node: on.version, threads, revectorize, ...got })
  }
  for (const threads of [1, 2]) {
    for (let round = 1; round <= (quick ? 1 : 3); round++) {
      say(`kernels: GEMM, ${threads} threads, round ${round}`)
      for (const revectorize of major(node.version) >= 24 ? [false, true] : [false]) {
        await ours(node, threads, revectorize)
      }
      if (installed.version !== node.version) await ours(installed, threads, false)
      const got = await py('tasks/numpy-gemm.py', { repeats }, { threads, what: 'numpy' })
      if (got) keep({ who: got.blas.name, comparable: got.blas.comparable, threads, gflops: got.gflops })
    }
  }
  return [...best.values()]
}
