/**
 * What do very many cells cost? Trained, filled and searched by super-cells and by comparing all centroids.
 *
 * @param {import('./context.mjs').Context} context
 */
export async function coarse({ run, threads, quick, say }) {
  const shape = quick
    ? { n: 100_000, nlist: 8192, clusters: 1000, queries: 500 }
    : { n: 1_000_000, nlist: 65_536, clusters: 4000, queries: 1000 }
  say(`${shape.nlist} cells`)
  const input = { ...shape, dim: 128, noise: 0.5, seed: 7, k: 10, nprobes: [16, 32, 64, 128, 256], repeats: 3, threads }
  const got = await run('tasks/coarse.mjs', input, { what: `${shape.nlist} cells`, limitSeconds: 900 })
  return got ? [got] : []
}
