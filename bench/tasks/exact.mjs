import { recalls } from '../measure/recall.mjs'
import { best } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Exact search of the whole batch, k 100. Answers { qps, recall }: recall below 1 is a fault or a tie. */
await task(async ({ set: name, k, threads, revectorize, repeats }) => {
  const { exactSearch } = await library()
  const set = readSet(name)
  const { base, query, metric } = set
  const vectors = { data: base.data, dims: [base.n, base.dim] }
  const queries = { data: query.data, dims: [query.n, query.dim] }
  const run = () => exactSearch(vectors, queries, { k, metric, threads, revectorize })
  const { seconds, value } = await best(repeats, run)
  return { qps: query.n / seconds, seconds, ...recalls(value.ids, k, set.truth) }
})
