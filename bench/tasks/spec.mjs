import { isFull, measurePoint } from '../measure/sweep.mjs'
import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * Builds the index that `spec` names and sweeps nprobe over the batch, in each of the `ways` to rescore. Answers what it
 * cost and all points; those without rescoring say `rescore: false`.
 */
await task(async ({ set: name, spec, keep, nprobes, ways, k, threads, revectorize, repeats }) => {
  const { IvfIndex, runtime } = await library()
  const set = readSet(name)
  const { data, n, dim } = set.base
  const options = { spec, metric: set.metric, seed: 1, threads, revectorize, ...(keep && { keep }) }
  const { seconds, value: index } = await timed(() => IvfIndex.build({ data, dims: [n, dim] }, options))
  const search = (/** @type {any} */ queries, /** @type {any} */ how) =>
    index.search(queries, { ...how, ratioThreshold: 0 })
  const points = []
  for (const way of ways) {
    /** @type {any[]} */
    const line = []
    for (const nprobe of nprobes.filter((/** @type {number} */ one) => one <= index.nlist)) {
      if (isFull(line)) break
      const { seconds: _, ...point } = await measurePoint(set, { nprobe, k, repeats, ...way }, search)
      line.push(point)
    }
    points.push(...line)
  }
  const { simd } = await runtime({ threads, revectorize })
  return {
    spec: index.spec,
    keep: index.keep,
    build: { total: seconds },
    bytesPerVector: index.bytes / index.size,
    codeBytes: index.codeBytes,
    simd,
    points,
  }
})
