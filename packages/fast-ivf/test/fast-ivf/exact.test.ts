import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { exactSearch, FastIVF, type Metric, recall, recall1 } from '../../src/index.js'
import { mixture } from '../mixture.js'

const metrics: Metric[] = ['cosine', 'ip', 'l2']

/** Scores of one query against all vectors, in 64 bits, nearest first. */
function bruteForce(
  vectors: Float32Array,
  query: Float32Array,
  dim: number,
  metric: Metric,
): { id: number; score: number }[] {
  const all = Array.from({ length: vectors.length / dim }, (_, id) => {
    let [dot, xx, qq, gap] = [0, 0, 0, 0]
    for (let i = 0; i < dim; i++) {
      const [x, q] = [vectors[id * dim + i] as number, query[i] as number]
      dot += x * q
      xx += x * x
      qq += q * q
      gap += (x - q) ** 2
    }
    return {
      id,
      score: metric === 'l2' ? gap : metric === 'ip' ? dot : xx * qq === 0 ? Number.NaN : dot / Math.sqrt(xx * qq),
    }
  })
  const sign = metric === 'l2' ? 1 : -1
  return all.filter(({ score }) => !Number.isNaN(score)).sort((a, b) => sign * (a.score - b.score) || a.id - b.id)
}

describe.each(metrics)('metric %s', (metric) => {
  test('exact search finds what comparing all pairs finds', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 60 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 20 }),
        fc.nat(1000),
        async (dim, n, nq, k, seed) => {
          const vectors = mixture(n, dim, seed, 5)
          const queries = mixture(nq, dim, seed + 1, 5)
          const found = await exactSearch(vectors, queries, { k, metric, dim, threads: 0 })
          for (let q = 0; q < nq; q++) {
            const truth = bruteForce(vectors, queries.subarray(q * dim, (q + 1) * dim), dim, metric).slice(0, k)
            expect(found.counts[q]).toBe(truth.length)
            found.of(q).forEach(({ score }, i) => {
              const wanted = truth[i]?.score as number
              expect(Math.abs(score - wanted)).toBeLessThanOrEqual(1e-5 * (1 + Math.abs(wanted)))
            })
          }
        },
      ),
      { numRuns: 40, seed: 1 },
    )
  })

  test('all cells visited without a ratio threshold is exact search', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 67 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 1, max: 40 }),
        fc.nat(1000),
        async (dim, nlist, k, seed) => {
          const vectors = mixture(nlist + (seed % 200), dim, seed, 7)
          const queries = mixture(1 + (seed % 5), dim, seed + 1, 7)
          const index = new FastIVF(dim, { nlist, metric, kmeansMaxSteps: 3, threads: 0 })
          await index.train(vectors)
          const found = await index.search(queries, { k, nprobe: nlist, ratioThreshold: 0 })
          const truth = await exactSearch(vectors, queries, { k, metric, dim, threads: 0 })
          expect(found.counts).toEqual(truth.counts)
          truth.scores.forEach((score, i) => {
            if (Number.isNaN(score)) expect(found.scores[i]).toBeNaN()
            else expect(Math.abs((found.scores[i] as number) - score)).toBeLessThanOrEqual(2e-6 * (1 + Math.abs(score)))
          })
          expect(recall(found, truth, Math.min(k, vectors.length / dim))).toBeGreaterThan(0.99)
          await index.close()
        },
      ),
      { numRuns: 30, seed: 2 },
    )
  })

  test('an equal vector is found first, and by l2 at distance 0', async () => {
    const vectors = mixture(500, 33, 3).map((x) => x * 100)
    const found = await exactSearch(
      { data: vectors, dims: [500, 33] },
      { data: vectors, dims: [500, 33] },
      { k: 1, metric, threads: 0 },
    )
    if (metric === 'l2') expect(found.scores.every((score) => score === 0)).toBe(true)
    if (metric !== 'ip') expect([...found.ids]).toEqual(Array.from({ length: 500 }, (_, i) => i))
  })

  test('batches give what an array gives', async () => {
    const dim = 24
    const [vectors, queries] = [mixture(900, dim, 5), mixture(20, dim, 6)]
    function* batches(): Generator<Float32Array> {
      for (const [from, to] of [
        [0, 1],
        [1, 400],
        [400, 400],
        [400, 900],
      ] as const)
        yield vectors.slice(from * dim, to * dim)
    }
    const whole = await exactSearch(vectors, queries, { k: 7, metric, dim })
    const parts = await exactSearch(batches(), queries, { k: 7, metric, dim })
    expect(parts.ids).toEqual(whole.ids)
  })
})

test('a nearer vector is never dropped for a tie', async () => {
  const vectors = [
    [0.9, 0],
    [0.5, 0],
    [0.5, 0],
    [0.5, 0],
  ]
  const found = await exactSearch(vectors, [[1, 0]], { k: 2, metric: 'ip' })
  expect(found.of(0).map(({ id }) => id)).toEqual([0, 1])
})

test('recall counts all k, recall1 the nearest only', () => {
  const truth = { ids: [1, 2, 3, 4, 5, 6], k: 3 }
  const found = { ids: [3, 1, 9, 8, 7, 5], k: 3 }
  expect(recall(found, truth, 3)).toBeCloseTo(3 / 6)
  expect(recall1(found, truth, 3)).toBe(0.5)
  expect(recall1(found, truth, 1)).toBe(0)
  expect(recall({ ids: [Number.NaN, 1], k: 2 }, { ids: [-1, 1], k: 2 }, 2)).toBe(1)
  expect(() => recall(found, truth, 4)).toThrow('k = 4')
})
