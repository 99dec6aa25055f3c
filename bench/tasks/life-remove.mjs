import { inTurns } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { pickRows } from '../sets/pick.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/** A batch of queries in an index, in the same one after vectors were removed, and after it was compacted as well. */
await task(async ({ set: name, path, share, nprobe, k, threads, queries, rounds }) => {
  const { IvfIndex } = await library()
  const { data, n: nq } = readVecs(setNamed(name).query, queries)
  const before = await IvfIndex.open(path, { threads })
  const after = await IvfIndex.open(path, { threads })
  const compacted = await IvfIndex.open(path, { threads })
  const removed = pickRows(before.size, share)
  for (const index of [after, compacted]) await index.remove(removed)
  await compacted.compact()
  const search = (/** @type {any} */ index) => () => index.search(data, { k, nprobe })
  const searches = { before: search(before), after: search(after), compacted: search(compacted) }
  await inTurns(2, searches)
  const seconds = await inTurns(rounds, searches)
  const answer = { spec: before.spec, n: before.size, removed: removed.length, nprobe, queries: nq }
  for (const index of [before, after, compacted]) await index.close()
  return {
    ...answer,
    before: seconds.before,
    after: seconds.after / seconds.before,
    compacted: seconds.compacted / seconds.before,
  }
})
