import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'
import { projectionFor } from './projection-for.mjs'

/** How far are scores of compressed vectors from the true ones, before a line through a few samples corrects them and after? */
await task(async (input) => {
  const { set: name, nlist, nprobe, width, queries, k, samples, points, folder, kmeansMaxSteps, ...on } = input
  const { CompressedFastIVF, Projection } = await library()
  const set = readSet(name)
  const { base, metric } = set
  const projection = await projectionFor(Projection, set, { spec: `AE${width}`, folder, ...on })
  const shape = { nlist, compressionNdim: width, projection, kmeansMaxSteps }
  const index = new CompressedFastIVF(base.dim, { ...shape, metric, ratioThreshold: 0, seed: 1, ...on })
  await index.train(base.data)
  const asked = set.query.data.subarray(0, queries * base.dim)
  const search = (/** @type {object} */ how) => index.search(asked, { k, nprobe, ...how })
  const before = await search({ rescore: false })
  const exact = await search({ rescore: true, sort: false })
  const after = await search({ rescoreNumSamples: samples })
  for (const other of [exact, after]) {
    if (other.ids.some((/** @type {number} */ id, /** @type {number} */ i) => !Object.is(id, before.ids[i])))
      throw new Error('the answers differ, not only their scores')
  }
  const at = Array.from(before.ids.keys()).filter((i) => !Number.isNaN(before.ids[i]))
  const step = Math.max(1, Math.ceil(at.length / points))
  return {
    dim: base.dim,
    width,
    samples,
    rescored: after.work.rescored / queries,
    pairs: at.length,
    before: errorsOf(at, before.scores, exact.scores),
    after: errorsOf(at, after.scores, exact.scores),
    /** exact, before, after */
    points: at
      .filter((_, i) => i % step === 0)
      .map((i) => [exact.scores[i], before.scores[i], after.scores[i]].map((score) => Math.round(score * 1e4) / 1e4)),
  }
})

/** @param {number[]} at @param {Float32Array} scores @param {Float32Array} exact */
function errorsOf(at, scores, exact) {
  const differences = at.map((i) => Number(scores[i]) - Number(exact[i]))
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length
  return { bias: mean(differences), error: mean(differences.map(Math.abs)) }
}
