import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { exactSearch, IvfIndex, type Metric, type SearchResult } from '../../src/index.js'
import { contentsOf } from '../../src/ivf/contents.js'
import { createModel } from '../../src/ivf/make-model.js'
import type { Rescore } from '../../src/ivf/rows.js'
import { searchSegments } from '../../src/ivf/search.js'
import { buildSegment } from '../../src/ivf/segment.js'
import { createEngine } from '../../src/runtime.js'
import { parseSpec } from '../../src/spec.js'
import { mixture } from '../mixture.js'
import { expectNear, METRICS } from './matches.js'

const SCALAR = ['SQ1', 'SQ2', 'SQ4', 'SQ8']
const quick = { threads: 0, kmeansIterations: 3 } as const

describe.each(METRICS)('by %s', (metric) => {
  test.each([1, 3, 31, 33, 100])('vectors of dim %i are found', async (dim) => {
    const vectors = mixture(300, dim, dim, 6)
    const queries = mixture(8, dim, dim + 1, 6)
    const truth = await exactSearch(vectors, queries, { k: 12, metric, dim })
    for (const word of ['Flat', ...SCALAR, `PQ${dim === 100 ? 20 : dim}x4`, `PQ${dim === 100 ? 10 : 1}x6`]) {
      const index = await IvfIndex.build(vectors, { calibrate: false, spec: `IVF5,${word}`, metric, dim, ...quick })
      const all = word.startsWith('PQ') ? { rescoreFactor: 25 } : word === 'Flat' ? {} : { epsilon: 100 }
      const found = await index.search(queries, { k: 12, nprobe: 5, ...all })
      for (let q = 0; q < 8; q++) expectNear(found.of(q), truth.of(q), 1e-5)
      const estimated = await index.search(queries, { k: 400, nprobe: 5, rescore: false })
      for (let q = 0; q < 8; q++) expectEach(estimated.of(q), 300)
      await index.close()
    }
  })

  test.each([1e-15, 1e15])('vectors of norms about %d are found, in the same order', async (size) => {
    const [dim, count] = [24, 600]
    const scaled = (rows: Float32Array): Float32Array => rows.map((value) => value * size)
    const [vectors, queries] = [mixture(count, dim, 4), mixture(10, dim, 5)]
    const truth = await exactSearch(scaled(vectors), scaled(queries), { k: 10, metric, dim })
    const least = metric === 'cosine' ? 1 : size ** 2
    for (const word of ['Flat', ...SCALAR, 'PQ6x4', 'PQ6x6']) {
      const index = await IvfIndex.build(scaled(vectors), {
        calibrate: false,
        spec: `IVF8,${word}`,
        metric,
        dim,
        ...quick,
      })
      const all = word.startsWith('PQ') ? { rescoreFactor: 60 } : word === 'Flat' ? {} : { epsilon: 50 }
      const found = await index.search(scaled(queries), { k: 10, nprobe: 8, ...all })
      const usual = await IvfIndex.build(vectors, { calibrate: false, spec: `IVF8,${word}`, metric, dim, ...quick })
      const [small, plain] = await Promise.all([
        index.search(scaled(queries), { k: 200, nprobe: 8, rescore: false }),
        usual.search(queries, { k: 200, nprobe: 8, rescore: false }),
      ])
      for (let q = 0; q < 10; q++) {
        const [ours, theirs] = [found.of(q), truth.of(q)]
        expect(ours.length).toBe(10)
        ours.forEach(({ score }, i) => {
          const wanted = theirs[i]?.score as number
          expect(Math.abs(score - wanted)).toBeLessThan(1e-5 * (least + Math.abs(wanted)))
        })
        // Estimates are as good as those of vectors of usual size.
        const known = new Map(plain.of(q).map(({ id }) => [id, 1]))
        expect(small.of(q).filter(({ id }) => known.has(id)).length).toBeGreaterThan(180)
      }
      for (const one of [index, usual]) await one.close()
    }
  })

  test('equal vectors are all found, each once', async () => {
    const dim = 20
    const row = mixture(1, dim, 9)
    const vectors = Float32Array.from({ length: 150 * dim }, (_, i) => row[i % dim] as number)
    const [truth] = (await exactSearch(vectors, row, { k: 1, metric, dim })).of(0)
    for (const word of ['Flat', ...SCALAR, 'PQ5x4', 'PQ4x5', 'OPQ5,PQ5x4']) {
      const spec = word.startsWith('OPQ') ? word.replace(',', ',IVF4,') : `IVF4,${word}`
      const index = await IvfIndex.build(vectors, { calibrate: false, spec, metric, dim, ...quick })
      for (const rescore of [true, false]) {
        for (const k of [1, 10, 200]) {
          const found = (await index.search(row, { k, nprobe: 4, rescore })).of(0)
          expectEach(found, Math.min(k, 150))
          for (const { score } of found) expect(score).toBeCloseTo(truth?.score as number, 3)
        }
      }
      await index.close()
    }
  })

  test('vectors equal to their centroids are estimated exactly', async () => {
    const dim = 30
    const centroids = mixture(40, dim, 7)
    const queries = mixture(6, dim, 8)
    const truth = await exactSearch(centroids, queries, { k: 5, metric, dim })
    for (const word of SCALAR) {
      // Normalized centroids are what vectors of cosine become.
      const rows = metric === 'cosine' ? normalized(centroids, dim) : centroids
      for (const rescore of [{ kind: 'none' }, { kind: 'bound', epsilon: 0 }] as const) {
        const found = await searchCells(word, metric, rows, centroids, queries, { dim, k: 5, rescore })
        for (let q = 0; q < 6; q++) expectNear(found.of(q), truth.of(q), 1e-5)
      }
    }
  })

  test('cells of 0, 1, 31, 32 and 33 vectors tell what they hold', async () => {
    const [dim, sizes] = [12, [33, 0, 1, 31, 0, 32, 33, 64, 65, 1]]
    const noise = mixture(400, dim, 3)
    const centroids = Float32Array.from({ length: sizes.length * dim }, (_, i) => (i % (dim + 1) === 0 ? 50 : 0))
    const cells = sizes
      .flatMap((size, cell) => new Array<number>(size).fill(cell))
      .sort((a, b) => ((a * 7) % 5) - ((b * 7) % 5))
    const vectors = Float32Array.from({ length: cells.length * dim }, (_, i) => {
      const cell = cells[Math.floor(i / dim)] as number
      return (noise[i] as number) + (centroids[cell * dim + (i % dim)] as number)
    })
    for (const word of ['Flat', ...SCALAR, 'PQ6x4', 'PQ4x6']) {
      for (const kind of ['none', 'most'] as const) {
        const most: Rescore = word.startsWith('SQ')
          ? { kind: 'bound', epsilon: 100 }
          : { kind: 'factor', factor: 100, reorder: true }
        const rescore: Rescore = kind === 'none' || word === 'Flat' ? { kind: 'none' } : most
        for (const k of [1, 31, 32, 70]) {
          const found = await searchCells(word, metric, centroids, vectors, centroids, { dim, k, nprobe: 1, rescore })
          sizes.forEach((size, cell) => {
            expectEach(found.of(cell), Math.min(size, k))
            for (const { id } of found.of(cell)) expect(cells[id]).toBe(cell)
            if (rescore.kind === 'none' && word !== 'Flat') return
            const own = vectors.filter((_, i) => cells[Math.floor(i / dim)] === cell)
            const ids = cells.flatMap((c, id) => (c === cell ? [id] : []))
            const query = centroids.subarray(cell * dim, (cell + 1) * dim)
            const best = ids.map((id, i) => ({
              id,
              score: scoreOf(metric, own.subarray(i * dim, (i + 1) * dim), query),
            }))
            best.sort((a, b) => (metric === 'l2' ? a.score - b.score : b.score - a.score))
            expectNear(found.of(cell), best.slice(0, k), 1e-5)
          })
        }
      }
    }
  })
})

test('zero vectors have no cosine: they are never an answer, and have none', async () => {
  const dim = 16
  const vectors = mixture(200, dim, 6)
  for (const row of [0, 7, 199]) vectors.fill(0, row * dim, (row + 1) * dim)
  const queries = mixture(5, dim, 7)
  queries.fill(0, 2 * dim, 3 * dim)
  for (const word of ['Flat', ...SCALAR, 'PQ4x4', 'PQ4x5', 'OPQ4,PQ4x4']) {
    const spec = word.startsWith('OPQ') ? word.replace(',', ',IVF4,') : `IVF4,${word}`
    const index = await IvfIndex.build(vectors, { calibrate: false, spec, dim, ...quick })
    for (const options of word === 'Flat'
      ? [{}]
      : [{}, { rescore: false }, { rescoreFactor: 2 }, { rescoreNumSamples: 3 }]) {
      const found = await index.search(queries, { k: 250, nprobe: 4, ...options })
      expect([...found.counts]).toEqual([197, 197, 0, 197, 197])
      for (const q of [0, 1, 3, 4]) {
        expectEach(found.of(q), 197)
        expect(found.of(q).some(({ id }) => [0, 7, 199].includes(id))).toBe(false)
      }
    }
    await index.close()
  }
})

/** Answers of a model of exactly these cells. */
async function searchCells(
  word: string,
  metric: Metric,
  centroids: Float32Array,
  vectors: Float32Array,
  queries: Float32Array,
  { dim, k, rescore, nprobe }: { dim: number; k: number; rescore: Rescore; nprobe?: number },
): Promise<SearchResult> {
  const engine = await createEngine({ threads: 0 })
  try {
    const { quantizer } = parseSpec(word)
    const matrix = toMatrix(vectors, dim, 'vectors')
    const plan = { metric, dim, quantizer, keep: quantizer.exact ? 'none' : 'f32', seed: 1 } as const
    const model = await createModel(engine, plan, centroids, matrix, {})
    const segment = await buildSegment(model, matrix, 0, {})
    const settings = { k, nprobe: nprobe ?? model.nlist, ratioThreshold: 0, rescore, confidence: false }
    return await searchSegments(contentsOf(model, [segment]), toMatrix(queries, dim, 'queries'), settings, {})
  } finally {
    engine.close()
  }
}

function scoreOf(metric: Metric, x: Float32Array, q: Float32Array): number {
  const dot = (a: Float32Array, b: Float32Array): number =>
    a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
  if (metric === 'l2') return dot(x, x) + dot(q, q) - 2 * dot(x, q)
  return metric === 'ip' ? dot(x, q) : dot(x, q) / Math.sqrt(dot(x, x) * dot(q, q))
}

function normalized(rows: Float32Array, dim: number): Float32Array {
  return rows.map((value, i) => {
    const first = i - (i % dim)
    return value / Math.hypot(...rows.subarray(first, first + dim))
  })
}

/** So many answers, no two of them the same, none without a score. */
function expectEach(found: { id: number; score: number }[], count: number): void {
  expect(found.length).toBe(count)
  expect(new Set(found.map(({ id }) => id)).size).toBe(count)
  expect(found.every(({ score }) => Number.isFinite(score))).toBe(true)
}
