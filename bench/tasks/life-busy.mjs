import { oneByOne, percentile } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/**
 * One query at a time while nothing else is done, and while batches are added to the index without a pause. Answers
 * the round in the middle.
 */
await task(async ({ set: name, spec, n, batch, nprobe, k, rounds }) => {
  const { IvfIndex } = await library()
  const { base, query, metric } = setNamed(name)
  const { data, dim } = readVecs(base, 2 * n)
  const queries = readVecs(query)
  const built = await IvfIndex.build({ data: data.subarray(0, n * dim), dims: [n, dim] }, { spec, metric })
  const bytes = await built.toBytes()
  await built.close()
  const met = []
  for (let round = 0; round < rounds; round++) {
    const index = await IvfIndex.open(bytes)
    const search = (/** @type {number} */ i) => {
      const at = (i % queries.n) * dim
      return index.search(queries.data.subarray(at, at + dim), { k, nprobe })
    }
    await oneByOne(200, search)
    const idle = await oneByOne(1000, search)
    let adding = true
    const adds = (async () => {
      for (let at = n; at < 2 * n; at += batch) await index.add(data.subarray(at * dim, (at + batch) * dim))
    })().finally(() => {
      adding = false
    })
    const times = []
    for (let i = 0; adding; i++) {
      const start = performance.now()
      await search(i)
      times.push(performance.now() - start)
    }
    await adds
    await index.close()
    const busy = { p50: percentile(times, 0.5), p99: percentile(times, 0.99), queries: times.length }
    met.push({ idle, busy, ratio: busy.p99 / idle.p99 })
  }
  met.sort((a, b) => a.ratio - b.ratio)
  return { spec, n, batch, nprobe, k, ...met[rounds >> 1] }
})
