import { recalls } from '../measure/recall.mjs'
import { best, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** FastIVFPQ as the original is used: 32 subvectors of 64 centroids, nprobe 10, k 100, every answer rescored. */
await task(async ({ set: name, nlist, threads, revectorize, repeats }) => {
  const { FastIVFPQ } = await library()
  const set = readSet(name)
  const { base, query, truth, metric } = set
  const shape = { nlist, pqNumSubvectors: 32, pqNumCentroids: 64 }
  const index = new FastIVFPQ(base.dim, { ...shape, metric, ratioThreshold: 0, seed: 1, threads, revectorize })
  const build = await timed(() => index.train(base.data))
  const k = 100
  const { seconds, value } = await best(repeats, () => index.search(query.data, { k, nprobe: 10, rescore: true }))
  const first10 = new Float64Array(query.n * 10)
  for (let q = 0; q < query.n; q++) first10.set(value.ids.subarray(q * k, q * k + 10), q * 10)
  return {
    build: { total: build.seconds },
    bytesPerVector: index.bytes / index.size,
    qps: query.n / seconds,
    at10: recalls(first10, 10, truth),
    at100: recalls(value.ids, k, truth),
    work: value.work,
  }
})
