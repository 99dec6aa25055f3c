import { afterAll, describe, expect, test } from 'vitest'
import { CompressedFastIVF, exactSearch, FastIVF, FastIVFPQ, IvfIndex, type Metric } from '../../src/index.js'
import { METRICS } from '../ivf-index/matches.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const [DIM, COUNT, NQ, K, NLIST] = [16, 6000, 30, 10, 60]
const all = mixture(COUNT + NQ, DIM, 71)
const vectors = all.subarray(0, COUNT * DIM)
const queryOf = (q: number): Float32Array => all.subarray((COUNT + q) * DIM, (COUNT + q + 1) * DIM)
const removed = Array.from({ length: 400 }, (_, i) => 11 * i)
const rows = Array.from({ length: COUNT }, (_, row) => row).filter((row) => !removed.includes(row))
const there = rows.map((row) => vectors.subarray(row * DIM, (row + 1) * DIM))

const indexes = new Map<Metric, IvfIndex>()
for (const metric of METRICS) {
  const settings = {
    spec: `IVF${NLIST},SQ4`,
    dim: DIM,
    metric,
    kmeansIterations: 3,
    compactAt: 1,
    calibrate: false,
  } as const
  const index = await IvfIndex.build(vectors.subarray(0, 5000 * DIM), settings)
  await index.add(vectors.subarray(5000 * DIM))
  await index.remove(removed)
  await index.calibrate({ k: K })
  indexes.set(metric, index)
}
afterAll(async () => {
  for (const index of indexes.values()) await index.close()
})

describe.each(METRICS)('by %s', (metric) => {
  const index = indexes.get(metric) as IvfIndex

  test.each([
    [{ nprobe: 1 }, 'nprobe'],
    [{ nprobe: 7, rescore: false }, 'nprobe'],
    [{ nprobe: 20, ratioThreshold: 0.75 }, 'ratio'],
    [{ recall: 0.8 }, 'recall'],
    [{ recall: 0.95, k: 5 }, 'recall'],
    [{ nprobe: NLIST }, 'whole'],
  ] as const)('%o: it is the search that it explains', async (options, reason) => {
    const stopped = new Set<string>()
    for (let q = 0; q < NQ; q++) {
      const told = await index.explain(queryOf(q), { ...options, check: true })
      const found = await index.search(queryOf(q), options)
      const { vectors: scored, cells, rescored } = found.work
      expect(told).toMatchObject({ answers: found.of(0), visited: cells, scored, rescored })
      expect(told.recallEstimate).toBe(found.recallEstimate?.[0])
      const visited = told.cells.filter((cell) => cell.visited)
      expect(visited.length).toBe(cells)
      expect(visited.reduce((sum, { size }) => sum + size, 0)).toBe(scored)
      stopped.add(told.stopped)
    }
    expect([...stopped]).toContain(reason)
    if (reason !== 'ratio') expect([...stopped]).toEqual([reason])
  })

  test('the true neighbours are where it says, and those that it missed are the ones that are not among the answers', async () => {
    const queries = all.subarray(COUNT * DIM)
    const truth = await exactSearch(there, queries, { k: K, metric, dim: DIM })
    for (const options of [{ nprobe: 2 }, { recall: 0.8 }, { nprobe: 2, rescore: false }]) {
      for (let q = 0; q < NQ; q++) {
        const { cells, answers, missed = [], recall } = await index.explain(queryOf(q), { ...options, check: true })
        const known = truth.of(q).map(({ id, score }) => ({ id: rows[id] as number, score }))
        const found = new Set(answers.map(({ id }) => id))
        expect(missed.map(({ id }) => id)).toEqual(known.flatMap(({ id }) => (found.has(id) ? [] : id)))
        expect(recall).toBeCloseTo(1 - missed.length / K, 10)
        expect(cells.reduce((sum, { neighbours = 0 }) => sum + neighbours, 0)).toBe(K)
        for (const { id, score, cell, rank, reason } of missed) {
          expect(score).toBeCloseTo(known.find((one) => one.id === id)?.score as number, 3)
          const own = cells.find((one) => one.cell === cell)
          expect(own).toMatchObject({ rank })
          expect(reason).toBe(own?.visited ? 'lost by its code' : 'cell not visited')
        }
      }
    }
  })

  test('cells are ranked by the distance to their centroid, in the sense of the metric', async () => {
    const query = queryOf(3)
    const { cells } = await index.explain(query, { nprobe: NLIST })
    const length = metric === 'cosine' ? Math.sqrt(query.reduce((sum, x) => sum + x * x, 0)) : 1
    expect(cells.map(({ rank }) => rank)).toEqual(cells.map((_, i) => i))
    expect(new Set(cells.map(({ cell }) => cell)).size).toBe(NLIST)
    for (const { cell, distance } of cells) {
      const centroid = index.centroids.subarray(cell * DIM, (cell + 1) * DIM)
      const each = (of: (x: number, c: number) => number): number =>
        query.reduce((sum, x, i) => sum + of(x / length, centroid[i] as number), 0)
      expect(distance).toBeCloseTo(each(metric === 'l2' ? (x, c) => (x - c) ** 2 : (x, c) => x * c), 3)
    }
    const own = cells.map(({ distance }) => distance)
    expect(own).toEqual([...own].sort((a, b) => (metric === 'l2' ? a - b : b - a)))
    expect(cells.map(({ size, cell }) => size === index.cellSizes[cell])).not.toContain(false)
  })

  test('with a recall, what was visited is what is expected to hold enough, behind the nearest', async () => {
    let skipped = 0
    for (let q = 0; q < NQ; q++) {
      const { cells, threshold = 0, visited } = await index.explain(queryOf(q), { recall: 0.9 })
      expect(threshold).toBeGreaterThan(0)
      const first = cells.findIndex((cell) => !cell.visited)
      for (const { rank, visited, share } of cells) {
        // Patience had ended before.
        if (share === undefined) {
          expect(visited).toBe(false)
          continue
        }
        expect(share).toBeGreaterThanOrEqual(0)
        if (share >= threshold) expect(visited).toBe(true)
        else if (visited) expect(rank).toBeLessThan(16)
      }
      if (first >= 0) skipped += cells.length - visited
    }
    expect(skipped).toBeGreaterThan(0)
  })
})

test('the text says what was looked at, why it stopped, and where the neighbours are', async () => {
  const index = indexes.get('l2') as IvfIndex
  const one = await index.explain(queryOf(0), { nprobe: 1, check: true })
  expect(one.text.split('\n')).toEqual([
    `10 answers from 1 of ${NLIST} cells: ${one.scored} vectors scored, ${one.rescored} compared exactly.`,
    'It stopped because nprobe is 1.',
    expect.stringMatching(
      /^It found \d+ % of the 10 true nearest: (\d+ in the nearest cell)?(, )?(\d+ in cells that were not)?\.$/,
    ),
    ...(one.missed ?? [])
      .slice(0, 5)
      .map(() =>
        expect.stringMatching(/^Missed: \d+ \([\d.]+\), in cell \d+, the query's .* nearest: cell not visited\.$/),
      ),
    ...((one.missed?.length ?? 0) > 5 ? [expect.stringMatching(/^… and \d more\.$/)] : []),
  ])
  const asked = await index.explain(queryOf(0), { recall: 0.9 })
  expect(asked.text).toMatch(
    /\nBehind the nearest (cell|\d+ cells), those were visited that can be expected to hold at least [\d.]+ % of the neighbours; \d+ of those looked at were skipped.*\nIt can be expected to have found [\d.]+ % of the true nearest\.$/,
  )
  expect(asked).not.toHaveProperty('recall')
  expect(asked).not.toHaveProperty('missed')
  expect(asked.cells[0]).not.toHaveProperty('neighbours')
  expect((await index.explain(queryOf(0), { nprobe: NLIST })).text).toMatch(/\nIt visited every cell\.$/)
})

test('ids of an index’s own are told, and every class explains itself', async () => {
  const ids = Array.from({ length: COUNT }, (_, row) => `№ ${row}`)
  const named = await IvfIndex.build<string>(vectors, { spec: 'IVF20,SQ2', dim: DIM, ids, keep: 'none' })
  const { answers, missed } = await named.explain(queryOf(1), { nprobe: 2, check: true })
  for (const { id } of [...answers, ...(missed ?? [])]) expect(id).toMatch(/^№ \d+$/)
  await named.close()
  const settings = { nlist: 20, kmeansMaxSteps: 10 } as const
  for (const one of [
    new FastIVF(DIM, settings),
    new FastIVFPQ(DIM, { ...settings, pqNumSubvectors: 8, pqNumCentroids: 16 }),
    new CompressedFastIVF(DIM, { ...settings, compressionNdim: 8, compressor: 'pca', metric: 'l2' }),
  ]) {
    await one.train(vectors)
    const told = await one.explain(queryOf(1), { k: K, nprobe: 20, ratioThreshold: 0, check: true })
    expect(told).toMatchObject({ stopped: 'whole', visited: 20, scored: COUNT })
    if (one instanceof FastIVF) expect(told).toMatchObject({ recall: 1, missed: [] })
    else expect(told.missed?.every(({ reason }) => reason === 'lost by its code')).toBe(true)
    await one.close()
  }
})

test('equal vectors are no loss: which of them are answers is chance', async () => {
  const same = new Float32Array(400 * DIM).map((_, i) => (i % DIM) + 1)
  const index = await IvfIndex.build(same, { spec: 'IVF4,Flat', dim: DIM, metric: 'l2' })
  const { missed = [] } = await index.explain(same.subarray(0, DIM), { nprobe: 4, check: true })
  expect(missed.every(({ reason }) => reason === 'tied')).toBe(true)
  await index.close()
})

test('a query of zeros has no cosine: nothing is visited, and nothing was to be found', async () => {
  const index = indexes.get('cosine') as IvfIndex
  for (const options of [{ nprobe: 3 }, { recall: 0.9 }]) {
    const told = await index.explain(new Float32Array(DIM), { ...options, check: true })
    expect(told).toMatchObject({ stopped: 'zero', visited: 0, scored: 0, answers: [], missed: [], recall: 1 })
    expect(told.text).toMatch(/A query of zeros has no direction.*\nThere was nothing to be found\.$/)
  }
})

test.each([
  [all.subarray(0, 2 * DIM), {}, 'ERR_ARGUMENT', /^query holds 2 vectors/],
  [all.subarray(0, 3), {}, 'ERR_DIM', /dim/],
  [queryOf(0), { filter: [1] }, 'ERR_ARGUMENT', /^filter is given/],
  [queryOf(0), { check: 1 as never }, 'ERR_ARGUMENT', /^check is 1/],
  [queryOf(0), { nprobe: NLIST + 1 }, 'ERR_ARGUMENT', /^nprobe is 61/],
])('explaining is refused for %#', async (query, options, code, message) => {
  const index = indexes.get('l2') as IvfIndex
  expect(await refusal(index.explain(query, options as object))).toMatchObject({
    code,
    message: expect.stringMatching(message),
  })
})
