import hnswlib from 'hnswlib-node'
import { recalls } from '../measure/recall.mjs'
import { best, oneByOne, timed } from '../measure/timing.mjs'
import { task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** It takes one vector at a time as an array of numbers and works on the calling thread. */
await task(async ({ set: name, efs, k, repeats, single }) => {
  const { base, query, truth, metric } = readSet(name)
  const rows = rowsOf(base)
  const queries = rowsOf(query)
  const index = new hnswlib.HierarchicalNSW(metric, base.dim)
  index.initIndex({ maxElements: base.n, m: 16, efConstruction: 128, randomSeed: 1 })
  const build = await timed(() => rows.forEach((row, i) => void index.addPoint(row, i)))
  const ids = new Float64Array(query.n * k)
  const ask = (/** @type {number} */ i) => ids.set(index.searchKnn(queries[i] ?? [], k).neighbors, i * k)
  const points = []
  let latency
  for (const ef of efs) {
    index.setEf(ef)
    const { seconds } = await best(repeats, () => queries.forEach((_, i) => void ask(i)))
    points.push({ setting: ef, ...recalls(ids, k, truth), qps: query.n / seconds })
    if (ef === single) latency = { setting: ef, recall: points.at(-1)?.recall, ...(await oneByOne(query.n, ask)) }
  }
  return { index: 'HNSW16', threads: 1, build: { total: build.seconds }, points, single: latency }
})

/** @param {{ data: ArrayLike<number>, n: number, dim: number }} set */
function rowsOf({ data, n, dim }) {
  return Array.from({ length: n }, (_, i) => Array.from({ length: dim }, (_, j) => Number(data[i * dim + j])))
}
