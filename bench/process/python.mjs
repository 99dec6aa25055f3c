import { existsSync } from 'node:fs'
import { runChild } from './child.mjs'

/** Debian's packages belong to the system's python3, which is not always the first one on the path. */
export const python = process.env.BENCH_PYTHON ?? (existsSync('/usr/bin/python3') ? '/usr/bin/python3' : 'python3')

/** OMP_WAIT_POLICY: otherwise faiss and OpenBLAS spin against each other and faiss looks twice as slow as it is. */
const env = { OMP_WAIT_POLICY: 'PASSIVE', PYTHONWARNINGS: 'ignore' }

/**
 * @param {string} script
 * @param {unknown} input
 * @param {{ limitSeconds?: number, threads?: number }} [options]
 */
export function runPython(script, input, options = {}) {
  const threads = options.threads === undefined ? {} : threadVariables(options.threads)
  return runChild(python, [script], { input, limitSeconds: options.limitSeconds ?? 300, env: { ...env, ...threads } })
}

/** @param {number} threads */
function threadVariables(threads) {
  return { OPENBLAS_NUM_THREADS: String(threads), OMP_NUM_THREADS: String(threads) }
}
