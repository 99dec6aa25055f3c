import { afterAll, describe, expect, test } from 'vitest'
import { exportFaiss, importFaiss } from '../../src/faiss.js'
import { exactSearch, IvfIndex, type IvfIndexOptions, type IvfIndexSearchOptions, recall } from '../../src/index.js'
import { COUNT, DIM, inOrder, METRICS, NLIST, NQ, queries, vectors } from './matches.js'
import { expectSpilled } from './spilled.js'

const CASES: [codes: string, options: IvfIndexOptions][] = [
  ['Flat', {}],
  ['SQ8', { keep: 'int8' }],
  ['SQ4', { keep: 'f32' }],
  ['SQ1', { keep: 'f16' }],
  ['SQ1', { keep: 'none' }],
  ['PQ10x4', { keep: 'f32' }],
  ['PQ8x6', { keep: 'none' }],
  ['PCA20,SQ4', { keep: 'f32' }],
]
const all = Array.from({ length: COUNT }, (_, i) => i)
const one = queries.subarray(0, DIM)

const indexes = new Map<string, Promise<IvfIndex>>()
afterAll(async () => {
  for (const index of indexes.values()) await (await index).close()
})

function indexOf(spec: string, options: IvfIndexOptions): Promise<IvfIndex> {
  const name = JSON.stringify([spec, options])
  const index =
    indexes.get(name) ?? IvfIndex.build(vectors, { calibrate: false, spec, dim: DIM, kmeansIterations: 4, ...options })
  indexes.set(name, index)
  return index
}

/** Ways to search that an index has. */
function waysOf({ keep, spec }: IvfIndex): IvfIndexSearchOptions[] {
  const bounded = /,SQ/.test(spec) && !spec.includes('PCA')
  return [
    {},
    ...(keep === 'none' ? [] : [{ rescoreFactor: 3 }, { rescoreNumSamples: 5 }, { rescore: false }]),
    ...(bounded ? [{ rescore: false, confidence: true }] : []),
    ...(bounded && keep !== 'none' ? [{ epsilon: 0.5 }, { epsilon: 3, k: 1 }] : []),
  ]
}

describe.each(METRICS)('by %s', (metric) => {
  describe.each(CASES)('%s, %j', (codes, options) => {
    const both = (): Promise<[IvfIndex, IvfIndex]> =>
      Promise.all(['s', ''].map((s) => indexOf(`IVF${NLIST}${s},${codes}`, { metric, ...options }))) as Promise<
        [IvfIndex, IvfIndex]
      >

    test('every vector is in one second cell, and in no other', async () => {
      const [spilled, plain] = await both()
      expect(await expectSpilled(spilled)).toBe(COUNT)
      expect(spilled.cellSizes).toEqual(plain.cellSizes)
      expect(spilled.size).toBe(COUNT)
    })

    test('no answer comes twice, and k come where there are k', async () => {
      const [index] = await both()
      for (const way of waysOf(index)) {
        for (const nprobe of [1, 2, 3, 7, NLIST]) {
          const found = await index.search(queries, { k: 20, nprobe, ...way })
          for (let q = 0; q < NQ; q++) {
            const ids = found.of(q).map(({ id }) => id)
            expect(new Set(ids).size).toBe(ids.length)
            expect(ids.length).toBe(found.k)
          }
        }
      }
      const whole = await index.search(one, { k: COUNT + 5, nprobe: NLIST })
      expect(new Set(whole.of(0).map(({ id }) => id)).size).toBe(COUNT)
    })

    test('where all cells are visited, answers are those without second cells, to the last bit', async () => {
      const [spilled, plain] = await both()
      for (const way of waysOf(spilled)) {
        const asked = { k: 12, nprobe: NLIST, ...way }
        const [found, wanted] = await Promise.all([spilled, plain].map((index) => index.search(queries, asked)))
        for (const field of ['ids', 'scores', 'counts', 'errors', 'confidences'] as const) {
          expect(found?.[field]).toEqual(wanted?.[field])
        }
        expect(found?.work.rescored).toBe(wanted?.work.rescored)
      }
    })

    test('a query alone gets the answers that it gets among others', async () => {
      const [index] = await both()
      for (const way of waysOf(index)) {
        const asked = { k: 9, nprobe: 4, ...way }
        const found = await index.search(queries, asked)
        let scored = 0
        for (let q = 0; q < NQ; q++) {
          const alone = await index.search(queries.subarray(q * DIM, (q + 1) * DIM), asked)
          expect(alone.of(0)).toEqual(found.of(q))
          scored += alone.work.vectors
        }
        expect(scored).toBe(found.work.vectors)
      }
    })

    test('only what a filter allows is an answer, however few that are', async () => {
      const [spilled, plain] = await both()
      for (const allowed of [all.filter((i) => i % 3 === 0), all.filter((i) => i % 60 === 7), [5, 1900], []]) {
        const ids = new Set(allowed)
        const selection = await spilled.select(ids)
        for (const filter of [ids, selection, (id: number) => ids.has(id)]) {
          const few = await spilled.search(queries, { nprobe: 1, filter })
          for (let q = 0; q < NQ; q++) {
            const own = few.of(q).map(({ id }) => id)
            expect(own.every((id) => ids.has(id))).toBe(true)
            expect(new Set(own).size).toBe(Math.min(10, ids.size))
          }
          const [found, wanted] = await Promise.all(
            [spilled, plain].map((index) =>
              index.search(queries, { nprobe: NLIST, filter: filter === selection ? ids : filter }),
            ),
          )
          expect(found?.ids).toEqual(wanted?.ids)
        }
      }
    })

    test('what stays in a file answers as what is in memory', async () => {
      const [index] = await both()
      const bytes = await index.toBytes()
      const far = await IvfIndex.open(bytes, { resident: 'centroids', threads: 0 })
      expect(far.cellSizes).toEqual(index.cellSizes)
      expect(far.spec).toBe(index.spec)
      const ways = waysOf(index).filter(({ epsilon, confidence }) => epsilon === undefined && !confidence)
      for (const way of ways) {
        // A bound needs the vectors themselves while it scans.
        const asked = {
          nprobe: 3,
          ...(Object.keys(way).length === 0 && index.keep !== 'none' ? { rescoreFactor: 4 } : way),
        }
        const [found, wanted] = [await far.search(queries, asked), await index.search(queries, asked)]
        // Equals come in the order in which they are stored.
        for (let q = 0; q < NQ; q++) {
          expect(inOrder(found.of(q), metric)).toEqual(inOrder(wanted.of(q), metric))
        }
      }
      const filter = (id: number): boolean => id % 5 === 1
      const found = await far.search(queries, { nprobe: 2, filter })
      for (let q = 0; q < NQ; q++) {
        const own = found.of(q).map(({ id }) => id)
        expect(own.every(filter)).toBe(true)
        expect(new Set(own).size).toBe(10)
      }
      const alone = await far.search(one, { nprobe: 3 })
      expect(alone.work.read?.rounds).toBeLessThanOrEqual(2)
      await far.close()
    })
  })

  // A vector that the nearest cell does not hold is likely to be in the next one's.
  test.each([
    ['Flat', 1, 0.15],
    ['SQ8', 1, 0.15],
    ['SQ4', 2, 0.12],
    ['PQ10x4', 1, 0.1],
  ])('%s: at nprobe %i more is found than without second cells', async (codes, nprobe, more) => {
    const options = codes === 'Flat' ? {} : { rescoreFactor: 10 }
    const truth = await exactSearch(vectors, queries, { k: 10, metric, dim: DIM })
    const [found, without] = await Promise.all(
      ['s', ''].map(async (s) => {
        const index = await indexOf(`IVF${NLIST}${s},${codes}`, { metric })
        return recall(await index.search(queries, { nprobe, ...options }), truth, 10)
      }),
    )
    expect(found).toBeGreaterThan((without as number) + more)
  })
})

test('codes are stored twice, the vectors kept beside them once', async () => {
  for (const [codes, least, most] of [
    ['Flat', 1.9, 2.3],
    ['SQ4', 1.9, 2.6],
  ] as const) {
    const [spilled, plain] = await Promise.all(['s', ''].map((s) => indexOf(`IVF${NLIST}${s},${codes}`, {})))
    const ratio = (spilled as IvfIndex).codeBytes / (plain as IvfIndex).codeBytes
    expect(ratio).toBeGreaterThan(least)
    expect(ratio).toBeLessThan(most)
    const [kept, before] = [spilled, plain].map((index) => (index?.bytes ?? 0) - COUNT * (index?.codeBytes ?? 0))
    expect(kept).toBeCloseTo(before as number, 0)
  }
})

test('a vector that is its own centroid has no second cell, and is found', async () => {
  const few = vectors.subarray(0, 30 * DIM)
  const index = await IvfIndex.build(few, { calibrate: false, spec: 'IVF30s,Flat', metric: 'l2', dim: DIM, threads: 0 })
  expect(await expectSpilled(index)).toBeLessThan(30)
  const found = await index.search(few, { k: 1, nprobe: 1 })
  expect([...found.scores]).toEqual(new Array(30).fill(0))
  expect((await index.search(few, { k: 40, nprobe: 30 })).counts).toEqual(new Uint32Array(30).fill(30))
  await index.close()
})

test('vectors that are all equal, all zero or very large are stored and found', async () => {
  for (const value of [0, 1, 1e18]) {
    const same = new Float32Array(20 * 4).fill(value)
    same.set([1, 2, 3, 4], 4)
    const index = await IvfIndex.build(same, { calibrate: false, spec: 'IVF3s,Flat', metric: 'l2', dim: 4, threads: 0 })
    await expectSpilled(index)
    const found = (await index.search(same.subarray(4, 8), { k: 30, nprobe: 3 })).of(0)
    expect(found[0]).toEqual({ id: 1, score: 0 })
    expect(new Set(found.map(({ id }) => id)).size).toBe(20)
    await index.close()
  }
})

test('second cells live with the index: added to, merged, removed from, compacted, optimized, opened', async () => {
  for (const codes of ['Flat', 'SQ4', 'PQ10x4'] as const) {
    for (const keep of codes === 'Flat' ? (['none'] as const) : (['f32', 'none'] as const)) {
      const spec = `IVF${NLIST}s,${codes}`
      const kept = codes === 'Flat' ? {} : { keep }
      const index = await IvfIndex.train(vectors, {
        spec,
        metric: 'l2',
        dim: DIM,
        kmeansIterations: 2,
        compactAt: 1,
        ...kept,
      })
      for (let from = 0; from < 1000; from += 125) await index.add(vectors.subarray(from * DIM, (from + 125) * DIM))
      expect(await expectSpilled(index)).toBe(1000)
      await index.remove(all.slice(0, 1000).filter((i) => i % 3 === 0))
      expect(await expectSpilled(index)).toBe(666)
      const found = await index.search(queries, { k: 700, nprobe: NLIST, rescore: false })
      expect(found.counts).toEqual(new Uint32Array(NQ).fill(666))
      expect(found.ids.every((id) => !(id % 3 === 0))).toBe(true)
      await index.compact()
      expect(await expectSpilled(index)).toBe(666)
      await index.add(vectors.subarray(1000 * DIM))
      const report = await index.optimize({ cellSize: 40 })
      expect(report.split).toBeGreaterThan(0)
      expect(index.spec).toBe(`IVF${index.nlist}s,${codes}`)
      expect(await expectSpilled(index)).toBe(666 + COUNT - 1000)
      const opened = await IvfIndex.open(await index.toBytes(), { threads: 0 })
      expect(await expectSpilled(opened)).toBe(666 + COUNT - 1000)
      const [own, other] = await Promise.all([index, opened].map((one) => one.search(queries, { nprobe: 3 })))
      expect(own?.ids).toEqual(other?.ids)
      await index.close()
      await opened.close()
    }
  }
})

test('faiss is given each vector once', async () => {
  const index = await indexOf(`IVF${NLIST}s,Flat`, { metric: 'l2' })
  const chunks: Uint8Array[] = []
  const target = new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk.slice()) })
  await exportFaiss(index, target)
  const back = await importFaiss(Buffer.concat(chunks), { threads: 0 })
  expect(back.size).toBe(COUNT)
  expect(back.spec).toBe(`IVF${NLIST},Flat`)
  const [found, wanted] = await Promise.all([back, index].map((own) => own.search(queries, { nprobe: NLIST })))
  expect(found?.ids).toEqual(wanted?.ids)
  await back.close()
})
