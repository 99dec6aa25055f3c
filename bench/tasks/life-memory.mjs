import { library, task } from '../process/task.mjs'
import { setNamed } from '../sets/sets.mjs'
import { readVecs } from '../sets/vecs.mjs'

/**
 * Resident memory of a process after single searches in an index of which only the centroids are in memory; without
 * a path, of one that does nothing.
 */
await task(async ({ set: name, path, nprobe, k, queries }) => {
  const { data, dim, n } = readVecs(setNamed(name).query, queries)
  if (path) {
    const { IvfIndex } = await library()
    const index = await IvfIndex.open(path, { resident: 'centroids' })
    for (let i = 0; i < queries; i++) {
      const at = (i % n) * dim
      await index.search(data.subarray(at, at + dim), { k, nprobe })
    }
  }
  return { rss: process.memoryUsage().rss, peak: process.resourceUsage().maxRSS * 1024 }
})
