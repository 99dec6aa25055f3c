import { describe, expect, test } from 'vitest'
import { FastIVF, FastIVFPQ, type Id, IvfIndex, type IvfIndexOptions, type Metric } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { METRICS } from './matches.js'
import { expectNearest, storedAs } from './plain.js'

const [DIM, COUNT, NQ, NLIST] = [12, 700, 30, 6]
const vectors = mixture(COUNT, DIM, 71, 12)
const queries = mixture(NQ, DIM, 72, 12)
const queryOf = (q: number): Float32Array => queries.subarray(q * DIM, (q + 1) * DIM)
const nameOf = (row: number): string => `№ ${row}`
const rowOf = (id: string): number => Number(id.slice(2))
const settings = { dim: DIM, threads: 0, kmeansIterations: 2, compactAt: 1 } as const
const whole = { nprobe: NLIST }

/** What is allowed, from nearly everything to nothing; far: all in one region. */
const far = mixture(1, DIM, 73, 12)
const FILTERS: [string, (row: number) => boolean][] = [
  ['all but a few', (row) => row % 50 !== 1],
  ['half', (row) => (row * 7) % 2 === 0],
  ['a tenth', (row) => row % 10 === 3],
  ['three', (row) => row === 33 || row === 250 || row === 699],
  ['none', () => false],
  [
    'a region',
    (row) => vectors.subarray(row * DIM, (row + 1) * DIM).reduce((d, x, i) => d + (x - (far[i] as number)) ** 2, 0) < 4,
  ],
]

describe.each(METRICS)('by %s', (metric) => {
  test.each<[string, IvfIndexOptions, object]>([
    ['Flat', {}, {}],
    ...['SQ1', 'SQ2', 'SQ4', 'SQ8'].map((word): [string, object, object] => [word, {}, { epsilon: 100 }]),
    ['SQ4', { keep: 'f16' }, { epsilon: 100 }],
    ['SQ1', { keep: 'int8' }, { rescoreFactor: COUNT }],
    ['PQ6x4', {}, { rescoreFactor: COUNT }],
    ['PQ4x6', { keep: 'int8' }, { rescoreFactor: COUNT }],
    ['PCA6,SQ4', {}, { rescoreFactor: COUNT }],
    ['PCA6,Flat', { keep: 'f16' }, { rescoreFactor: COUNT }],
  ])('%s %o: the nearest of those allowed are found, whatever was removed', async (word, options, search) => {
    const index = await livingIndex(word, metric, options)
    const stored = await storedIn(index)
    for (const [, allows] of FILTERS) {
      const allowed = [...stored.keys()].filter((id) => allows(rowOf(id)))
      // Ids that are not there allow nothing.
      const asked = [...allowed, nameOf(0), nameOf(5000)]
      const filters = [new Set(asked), asked, (id: string) => allows(rowOf(id))]
      for (const [nq, k] of [
        [1, 10],
        [NQ, 10],
        [3, COUNT],
      ] as const) {
        const filter = filters[nq % 3] as (id: string) => boolean
        const found = await index.search(queries.subarray(0, nq * DIM), { ...whole, ...search, k, filter })
        for (let q = 0; q < nq; q++) {
          // Under cosine what is kept has length 1 but for its rounding, and is taken as it is.
          const [query, sense] =
            metric === 'cosine' ? [storedAs(metric, queryOf(q)), 'ip' as const] : [queryOf(q), metric]
          expectNearest(found.of(q), stored, query, sense, k, (id) => allows(rowOf(id)))
        }
      }
    }
    await index.close()
  })

  test.each(['SQ1', 'SQ8', 'PQ6x4', 'PCA6,SQ4', 'PCA6,Flat'])(
    '%s alone: answers are those of all that are allowed',
    async (word) => {
      const index = await livingIndex(word, metric, { keep: 'none' })
      const all = await index.search(queries, { ...whole, k: COUNT })
      for (const [, allows] of FILTERS) {
        const filter = (id: string): boolean => allows(rowOf(id))
        for (const k of [3, COUNT]) {
          const [found, one] = [
            await index.search(queries, { ...whole, k, filter }),
            await index.search(queryOf(0), { ...whole, k, filter }),
          ]
          const wanted = Array.from({ length: NQ }, (_, q) =>
            all
              .of(q)
              .filter(({ id }) => filter(id))
              .slice(0, k),
          )
          for (const [q, list] of wanted.entries()) expect(found.of(q)).toEqual(list)
          expect(one.of(0)).toEqual(wanted[0])
        }
      }
      await index.close()
    },
  )
})

test('standard errors are those of the answers, filtered or not', async () => {
  const index = await livingIndex('SQ4', 'l2', { keep: 'none' })
  const options = { ...whole, k: COUNT, confidence: true }
  const all = await index.search(queries, options)
  const errors = all.of(3).map(({ id, score, error }) => ({ id, score, error }))
  const found = await index.search(queries, { ...options, filter: (id) => rowOf(id) % 10 === 3 })
  expect(found.of(3).map(({ id, score, error }) => ({ id, score, error }))).toEqual(
    errors.filter(({ id }) => rowOf(id) % 10 === 3),
  )
  await index.close()
})

test('a filter is asked once for each vector that is there, and no other', async () => {
  const index = await livingIndex('Flat', 'l2')
  const asked: string[] = []
  await index.search(queries, { filter: (id) => asked.push(id) > 0 })
  expect(new Set(asked).size).toBe(asked.length)
  expect(new Set(asked)).toEqual(new Set((await storedIn(index)).keys()))
  await index.close()
})

test('a filter that throws rejects the search with what it threw', async () => {
  const index = await livingIndex('SQ4', 'cosine')
  const error = new Error('no')
  let calls = 0
  const filter = (): boolean => {
    if (++calls === 100) throw error
    return true
  }
  const before = (await index.search(queries)).of(0)
  await expect(index.search(queries, { filter })).rejects.toBe(error)
  expect((await index.search(queries)).of(0)).toEqual(before)
  await index.close()
})

test.each([['№ 5'], [5], [null], [true], [{}], [Symbol('filter')]])('%s is no filter', async (filter) => {
  const index = await livingIndex('Flat', 'l2')
  expect(await refusal(index.search(queries, { filter: filter as unknown as string[] }))).toMatchObject({
    code: 'ERR_ARGUMENT',
    message: expect.stringMatching(/^filter is .*set or array of ids/),
  })
  await index.close()
})

test('ids of rows and numbers filter, by typed arrays too, and other kinds allow nothing', async () => {
  const index = await IvfIndex.build<Id>(vectors, { calibrate: false, ...settings, spec: 'IVF6,Flat', metric: 'l2' })
  const rows = new Map<Id, Float32Array>([[7, 8, 400].map((id) => [id, vectorAt(id)] as const)].flat())
  for (const filter of [Uint32Array.of(7, 8, 400, 9999), [7, 8, 400, 7.5, -1], new Set([7, 8, 400, 'x', 7n])]) {
    const found = await index.search(queries, { ...whole, k: 5, filter: filter as Id[] })
    for (let q = 0; q < NQ; q++) expectNearest(found.of(q), rows, queryOf(q), 'l2', 5)
  }
  expect([...(await index.search(queries, { filter: new Set<Id>(['7', 7n]) })).counts]).toEqual(new Array(NQ).fill(0))
  await index.close()
})

test('a zero query has no answers by cosine, and a zero vector is none, however few are allowed', async () => {
  const some = vectors.slice(0, 200 * DIM)
  for (const row of [3, 4, 150]) some.fill(0, row * DIM, (row + 1) * DIM)
  const asked = queries.slice(0, 3 * DIM).fill(0, DIM, 2 * DIM)
  for (const [word, options] of [
    ['Flat', {}],
    ['SQ4', {}],
    ['SQ4', { keep: 'none' }],
    ['PQ6x4', { keep: 'int8' }],
  ] as const) {
    const index = await IvfIndex.build(some, { calibrate: false, ...settings, spec: `IVF${NLIST},${word}`, ...options })
    for (const most of [5, 160]) {
      const found = await index.search(asked, { ...whole, k: 200, filter: (id) => id < most })
      expect([...found.counts]).toEqual([most === 5 ? 3 : 157, 0, most === 5 ? 3 : 157])
      expect(found.of(2).some(({ id }) => [3, 4, 150].includes(id))).toBe(false)
    }
    await index.close()
  }
})

test('the original classes filter, too', async () => {
  const common = { nlist: NLIST, kmeansMaxSteps: 3, threads: 0, metric: 'l2' } as const
  const stored = new Map([5, 50, 500].map((id) => [id, vectorAt(id)]))
  for (const index of [
    new FastIVF(DIM, common),
    new FastIVFPQ(DIM, { ...common, pqNumSubvectors: 6, pqNumCentroids: 16, kmeansPqMaxSteps: 3 }),
  ]) {
    await index.train(vectors)
    const found = await index.search(queries, { ...whole, k: 10, filter: new Set(stored.keys()) })
    for (let q = 0; q < NQ; q++) expectNearest(found.of(q), stored, queryOf(q), 'l2', 10)
    await index.close()
  }
})

/** Three parts, from each of which some are gone. */
async function livingIndex(word: string, metric: Metric, options: IvfIndexOptions = {}): Promise<IvfIndex<string>> {
  const spec = word.startsWith('PCA') ? word.replace(',', `,IVF${NLIST},`) : `IVF${NLIST},${word}`
  const names = Array.from({ length: COUNT }, (_, row) => nameOf(row))
  const { keep } = options
  const make = { ...settings, spec, metric, ...(keep && { keep }), ids: names.slice(0, 500) }
  const index = await IvfIndex.build<string>(vectors.subarray(0, 500 * DIM), make)
  await index.add(vectors.subarray(500 * DIM, 640 * DIM), { ids: names.slice(500, 640) })
  await index.remove(names.filter((_, row) => row % 6 === 0))
  await index.add(vectors.subarray(640 * DIM), { ids: names.slice(640) })
  return index
}

/** All vectors that an index of `livingIndex` holds, as it gives them back. */
async function storedIn(index: IvfIndex<string>): Promise<Map<string, Float32Array>> {
  const stored = new Map<string, Float32Array>()
  for (let row = 0; row < COUNT; row++) {
    const vector = await index.get(nameOf(row))
    if (vector) stored.set(nameOf(row), vector)
  }
  expect(stored.size).toBe(index.size)
  return stored
}

function vectorAt(row: number): Float32Array {
  return vectors.subarray(row * DIM, (row + 1) * DIM)
}
