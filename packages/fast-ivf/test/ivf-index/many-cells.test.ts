import { expect, test } from 'vitest'
import { exactSearch, IvfIndex, type Metric, recall } from '../../src/index.js'
import { mixture } from '../mixture.js'

/** Just above the number of cells from which they are found in two levels. */
const [NLIST, DIM, COUNT, NQ] = [4160, 16, 14_000, 150]
const all = mixture(COUNT + NQ, DIM, 17)
const [vectors, queries] = [all.subarray(0, COUNT * DIM), all.subarray(COUNT * DIM)]

/** Recall@10 with 48 cells, two hundredths below what was measured. */
const FLOORS: [string, Metric, number][] = [
  ['Flat', 'cosine', 0.97],
  ['Flat', 'ip', 0.95],
  ['Flat', 'l2', 0.97],
  ['SQ4', 'cosine', 0.97],
  ['PQ8x4', 'l2', 0.97],
]

test.each(FLOORS)(
  '%s by %s: trained, added to, saved and opened, it finds what it should',
  async (word, metric, floor) => {
    const options = { metric, dim: DIM, seed: 1, threads: 2, kmeansIterations: 4 }
    const index = await IvfIndex.train(vectors, { ...options, spec: `IVF${NLIST},${word}` })
    await index.add(vectors.subarray(0, 9000 * DIM))
    await index.add(vectors.subarray(9000 * DIM))
    const truth = await exactSearch(vectors, queries, { k: 10, metric, dim: DIM })
    const found = await index.search(queries, { k: 10, nprobe: 48 })
    expect(recall(found, truth, 10)).toBeGreaterThanOrEqual(floor)
    const file = await index.toBytes()
    for (const resident of ['all', 'centroids'] as const) {
      const opened = await IvfIndex.open(file, { resident })
      const again = await opened.search(queries, { k: 10, nprobe: 48 })
      expect([...again.ids]).toEqual([...found.ids])
      expect([...again.scores]).toEqual([...found.scores])
      await opened.close()
    }
    // One alone gets what it gets in a batch.
    const one = await index.search(queries.subarray(0, DIM), { k: 10, nprobe: 48 })
    expect([...one.ids]).toEqual([...found.ids.subarray(0, 10)])
    await index.close()
  },
)
