import { describe, expect, test } from 'vitest'
import { exactSearch, IvfIndex, type Metric, type Projection, recall } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { plainProjection } from '../projections/plain.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NQ] = [32, 900, 12]
const METRICS = ['cosine', 'ip', 'l2'] as const
const vectors = mixture(COUNT, DIM, 2)
const ZERO_ROW = 7
vectors.fill(0, ZERO_ROW * DIM, (ZERO_ROW + 1) * DIM)
const queries = mixture(NQ, DIM, 3)
const options = { dim: DIM, threads: 0, seed: 5 } as const

describe.each(METRICS)('by %s', (metric) => {
  describe.each(['PCA8,IVF6,', 'IVF6,PCA8,', 'RR8,', 'T8,IVF6,', 'IVF6,PCAC8,', 'L2norm,IVF6,'])('%s…', (head) => {
    test('estimates are the scores of projected vectors', async () => {
      const index = await IvfIndex.build(vectors, { calibrate: false, ...options, spec: `${head}Flat`, metric })
      const found = await index.search(queries, { k: COUNT, nprobe: index.nlist, rescore: false })
      const expected = plainScores(index.projection!, metric)
      for (let q = 0; q < NQ; q++) {
        const matches = found.of(q)
        expect(matches.length).toBe(metric === 'cosine' ? COUNT - 1 : COUNT)
        if (metric === 'cosine') expect(matches.some(({ id }) => id === ZERO_ROW)).toBe(false)
        for (const { id, score } of matches) {
          expect(Math.abs(score - expected(q, id))).toBeLessThan(1e-4 * (1 + Math.abs(expected(q, id))))
        }
      }
      await index.close()
    })

    test('8-bit codes estimate the same, wherever cells are', async () => {
      const index = await IvfIndex.build(vectors, { calibrate: false, ...options, spec: `${head}SQ8`, metric })
      const found = await index.search(queries, { k: COUNT, nprobe: index.nlist, rescore: false })
      const expected = plainScores(index.projection!, metric)
      let [gaps, sizes] = [0, 0]
      for (let q = 0; q < NQ; q++) {
        const matches = found.of(q)
        const mean = matches.reduce((sum, { id }) => sum + expected(q, id), 0) / matches.length
        for (const { id, score } of matches) {
          gaps += (score - expected(q, id)) ** 2
          sizes += (expected(q, id) - mean) ** 2
        }
      }
      expect(gaps / sizes).toBeLessThan(2e-4)
      await index.close()
    })

    test('rescored, scores are those of the vectors themselves, and with enough candidates all are found', async () => {
      const index = await IvfIndex.build(vectors, { calibrate: false, ...options, spec: `${head}Flat`, metric })
      const truth = await exactSearch(vectors, queries, { k: 10, metric, dim: DIM, threads: 0 })
      const all = await index.search(queries, { k: 10, nprobe: index.nlist, rescoreFactor: COUNT / 10 })
      expect(recall(all, truth, 10)).toBe(1)
      for (let i = 0; i < NQ * 10; i++) expect(all.scores[i]).toBeCloseTo(truth.scores[i]!, 3)
      expect(all.work.rescored).toBeGreaterThanOrEqual(NQ * (COUNT - 1))
      await index.close()
    })
  })

  test('adding piece by piece gives the answers of adding at once', async () => {
    const spec = 'IVF6,PCA8,SQ8'
    const at = (rows: number): number => rows * DIM
    const whole = await IvfIndex.build(vectors, { calibrate: false, ...options, spec, metric })
    const pieces = await IvfIndex.train(vectors, { ...options, spec, metric })
    for (const [from, to] of [
      [0, 700],
      [700, 701],
      [701, COUNT],
    ] as const)
      await pieces.add(vectors.subarray(at(from), at(to)))
    const [one, two] = [await whole.search(queries, { k: 20 }), await pieces.search(queries, { k: 20 })]
    expect(two.ids).toEqual(one.ids)
    expect(two.scores).toEqual(one.scores)
    await whole.close()
    await pieces.close()
  })

  test('threads and batches change nothing', async () => {
    const spec = 'PCA8,IVF6,SQ4'
    const one = await IvfIndex.build(vectors, { calibrate: false, ...options, spec, metric })
    const two = await IvfIndex.build(vectors, { calibrate: false, ...options, spec, metric, threads: 2 })
    const found = await one.search(queries, { k: 20 })
    expect(await two.search(queries, { k: 20 })).toEqual(found)
    const alone = await one.search(queries.subarray(0, DIM), { k: 20 })
    expect(alone.of(0)).toEqual(found.of(0))
    await one.close()
    await two.close()
  })
})

test('where a projection stands in a spec is where it is done', async () => {
  for (const [given, shown, dim] of [
    ['pca8,ivf6,sq8', 'PCA8,IVF6,SQ8', 8],
    ['ivf6, pca8 ,Flat,r4', 'IVF6,PCA8,Flat,R4', DIM],
    ['l2NORM,IVF6,flat', 'L2norm,IVF6,Flat', DIM],
    ['PCA8,OPQ4,IVF6,PQ4x4', 'PCA8,OPQ4,IVF6,PQ4x4', 8],
    ['PCA8,Flat', 'PCA8,Flat', 8],
  ] as const) {
    const index = await IvfIndex.build(vectors, { calibrate: false, ...options, spec: given })
    expect(index.spec).toBe(shown)
    expect(index.centroids.length).toBe(index.nlist * dim)
    await index.close()
  }
})

test('what cannot be had is told', async () => {
  const build = (spec: string, more: object = {}): Promise<unknown> =>
    IvfIndex.build(vectors, { calibrate: false, ...options, spec, ...more })
  const wide = await refusal(build('PCA33,IVF6,SQ8'))
  expect([wide.code, wide.message.includes('33 components, but the vectors have 32')]).toEqual(['ERR_DIM', true])
  const two = await refusal(build('PCA8,IVF6,RR8,SQ8'))
  expect(two.message).toContain('has two projections, PCA8 and RR8')
  // Subvectors are those of projected vectors.
  expect((await refusal(build('PCA8,IVF6,PQ3x4'))).code).toBe('ERR_DIM')
  const unknown = await refusal(build('XX8,IVF6,SQ8'))
  expect(unknown.message).toContain('PCA<components>')
  const few = await refusal(
    IvfIndex.build(vectors.subarray(0, 10 * DIM), { calibrate: false, ...options, spec: 'PCA16,IVF2,Flat' }),
  )
  expect([few.code, few.message.includes('10 vectors')]).toEqual(['ERR_TOO_FEW', true])
  const bound = await IvfIndex.build(vectors, { calibrate: false, ...options, spec: 'PCA8,IVF6,SQ8' })
  expect((await refusal(bound.search(queries, { epsilon: 2 }))).message).toContain('do not know their error')
  expect((await refusal(bound.search(queries, { rescore: false, confidence: true }))).code).toBe('ERR_ARGUMENT')
  await bound.close()
})

test('a projection keeps most neighbours with a quarter of the components, rescored nearly all', async () => {
  const [dim, count] = [64, 6000]
  const all = mixture(count + 100, dim, 4)
  const [rows, asked] = [all.subarray(0, count * dim), all.subarray(count * dim)]
  const truth = await exactSearch(rows, asked, { k: 10, dim, threads: 0 })
  const floors = { 'AE16,IVF32,Flat': [0.58, 0.98], 'IVF32,AE16,Flat': [0.58, 0.98], 'AE16,IVF32,SQ8': [0.58, 0.98] }
  for (const [spec, [bare, rescored]] of Object.entries(floors)) {
    const index = await IvfIndex.build(rows, { calibrate: false, dim, spec, threads: 0 })
    expect(recall(await index.search(asked, { k: 10, nprobe: 32, rescore: false }), truth, 10)).toBeGreaterThan(bare!)
    expect(recall(await index.search(asked, { k: 10, nprobe: 32, rescoreFactor: 8 }), truth, 10)).toBeGreaterThan(
      rescored!,
    )
    await index.close()
  }
})

/** The score of a query and a vector, both projected. */
function plainScores({ parameters }: Projection, metric: Metric): (q: number, id: number) => number {
  const [x, y] = [plainProjection(parameters, queries), plainProjection(parameters, vectors)]
  const { width } = parameters
  return (q, id) => {
    let [product, gap] = [0, 0]
    for (let j = 0; j < width; j++) {
      const [a, b] = [x[q * width + j]!, y[id * width + j]!]
      product += a * b
      gap += (a - b) ** 2
    }
    return metric === 'l2' ? gap : product
  }
}
