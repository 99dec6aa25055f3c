import { statSync } from 'node:fs'
import { library, task } from '../process/task.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/** Saves an index of more vectors than a set has, made batch by batch, each of two rows of the set. */
await task(async ({ set: name, spec, keep, n, path, threads }) => {
  const { IvfIndex } = await library()
  const { base, metric } = setNamed(name)
  const rows = readVecs(base)
  const { dim } = rows
  const train = Math.min(n, 1 << 17)
  // Its cells need not be good ones.
  const options = { spec, keep, metric, dim, seed: 1, threads, kmeansIterations: 3, kmeansPointsPerCentroid: 32 }
  const index = await IvfIndex.train(mixed(rows, 0, train), options)
  await index.add(batches(rows, n))
  // So that the vectors of a cell lie together.
  await index.compact()
  await index.save(path, { sync: false })
  await index.close()
  return { n, dim, spec, keep, bytes: statSync(path).size }
})

/** @typedef {ReturnType<typeof readVecs>} Rows */

/** @param {Rows} rows @param {number} n */
function* batches(rows, n) {
  const size = 1 << 16
  for (let at = 0; at < n; at += size) yield mixed(rows, at, Math.min(n, at + size))
}

/** @param {Rows} rows @param {number} from @param {number} to */
function mixed({ data, n, dim }, from, to) {
  const out = new Float32Array((to - from) * dim)
  for (let i = from; i < to; i++) {
    const a = (i % n) * dim
    const b = ((i * 7919 + Math.floor(i / n)) % n) * dim
    for (let j = 0; j < dim; j++) out[(i - from) * dim + j] = (data[a + j] ?? 0) + 0.3 * (data[b + j] ?? 0)
  }
  return out
}
