import { recalls } from '../measure/recall.mjs'
import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { mixture } from '../sets/mixture.mjs'

/**
 * An index of very many cells of exact vectors, by cosine. Answers the seconds to train and to add, and for each nprobe
 * recall, the share of the centroids compared and the microseconds per query of choosing cells, both ways.
 */
await task(async ({ n, dim, clusters, noise, seed, nlist, k, queries: nq, nprobes, repeats, threads }) => {
  const { IvfIndex, exactSearch } = await library()
  const { benchCoarse } = await library('internal.js')
  // Of one mixture: the last rows are the queries.
  const rows = mixture({ n: n + nq, dim, clusters, noise, seed })
  const [vectors, queries] = [rows.subarray(0, n * dim), rows.subarray(n * dim)]
  const options = { spec: `IVF${nlist},Flat`, metric: 'cosine', dim, seed: 1, threads }
  const { seconds: train, value: index } = await timed(() => IvfIndex.train(vectors, options))
  const { seconds: add } = await timed(() => index.add(vectors))
  const found = await exactSearch(vectors, queries, { k, metric: 'cosine', dim, threads })
  const truth = { data: found.ids, dim: k, n: nq }
  // The super-cells are made by the first search.
  const { seconds: first } = await timed(() => index.search(queries.subarray(0, dim), { k, nprobe: nprobes[0] }))
  const points = []
  for (const nprobe of nprobes) {
    const { usual, all } = await benchCoarse(index, queries, { k, nprobe, repeats })
    const told = (/** @type {typeof usual} */ { compared, seconds, result }) => ({
      recall: recalls(result.ids, k, truth).recall,
      compared,
      us: (seconds / nq) * 1e6,
    })
    points.push({ nprobe, usual: told(usual), all: told(all) })
  }
  await index.close()
  return { n, dim, nlist, queries: nq, train, add, first, points }
})
