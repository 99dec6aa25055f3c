import { recalls } from '../measure/recall.mjs'
import { median, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'

/** Data that cells hardly divide: the demo's definitions. Asks for .99 beside comparing with everything. */
await task(async ({ specs, recall, k, queries: nq, repeats, threads }) => {
  const { IvfIndex, exactSearch } = await library()
  const { readDictionary } = await import('../../examples/dist/dictionary.js')
  const { makeEmbedder, DIM } = await import('../../examples/dist/embed.js')
  const { incompleteDefinitions } = await import('../../examples/dist/measure.js')
  const entries = await readDictionary()
  const bags = entries.map((/** @type {any} */ entry) => entry.stems)
  const embedder = await makeEmbedder(bags)
  const vectors = await embedder.embedAll(bags)
  const queries = await embedder.embedAll(incompleteDefinitions(entries, nq))
  const options = { k, metric: 'cosine', dim: DIM, threads }
  const found = await exactSearch(vectors, queries, options)
  const truth = { data: found.ids, dim: k, n: nq }
  const rows = []
  for (const spec of specs) {
    const index = await IvfIndex.build(vectors, { spec, metric: 'cosine', dim: DIM, threads })
    const [exact, asked, ratios] = [[], [], []]
    let result = await index.search(queries, { k, recall })
    for (let i = 0; i < repeats; i++) {
      const plain = await timed(() => exactSearch(vectors, queries, options))
      const ruled = await timed(() => index.search(queries, { k, recall }))
      result = ruled.value
      exact.push(plain.seconds)
      asked.push(ruled.seconds)
      ratios.push(plain.seconds / ruled.seconds)
    }
    const qps = (/** @type {number[]} */ seconds) => nq / median(seconds)
    rows.push({
      ...{ spec, recall, delivered: recalls(result.ids, k, truth).recall, vectors: result.work.vectors / nq },
      ...{ qps: qps(asked), exact: qps(exact), ratio: median(ratios), n: entries.length, dim: DIM },
    })
    await index.close()
  }
  return { rows }
})
