import { recalls } from '../measure/recall.mjs'
import { mediansInTurns } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * One query at a time in an index of which only the centroids are in memory, beside the same index in memory. What
 * is read is compared with the codes and ids of the cells visited.
 */
await task(async ({ set: name, path, nprobe, k, threads, queries }) => {
  const { IvfIndex } = await library()
  const { query, truth } = readSet(name)
  const nq = Math.min(queries, query.n)
  const row = (/** @type {number} */ i) => query.data.subarray(i * query.dim, (i + 1) * query.dim)
  const stored = await IvfIndex.open(path, { threads, resident: 'centroids', cacheBytes: 0 })
  const resident = await IvfIndex.open(path, { threads })
  const found = { stored: new Float64Array(nq * k), resident: new Float64Array(nq * k) }
  const read = { bytes: 0, requests: 0, rounds: 0 }
  let visited = 0
  const options = { k, nprobe }
  for (let i = 0; i < 20; i++) await stored.search(row(i), options)
  const p50 = await mediansInTurns(nq, {
    stored: async (i) => {
      const { ids, work } = await stored.search(row(i), options)
      found.stored.set(ids, i * k)
      visited += work.vectors * resident.codeBytes
      read.bytes += work.read.bytes
      read.requests += work.read.requests
      read.rounds = Math.max(read.rounds, work.read.rounds)
    },
    resident: async (i) => found.resident.set((await resident.search(row(i), options)).ids, i * k),
  })
  await Promise.all([stored.close(), resident.close()])
  return {
    ...options,
    queries: nq,
    p50,
    bytes: read.bytes / nq,
    requests: read.requests / nq,
    rounds: read.rounds,
    overread: read.bytes / visited,
    recall: recalls(found.stored, k, truth, nq).recall,
    resident: recalls(found.resident, k, truth, nq).recall,
  }
})
