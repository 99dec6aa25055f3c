import { mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { timed } from '../measure/timing.mjs'
import { library, task } from '../process/task.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/** Single upserts into a collection, on disk when they are done, so many of them at a time. */
await task(async ({ set: name, folder, n, upserts, outstanding, threads }) => {
  const { Collection } = await library('collection.js')
  const { base, metric } = setNamed(name)
  const { data, dim } = readVecs(base, n)
  const row = (/** @type {number} */ i) => data.subarray(i * dim, (i + 1) * dim)
  const options = { dim, metric, threads }
  const collection = await Collection.open(mkdtempSync(join(folder, 'collection-')), options)
  const load = await timed(async () => {
    for (let at = 0; at < n; at += 1000) {
      const ids = Array.from({ length: Math.min(1000, n - at) }, (_, i) => at + i)
      await collection.upsert({ ids, vectors: data.subarray(at * dim, (at + ids.length) * dim) })
    }
  })
  const before = collection.stats().syncs
  let next = 0
  const lane = async () => {
    while (next < upserts) {
      const i = next++
      await collection.upsert({ id: (i * 7919) % n, vector: row((i * 31) % n), metadata: { title: `row ${i}` } })
    }
  }
  const upsert = await timed(() => Promise.all(Array.from({ length: outstanding }, lane)))
  const { syncs, spec, size } = collection.stats()
  if (size !== n) throw new Error(`${size} vectors are there, not ${n}`)
  await collection.close()
  return {
    ...{ n, upserts, outstanding, spec },
    loaded: n / load.seconds,
    upserted: upserts / upsert.seconds,
    waits: syncs - before,
  }
})
