import { recalls } from '../measure/recall.mjs'
import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * An index trained on vectors of one distribution, to which ten times as many of another are added; queries are of that
 * one. What does it find, and what does `optimize` change?
 */
await task(async ({ set: name, spec, trained, nprobes, k, threads, queries }) => {
  const { IvfIndex, exactSearch } = await library()
  const { base, query, metric } = readSet(name)
  const { dim } = base
  const n = Math.min(base.n, 10 * trained)
  const all = new Float32Array((trained + n) * dim)
  all.set(base.data.subarray(0, trained * dim))
  all.set(shifted(base.data.subarray(0, n * dim), dim), trained * dim)
  const asked = shifted(query.data.subarray(0, queries * dim), dim)
  const nq = asked.length / dim
  const exact = await exactSearch(
    { data: all, dims: [trained + n, dim] },
    { data: asked, dims: [nq, dim] },
    { k, metric },
  )
  const truth = { data: exact.ids, dim: k, n: nq }
  const first = { data: all.subarray(0, trained * dim), dims: [trained, dim] }
  const index = await IvfIndex.build(first, { spec, metric, seed: 1, threads })
  const add = await timed(() => index.add({ data: all.subarray(trained * dim), dims: [n, dim] }))
  const curve = async () => {
    const points = []
    for (const nprobe of nprobes) {
      const { ids, work } = await index.search(asked, { k, nprobe })
      points.push({ nprobe, recall: recalls(ids, k, truth).recall, vectors: work.vectors / nq })
    }
    return points
  }
  const before = await curve()
  const optimize = await timed(() => index.optimize())
  const after = await curve()
  await index.close()
  const times = { added: add.seconds, optimized: optimize.seconds }
  return { spec, trained, n, queries: nq, k, ...times, report: optimize.value, before, after }
})

/**
 * The same vectors elsewhere: components change places and all are moved by a constant, so that they are near to none
 * of the old centroids.
 *
 * @param {Float32Array} rows
 * @param {number} dim
 */
function shifted(rows, dim) {
  const out = new Float32Array(rows.length)
  const by = 0.5 / Math.sqrt(dim)
  for (let at = 0; at < rows.length; at += dim) {
    for (let i = 0; i < dim; i++) out[at + ((i + (dim >> 1)) % dim)] = (rows[at + i] ?? 0) + by
  }
  return out
}
