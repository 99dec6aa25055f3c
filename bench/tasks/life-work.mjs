import { trueAmong } from '../measure/filtered.mjs'
import { recalls } from '../measure/recall.mjs'
import { library, task } from '../process/task.mjs'
import { pickRows } from '../sets/pick.mjs'
import { readSet } from '../sets/sets.mjs'

/** What filtered searches, and searches in a file, cost in counts: the same in every run. */
await task(async ({ set: name, spec, nprobe, shares, k, threads }) => {
  const { IvfIndex, exactSearch, runtime } = await library()
  const set = readSet(name)
  const { base, query, metric, truth } = set
  const { data, dim, n: nq } = query
  const index = await IvfIndex.build({ data: base.data, dims: [base.n, dim] }, { spec, metric, seed: 1, threads })
  const filters = []
  for (const share of shares) {
    const allowed = pickRows(base.n, share)
    const { ids, work } = await index.search(data, { k, nprobe, filter: new Set(allowed) })
    const { recall } = recalls(ids, k, await trueAmong(exactSearch, set, data, allowed, k))
    filters.push({ share, allowed: allowed.length, recall, ...work })
  }
  const bytes = await index.toBytes()
  await index.close()
  const stored = await IvfIndex.open(bytes, { threads, resident: 'centroids', cacheBytes: 0 })
  const ids = new Float64Array(nq * k)
  const sum = { vectors: 0, cells: 0, rescored: 0, read: { bytes: 0, requests: 0, rounds: 0 } }
  for (let i = 0; i < nq; i++) {
    const found = await stored.search(data.subarray(i * dim, (i + 1) * dim), { k, nprobe })
    ids.set(found.ids, i * k)
    const { vectors, cells, rescored, read } = found.work
    sum.vectors += vectors
    sum.cells += cells
    sum.rescored += rescored
    for (const key of /** @type {const} */ (['bytes', 'requests', 'rounds'])) sum.read[key] += read[key]
  }
  await stored.close()
  const { simd } = await runtime({ threads })
  return {
    set: name,
    spec,
    nprobe,
    k,
    simd,
    filters,
    stored: { bytes: bytes.length, ...recalls(ids, k, truth), ...sum },
  }
})
