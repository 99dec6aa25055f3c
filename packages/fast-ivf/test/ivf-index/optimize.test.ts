import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exactSearch, IvfIndex, recall } from '../../src/index.js'
import { mixture } from '../mixture.js'

const [DIM, OLD, NEW, NQ] = [24, 1000, 6000, 60]
const first = mixture(OLD, DIM, 31)
// The same kind of data elsewhere: most of the old cells never see it.
const later = mixture(NEW + NQ, DIM, 32).map((x, i) => x * 0.7 + (i % DIM < 8 ? 2.5 : 0))
const [added, queries] = [later.slice(0, NEW * DIM), later.slice(NEW * DIM)]
const all = Float32Array.from([...first, ...added])

const SPECS = [
  'IVF16,Flat',
  'IVF16,SQ1',
  'IVF16,SQ4',
  'IVF16,SQ8',
  'IVF16,PQ6x4',
  'OPQ6,IVF16,PQ6x6',
  'PCA12,IVF16,SQ4',
  'IVF16,RR12,Flat',
  'IVF16s,Flat',
  'IVF16s,SQ4',
]

describe.each(['l2', 'ip', 'cosine'] as const)('by %s', (metric) => {
  describe.each(SPECS)('%s', (spec) => {
    const rescored = spec === 'IVF16,Flat' ? {} : { rescoreFactor: 40 }
    let index: IvfIndex
    let plain: IvfIndex
    beforeAll(async () => {
      ;[index, plain] = (await Promise.all(
        [0, 1].map(async () => {
          const made = await IvfIndex.build(first, { calibrate: false, spec, metric, dim: DIM, kmeansIterations: 4 })
          await made.add(added)
          return made
        }),
      )) as [IvfIndex, IvfIndex]
    })
    afterAll(async () => {
      await Promise.all([index.close(), plain.close()])
    })

    async function recallOf(one: IvfIndex): Promise<number> {
      const found = await one.search(queries, { k: 10, nprobe: one.nlist, ...rescored })
      const truth = await exactSearch(all, queries, { k: 10, metric, dim: DIM })
      return recall(found, truth, 10)
    }

    test('large cells are divided, nothing is lost, and everything is found as before', async () => {
      const before = index.cellSizes
      const report = await index.optimize()
      const sizes = index.cellSizes
      expect(report.split).toBeGreaterThan(0)
      expect(report.cells).toEqual({ before: 16, after: index.nlist })
      expect(sizes.length).toBe(index.nlist)
      expect(sizes.reduce((a, b) => a + b)).toBe(OLD + NEW)
      expect(report.largest.before).toBe(Math.max(...before))
      expect(report.largest.after).toBe(Math.max(...sizes))
      expect(report.largest.after).toBeLessThan(report.largest.before / 2)
      const [ours, theirs] = await Promise.all([index, plain].map((one) => recallOf(one)))
      // Codes of vectors in smaller cells are of smaller residuals.
      expect(ours).toBeGreaterThanOrEqual((theirs as number) - 0.02)
      if (!/PQ|12/.test(spec)) expect(ours).toBeGreaterThan(0.98)
    })

    test.skipIf(metric === 'ip')(
      'every vector is in its nearest cell again, so that the same work finds more',
      async () => {
        const [ours, theirs] = await Promise.all(
          [index, plain].map(async (one) => {
            const nprobe = one === index ? Math.max(2, Math.round(index.nlist / 8)) : 2
            const found = await one.search(all.subarray(0, 300 * DIM), { k: 10, nprobe, ...rescored })
            const own = Array.from({ length: 300 }, (_, i) => i).filter((i) => found.of(i).some(({ id }) => id === i))
            return { work: found.work.vectors, own: own.length }
          }),
        )
        expect(ours?.own).toBeGreaterThanOrEqual((theirs?.own as number) * 0.97)
        expect(ours?.work).toBeLessThan((theirs?.work as number) * 1.5)
      },
    )

    test('it goes on living: saved, opened, added to, removed from', async () => {
      const again = await IvfIndex.open(await index.toBytes())
      const [a, b] = await Promise.all([index, again].map((one) => one.search(queries, { k: 5, nprobe: 6 })))
      expect(b?.ids).toEqual(a?.ids)
      expect(b?.scores).toEqual(a?.scores)
      expect(again.spec).toBe(index.spec)
      await again.add(queries)
      expect(await again.remove([3, 5000])).toBe(2)
      await again.optimize({ cellSize: 40 })
      expect(again.size).toBe(OLD + NEW + NQ - 2)
      expect(await again.has(3)).toBe(false)
      const own = await again.search(queries, { k: 10, nprobe: again.nlist, ...rescored })
      const found = Array.from({ length: NQ }, (_, q) => own.of(q).some(({ id }) => id === OLD + NEW + q))
      if (metric !== 'ip') expect(found.filter(Boolean).length).toBeGreaterThan(NQ * 0.9)
      await again.close()
    })
  })
})

test('tiny cells are given up, and what is in order stays as it is', async () => {
  const index = await IvfIndex.build(first, { calibrate: false, spec: 'IVF20,Flat', dim: DIM })
  const report = await index.optimize({ cellSize: 10_000 })
  expect(report.dissolved).toBe(19)
  expect(index.nlist).toBe(1)
  expect(index.nprobe).toBe(1)
  const same = await index.optimize()
  expect(same).toEqual({
    split: 0,
    dissolved: 0,
    moved: 0,
    cells: { before: 1, after: 1 },
    largest: { before: OLD, after: OLD },
  })
  await index.close()
})

test('aborted it leaves everything as it was', async () => {
  const index = await IvfIndex.build(first, { calibrate: false, spec: 'IVF8,SQ4', dim: DIM })
  const before = await index.toBytes()
  for (const at of [1, 2, 3]) {
    const controller = new AbortController()
    let seen = 0
    const onProgress = (): void => {
      if (++seen === at) controller.abort(new Error('enough'))
    }
    await expect(index.optimize({ cellSize: 30, signal: controller.signal, onProgress })).rejects.toThrow('enough')
    expect(await index.toBytes()).toEqual(before)
  }
  await index.close()
})

test('projected vectors alone cannot be given to other cells', async () => {
  const index = await IvfIndex.build(first, { calibrate: false, spec: 'IVF8,PCA6,SQ4', dim: DIM, keep: 'none' })
  await expect(index.optimize()).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await index.close()
})
