import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Id, IvfIndex, type IvfIndexOptions, type Match, type Metric, openIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import {
  answersOf,
  COUNT,
  DIM,
  expectSame,
  type IdWord,
  idOf,
  lived,
  NLIST,
  named,
  others,
  queries,
  vectors,
} from './indexes.js'

const SPECS = [
  'Flat',
  `IVF${NLIST},Flat`,
  ...['SQ1', 'SQ2', 'SQ4', 'SQ8', 'PQ6x4', 'PQ4x6', 'PQ3x8'].map((codes) => `IVF${NLIST},${codes}`),
  'SQ4',
  `OPQ6,IVF${NLIST},PQ6x4,R3`,
  `PCA10,IVF${NLIST},SQ8`,
  `IVF${NLIST},PCA10,SQ4`,
  `IVF${NLIST},PCA12,PQ6x4`,
  `RR8,IVF${NLIST},Flat`,
  `IVF${NLIST},RR8,Flat,R2`,
  `T8,Flat`,
  `L2norm,IVF${NLIST},SQ8`,
  ...['Flat', 'SQ4', 'PQ6x4', 'PCA10,SQ8'].map((codes) => `IVF${NLIST}s,${codes}`),
  `IVF${NLIST},L2norm,Flat`,
]
const METRICS: Metric[] = ['l2', 'cosine', 'ip']
const KINDS: IdWord[] = ['rows', 'string', 'number', 'bigint']
const KEEPS = ['f32', 'f16', 'int8', 'none'] as const

/** Every spec by every metric; ids and forms of originals take turns, so that each meets each metric. */
const makes = SPECS.flatMap((spec, s) =>
  METRICS.map((metric, m) => {
    const exact = /^(IVF\d+s?,)?Flat$/.test(spec)
    const keep = exact || spec.includes('R2') || spec.includes('R3') ? undefined : KEEPS[(s + m) % 4]
    return { spec, metric, kind: KINDS[(s * 3 + m) % 4] as IdWord, ...(keep && { keep }) }
  }),
)

test.each(makes)(
  '$spec by $metric, ids $kind, originals $keep: opened it answers to the last bit, and lives on',
  async ({ kind, ...options }) => {
    const index = await lived(kind, options)
    const bytes = await index.toBytes()
    const opened = await IvfIndex.open<Id>(bytes, { threads: 0, compactAt: 1 })
    await expectSame(opened, index)
    expect(Buffer.compare(await opened.toBytes(), bytes)).toBe(0)
    for (const one of [index, opened]) {
      expect(await one.has(idOf(kind, 3))).toBe(false)
      await one.add(others.subarray(30 * DIM, 40 * DIM), named(kind, COUNT + 30, 10))
      expect(await one.remove([1, 2, 3, COUNT + 31].map((i) => idOf(kind, i)))).toBe(3)
      if (kind !== 'rows') await one.upsert(others.subarray(0, 2 * DIM), named(kind, 9, 2) as { ids: Id[] })
    }
    await expectSame(opened, index)
    const again = await IvfIndex.open<Id>(await opened.toBytes(), { threads: 0 })
    await expectSame(again, index)
    for (const one of [index, opened]) await one.compact()
    await expectSame(opened, index)
    for (const one of [index, opened, again]) await one.close()
  },
)

test.each(KINDS)('ids that are %s are had back as they are, also by get and has', async (kind) => {
  const index = await lived(kind, { spec: `IVF${NLIST},Flat`, metric: 'l2' })
  const opened = await IvfIndex.open<Id>(await index.toBytes(), { threads: 0 })
  const filter = (id: Id): boolean => typeof id === typeof idOf(kind, 0)
  const all = await opened.search(queries.subarray(0, DIM), { k: 1000, nprobe: NLIST, filter })
  const there = Array.from({ length: COUNT + 30 }, (_, i) => i).filter(
    (i) => ![0, 3, 8, 100, 101, 290, COUNT + 4].includes(i),
  )
  expect(new Set(Array.from(all.ids as ArrayLike<unknown>).slice(0, all.counts[0]))).toEqual(
    new Set(there.map((i) => idOf(kind, i))),
  )
  for (let i = 0; i < COUNT + 30; i++) {
    expect(await opened.has(idOf(kind, i))).toBe(there.includes(i))
    expect(await opened.get(idOf(kind, i))).toEqual(await index.get(idOf(kind, i)))
  }
  if (kind !== 'rows') {
    expect((await refusal(opened.add(others.subarray(0, DIM), named(kind, 1, 1)))).code).toBe('ERR_ID')
  }
  const wrong = kind === 'string' ? [1] : ['text']
  expect((await refusal(opened.add(others.subarray(0, DIM), { ids: wrong }))).code).toBe('ERR_ID')
  for (const one of [index, opened]) await one.close()
})

test.each(KINDS)('of vectors that are equally near, as many are answers, and the same: ids %s', async (kind) => {
  const random = mixture(400, 4, 9, 5)
  const grid = random.map((value) => Math.sign(value) * Math.min(1, Math.round(Math.abs(value))))
  const options = { spec: `IVF${NLIST},Flat`, metric: 'l2', dim: 4, threads: 0, ...named(kind, 0, 400) } as const
  const index = await IvfIndex.build<Id>(grid, options as IvfIndexOptions<Id>)
  await index.add(grid.subarray(0, 80), named(kind, 400, 20))
  const opened = await IvfIndex.open<Id>(await index.toBytes(), { threads: 0 })
  for (const k of [3, 50]) {
    const [found, wanted] = await Promise.all(
      [opened, index].map((one) => one.search(grid.subarray(0, 400), { k, nprobe: NLIST })),
    )
    for (let q = 0; q < 100; q++) {
      // Equals come in the order of their rows, and the rows of named vectors are numbered anew.
      const list = (matches: Match<Id>[]): string[] => {
        const all = matches.map(({ id, score }) => `${score} ${id}`)
        return kind === 'rows' ? all : all.sort()
      }
      expect(list(found!.of(q))).toEqual(list(wanted!.of(q)))
    }
  }
  for (const one of [index, opened]) await one.close()
})

test.each(['Flat', `IVF${NLIST},SQ4`, `IVF${NLIST}s,SQ4`, `PCA10,IVF${NLIST},PQ5x4`])(
  '%s, trained and empty, is opened as that',
  async (spec) => {
    const index = await IvfIndex.train<Id>(vectors, { spec, dim: DIM, metric: 'ip', threads: 0, kmeansIterations: 2 })
    const opened = await IvfIndex.open<Id>(await index.toBytes(), { threads: 0 })
    expect(opened).toMatchObject({ size: 0, trained: true })
    await expectSame(opened, index)
    for (const one of [index, opened]) await one.add(vectors, named('string', 0, COUNT))
    await expectSame(opened, index)
    expect(await opened.remove(named('string', 0, COUNT)!.ids)).toBe(COUNT)
    const emptied = await IvfIndex.open<Id>(await opened.toBytes(), { threads: 0 })
    expect(emptied.size).toBe(0)
    for (const one of [index, opened, emptied]) await one.close()
  },
)

test('an index of which all is removed, and whose memory is not had back yet, is opened empty', async () => {
  const index = await IvfIndex.build(vectors, {
    calibrate: false,
    spec: `IVF${NLIST},SQ4`,
    dim: DIM,
    threads: 0,
    compactAt: 1,
  })
  expect(await index.remove(Array.from({ length: COUNT }, (_, i) => i))).toBe(COUNT)
  const opened = await openIndex(await index.toBytes(), { threads: 0 })
  expect((await opened.search(queries, { k: 3 })).counts.every((count) => count === 0)).toBe(true)
  await opened.add(others)
  expect((await opened.search(others.subarray(0, DIM), { k: 1 })).ids[0]).toBe(COUNT)
  for (const one of [index, opened]) await one.close()
})

test('numbers of rows go on where they ended, though rows are gone', async () => {
  const index = await IvfIndex.build(vectors, {
    calibrate: false,
    spec: 'Flat',
    metric: 'l2',
    dim: DIM,
    threads: 0,
    compactAt: 0,
  })
  await index.remove([COUNT - 1, COUNT - 2])
  const opened = await IvfIndex.open(await index.toBytes(), { threads: 0 })
  await opened.add(others.subarray(0, DIM))
  expect(await opened.has(COUNT)).toBe(true)
  expect(await opened.has(COUNT - 1)).toBe(false)
  for (const one of [index, opened]) await one.close()
})

test('an id with half a character is refused, since UTF-8 has none and no file could hold it', async () => {
  const ids = ['a', 'b\ud800', 'c']
  const build = IvfIndex.build<string>(others.subarray(0, 3 * DIM), {
    calibrate: false,
    spec: 'Flat',
    dim: DIM,
    threads: 0,
    ids,
  })
  expect(await refusal(build)).toMatchObject({ code: 'ERR_ID', message: expect.stringContaining('ids[1]') })
})

describe('whatever was done to it', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('add'), count: fc.integer({ min: 1, max: 60 }) }),
    fc.record({ kind: fc.constant('remove'), count: fc.integer({ min: 1, max: 40 }) }),
    fc.record({ kind: fc.constantFrom('compact', 'reopen'), count: fc.constant(0) }),
  )
  test('an index that is saved and opened now and then is the one that never was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 7 }),
        fc.constantFrom(`IVF${NLIST},Flat`, `IVF${NLIST},SQ4`, `IVF${NLIST},PCA10,SQ8`),
        fc.constantFrom(...KINDS),
        fc.nat(1000),
        async (steps, spec, kind, seed) => {
          const settings = { spec, metric: 'l2', dim: DIM, threads: 0, kmeansIterations: 1, compactAt: 0.5 } as const
          const index = await IvfIndex.train<Id>(vectors, settings)
          let other = await IvfIndex.open<Id>(await index.toBytes(), { threads: 0, compactAt: 0.5 })
          let rows = 0
          for (const [i, { kind: what, count }] of [...steps, { kind: 'reopen', count: 0 }].entries()) {
            const gone = Array.from({ length: count }, (_, j) =>
              idOf(kind, (seed + i * 31 + j * 7) % Math.max(1, rows)),
            )
            for (const one of [index, other]) {
              if (what === 'add') await one.add(vectors.subarray(0, count * DIM), named(kind, rows, count))
              if (what === 'remove') await one.remove(gone)
              if (what === 'compact') await one.compact()
            }
            if (what === 'add') rows += count
            if (what === 'reopen') {
              const bytes = await other.toBytes()
              await other.close()
              other = await IvfIndex.open<Id>(bytes, { threads: 0, compactAt: 0.5 })
            }
          }
          expect(other.size).toBe(index.size)
          expect(await answersOf(other)).toEqual(await answersOf(index))
          for (const one of [index, other]) await one.close()
        },
      ),
      { numRuns: 40, seed: 3 },
    )
  })
})
