import { recalls } from '../measure/recall.mjs'
import { oneByOne } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Asks the index that `spec` names for one query at a time, all on the calling thread. Answers milliseconds. */
await task(async ({ set: name, spec, keep, nprobe, way, k, revectorize }) => {
  const { IvfIndex } = await library()
  const { base, query, truth, metric } = readSet(name)
  const options = { spec, metric, seed: 1, threads: 0, revectorize, ...(keep && { keep }) }
  const index = await IvfIndex.build({ data: base.data, dims: [base.n, base.dim] }, options)
  const { data, n, dim } = query
  const row = (/** @type {number} */ i) => data.subarray((i % n) * dim, ((i % n) + 1) * dim)
  const ask = (/** @type {number} */ i) => index.search(row(i), { k, nprobe, ratioThreshold: 0, ...way })
  for (let i = 0; i < 100; i++) await ask(i)
  const ids = new Float64Array(n * k)
  const times = await oneByOne(n, async (i) => ids.set((await ask(i)).ids, i * k))
  return { setting: nprobe, ...way, ...recalls(ids, k, truth), ...times }
})
