import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/**
 * Trains once and judges the centroids over every row of the set. Answers { seconds, distance | cosine, steps }.
 * `distance` is the mean squared distance to the nearest centroid, `cosine` the mean cosine with it.
 */
await task(async ({ set, trainer, centroids, threads, revectorize }) => {
  const { KMeans, MiniBatchKMeans } = await library()
  const { base } = readSet(set)
  const vectors = { data: base.data, dims: [base.n, base.dim] }
  const shared = { threads, revectorize, seed: 1 }
  const kmeans =
    trainer === 'KMeans'
      ? new KMeans(centroids, { metric: 'l2', iterations: 10, pointsPerCentroid: 100, ...shared })
      : new MiniBatchKMeans(centroids, { metric: 'cosine', batchSize: 1024, maxSteps: 1000, tol: 0, ...shared })
  let steps = 0
  const onProgress = (/** @type {any} */ progress) => {
    steps = progress.step ?? progress.done ?? steps
  }
  const { seconds } = await timed(() => kmeans.train(vectors, { onProgress }))
  const nearest = await kmeans.predict(vectors)
  const judged = judge(base, kmeans.centroids, nearest)
  await kmeans.close?.()
  return { seconds, steps, ...judged }
})

/**
 * Over the assignment the library gives: a wrong one can only make these figures worse.
 *
 * @param {{ data: ArrayLike<number>, n: number, dim: number }} base
 * @param {Float32Array} centroids
 * @param {ArrayLike<number>} nearest
 */
function judge({ data, n, dim }, centroids, nearest) {
  let distance = 0
  let cosine = 0
  for (let row = 0; row < n; row++) {
    const at = row * dim
    const center = Number(nearest[row]) * dim
    let dot = 0
    let squares = 0
    let length = 0
    for (let i = 0; i < dim; i++) {
      const x = Number(data[at + i])
      const c = Number(centroids[center + i])
      dot += x * c
      squares += c * c
      length += x * x
    }
    distance += length - 2 * dot + squares
    cosine += dot / Math.sqrt(length * squares)
  }
  return { distance: distance / n, cosine: cosine / n }
}
