import { describe, expect, test } from 'vitest'
import { FastIVFPQ, type Match } from '../../src/index.js'
import {
  COUNT,
  DIM,
  expectNear,
  indexOf,
  inOrder,
  METRICS,
  missing,
  NLIST,
  NQ,
  queries,
  SCALAR,
  scoresOf,
  vectors,
} from './matches.js'

describe.each(METRICS)('by %s', (metric) => {
  test.each(SCALAR)('%s with a bound that nothing passes finds what Flat finds in the same cells', async (word) => {
    const [flat, index] = [await indexOf('Flat', metric), await indexOf(word, metric)]
    const largest = Math.max(...flat.cellSizes)
    const some = queries.subarray(0, 6 * DIM)
    const compare = async (asked: Float32Array, k: number, nprobe: number): Promise<void> => {
      const truth = await flat.search(asked, { k, nprobe })
      const found = await index.search(asked, { k, nprobe, epsilon: 100 })
      for (let q = 0; q < truth.nq; q++) expectNear(found.of(q), truth.of(q), 1e-5)
      expect(found.work).toMatchObject({ vectors: truth.work.vectors, cells: truth.work.cells })
    }
    for (const nprobe of [1, 3, NLIST]) {
      for (const k of [1, 2, 7, 10, 60]) await compare(queries, k, nprobe)
      for (const k of [largest + 1, COUNT + 5]) await compare(some, k, nprobe)
    }
  })

  test.each(SCALAR)('%s: the larger epsilon, the fewer are missed and the more compared', async (word) => {
    const [flat, index] = [await indexOf('Flat', metric), await indexOf(word, metric)]
    const truth = await flat.search(queries, { nprobe: NLIST })
    let last = { missed: Number.POSITIVE_INFINITY, rescored: 0 }
    for (const [epsilon, most] of [
      [0, 0.25],
      [0.5, 0.15],
      [1, 0.07],
      [1.9, 0.015],
      [3, 0.001],
      [5, 0],
    ] as const) {
      const found = await index.search(queries, { nprobe: NLIST, epsilon })
      const missed = missing(found, truth)
      expect(missed).toBeLessThanOrEqual(last.missed)
      expect(missed / (NQ * 10)).toBeLessThanOrEqual(most)
      expect(found.work.rescored).toBeGreaterThanOrEqual(last.rescored)
      last = { missed, rescored: found.work.rescored }
    }
    // The default is 1.9.
    const usual = await index.search(queries, { nprobe: NLIST })
    const named = await index.search(queries, { nprobe: NLIST, epsilon: 1.9 })
    expect(usual).toEqual(named)
    expect(await index.search(queries, { nprobe: NLIST, rescore: true })).toEqual(named)
    expect(usual.work.rescored).toBeLessThan(usual.work.vectors / 2)
  })

  test.each([...SCALAR, 'PQ10x4', 'PQ10x6', 'OPQ10,PQ10x4'])(
    '%s: rescoreFactor f finds the best of the f · k best estimates',
    async (word) => {
      const [flat, index] = [await indexOf('Flat', metric), await indexOf(word, metric)]
      const exact = await flat.search(queries, { k: COUNT, nprobe: NLIST })
      let last = Number.POSITIVE_INFINITY
      for (const factor of [1, 1.5, 4, 20, COUNT]) {
        const candidates = await index.search(queries, { k: Math.ceil(10 * factor), nprobe: NLIST, rescore: false })
        const found = await index.search(queries, { rescoreFactor: factor, nprobe: NLIST })
        for (let q = 0; q < NQ; q++) {
          const known = scoresOf(exact.of(q))
          const best = candidates.of(q).map(({ id }) => ({ id, score: known.get(id) as number }))
          expectNear(found.of(q), inOrder(best, metric).slice(0, 10), 1e-5)
        }
        expect(found.work.rescored).toBe(candidates.counts.reduce((sum, count) => sum + count, 0))
        expect(candidates.work.rescored).toBe(0)
        const missed = missing(found, exact)
        expect(missed).toBeLessThanOrEqual(last)
        last = missed
      }
      expect(last).toBe(0)
    },
  )

  test.each(['SQ1', 'SQ4', 'PQ10x4'])(
    '%s: calibrated scores keep the order and are nearer to the truth',
    async (word) => {
      const [flat, index] = [await indexOf('Flat', metric), await indexOf(word, metric)]
      const options = { k: 40, nprobe: NLIST } as const
      const exact = await flat.search(queries, { ...options, k: COUNT })
      const estimated = await index.search(queries, { ...options, rescore: false })
      const found = await index.search(queries, { ...options, rescoreNumSamples: 20 })
      let [before, after] = [0, 0]
      for (let q = 0; q < NQ; q++) {
        const known = [exact, estimated].map((result) => scoresOf(result.of(q)))
        const list = found.of(q)
        expect(new Set(list.map(({ id }) => id))).toEqual(new Set(estimated.of(q).map(({ id }) => id)))
        list.forEach(({ id, score }, i) => {
          const [truth, estimate] = known.map((scores) => scores.get(id) as number) as [number, number]
          before += Math.abs(estimate - truth)
          after += Math.abs(score - truth)
          const previous = list[i - 1] as Match | undefined
          if (!previous) return
          const last = known[1]?.get(previous.id) as number
          expect(metric === 'l2' ? last <= estimate : last >= estimate).toBe(true)
          expect(metric === 'l2' ? previous.score <= score : previous.score >= score).toBe(true)
        })
        for (const { score } of list) {
          if (metric === 'cosine') expect(Math.abs(score)).toBeLessThanOrEqual(1)
          if (metric === 'l2') expect(score).toBeGreaterThanOrEqual(0)
        }
      }
      // Those of SQ4 are as good as a line through 20 of them.
      expect(after).toBeLessThan(before * (word === 'SQ4' ? 1.03 : 1))
      expect(found.work.rescored).toBe(NQ * 20)
    },
  )
})

test('work tells each comparison: every third of 40 are 14', async () => {
  const index = await indexOf('SQ4')
  const found = await index.search(queries, { k: 40, nprobe: NLIST, rescoreNumSamples: 12 })
  expect(found.work.rescored).toBe(NQ * 14)
})

test('work counts the vectors of the cells that are visited', async () => {
  const flat = await indexOf('Flat')
  const { cellSizes, centroids } = flat
  for (const word of ['Flat', 'SQ1', 'SQ4', 'PQ10x4', 'PQ10x6']) {
    const index = await indexOf(word)
    for (const nprobe of [1, 4, NLIST]) {
      let expected = 0
      for (let q = 0; q < NQ; q++) {
        const gaps = Array.from({ length: NLIST }, (_, cell) => {
          let gap = 0
          for (let i = 0; i < DIM; i++)
            gap += ((centroids[cell * DIM + i] as number) - (queries[q * DIM + i] as number)) ** 2
          return { cell, gap }
        })
        gaps.sort((a, b) => a.gap - b.gap)
        for (const { cell } of gaps.slice(0, nprobe)) expected += cellSizes[cell] as number
      }
      const { work } = await index.search(queries, { nprobe })
      expect(work).toMatchObject({ vectors: expected, cells: NQ * nprobe })
      // A bound compares at least the answers, and seldom more than all.
      if (word === 'Flat') expect(work.rescored).toBe(0)
      else expect(work.rescored).toBeGreaterThanOrEqual(NQ * 10)
    }
  }
})

test('sort: false leaves the order of the estimates', async () => {
  const index = new FastIVFPQ(DIM, {
    nlist: NLIST,
    pqNumSubvectors: 10,
    pqNumCentroids: 32,
    kmeansMaxSteps: 20,
    kmeansPqMaxSteps: 20,
  })
  await index.train(vectors)
  const estimated = await index.search(queries, { k: 30 })
  for (const rescoreFactor of [1, 3]) {
    const sorted = await index.search(queries, { k: 10, rescoreFactor })
    const found = await index.search(queries, { k: 10, rescoreFactor, sort: false })
    for (let q = 0; q < NQ; q++) {
      const known = scoresOf(estimated.of(q))
      const scores = found.of(q).map(({ id }) => known.get(id) as number)
      expect(scores).toEqual(
        estimated
          .of(q)
          .slice(0, 10)
          .map(({ score }) => score),
      )
      const exact = scoresOf(sorted.of(q))
      for (const { id, score } of found.of(q)) expect(exact.get(id) ?? score).toBe(score)
    }
  }
  await index.close()
})
