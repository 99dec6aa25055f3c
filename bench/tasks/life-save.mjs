import { statSync } from 'node:fs'
import { best, timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { readSet } from '../sets/sets.mjs'

/** Builds an index of a set and saves it for the other tasks, without waiting for the disk. Answers what it took. */
await task(async ({ set: name, spec, path, threads, repeats }) => {
  const { IvfIndex } = await library()
  const { base, metric } = readSet(name)
  const vectors = { data: base.data, dims: [base.n, base.dim] }
  const build = await timed(() => IvfIndex.build(vectors, { spec, metric, seed: 1, threads }))
  const index = build.value
  const { seconds } = await best(repeats, () => index.save(path, { sync: false }))
  const bytes = statSync(path).size
  const answer = { spec: index.spec, keep: index.keep, n: base.n, dim: base.dim, bytes, build: build.seconds }
  await index.close()
  return { ...answer, saved: bytes / seconds }
})
