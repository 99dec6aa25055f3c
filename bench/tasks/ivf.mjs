import { recalls } from '../measure/recall.mjs'
import { measurePoint } from '../measure/sweep.mjs'
import { oneByOne, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Builds a FastIVF of a set, sweeps nprobe over the batch and asks one query at a time. Answers a curve. */
await task(async (input) => {
  const { set: name, nlist, nprobes, k, threads, revectorize, repeats, gemm, single } = input
  const { FastIVF, runtime } = await library()
  const set = readSet(name)
  const options = { nlist, metric: set.metric, ratioThreshold: 0, seed: 1, revectorize }
  const index = new FastIVF(set.base.dim, { ...options, threads })
  const build = await timed(() => index.train(set.base.data))
  const info = await runtime({ threads, revectorize })
  const before = gemm ? await gemmRate({ threads, revectorize, repeats: 40 }) : undefined
  /** @type {any[]} */
  const points = []
  for (const nprobe of nprobes.filter((/** @type {number} */ n) => n <= nlist)) {
    const search = (/** @type {any} */ queries, /** @type {any} */ how) => index.search(queries, how)
    const { seconds, rescored: _, ...point } = await measurePoint(set, { nprobe, k, repeats }, search)
    const flops = 2 * set.query.dim * (point.vectors + nlist * set.query.n)
    points.push({ ...point, gflops: flops / seconds / 1e9 })
  }
  const after = before && (await gemmRate({ threads, revectorize, repeats: 40 }))
  const bare = before && Math.max(before, after ?? 0)
  for (const point of points) point.shareOfGemm = bare && point.gflops / bare
  const answer = {
    build: { total: build.seconds },
    bytesPerVector: index.bytes / index.size,
    gemm: bare,
    runtime: info,
    points,
  }
  if (!single) return { ...answer, simd: info.simd }
  const latency = await alone(FastIVF, index, { ...options, threads: 0 }, set, k, single)
  return { ...answer, simd: info.simd, single: latency }
})

/** One query at a time on the calling thread, over the same centroids. */
async function alone(
  /** @type {any} */ FastIVF,
  /** @type {any} */ index,
  /** @type {any} */ options,
  /** @type {ReturnType<typeof readSet>} */ set,
  /** @type {number} */ k,
  /** @type {number} */ nprobe,
) {
  const { nlist, ...rest } = options
  const inline = await FastIVF.fromCentroids(index.centroids, { ...rest, dim: set.base.dim })
  await index.close()
  await inline.add(set.base.data)
  const { data, n, dim } = set.query
  const row = (/** @type {number} */ i) => data.subarray((i % n) * dim, ((i % n) + 1) * dim)
  for (let i = 0; i < 100; i++) await inline.search(row(i), { k, nprobe })
  const ids = new Float64Array(n * k)
  const times = await oneByOne(n, async (i) => ids.set((await inline.search(row(i), { k, nprobe })).ids, i * k))
  await inline.close()
  return { setting: nprobe, ...recalls(ids, k, set.truth), ...times }
}

/** The kernels section reports it when this is missing. @param {any} options @returns {Promise<number | undefined>} */
async function gemmRate(options) {
  const { benchGemm } = await library('internal.js').catch(() => ({}))
  return (await benchGemm?.({ nq: 1024, n: 1024, dim: 256, ...options }))?.gflops
}
