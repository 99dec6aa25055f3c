import { major } from '../process/node.mjs'

/** How fast is the bare matrix product? @param {import('./context.mjs').Context} context */
export async function kernels({ run, py, node, installed, quick, say }) {
  const repeats = quick ? 30 : 100
  const rows = []
  const measure = async (/** @type {any} */ on, /** @type {number} */ threads, /** @type {boolean} */ revectorize) => {
    say(`kernels: GEMM, ${threads} threads, Node ${on.version}${revectorize ? ', revectorize' : ''}`)
    const input = { threads: threads === 1 ? 0 : threads, revectorize, repeats }
    const got = await run('tasks/gemm.mjs', input, { node: on })
    if (got) rows.push({ who: 'fast-ivf', node: on.version, threads, revectorize, ...got })
  }
  for (const threads of [1, 2]) {
    for (const revectorize of major(node.version) >= 24 ? [false, true] : [false]) await measure(node, threads, revectorize)
    if (installed.version !== node.version) await measure(installed, threads, false)
    say(`kernels: GEMM, ${threads} threads, numpy`)
    const got = await py('tasks/numpy-gemm.py', { repeats }, { threads, what: 'numpy' })
    if (got) rows.push({ who: got.blas.name, comparable: got.blas.comparable, threads, gflops: got.gflops })
  }
  return rows
}
