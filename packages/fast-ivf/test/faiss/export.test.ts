import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FaissIndex } from '../../src/faiss/description.js'
import { type ExportOptions, exportFaiss, importFaiss } from '../../src/faiss.js'
import { FastIVFPQ } from '../../src/fast-ivf-pq.js'
import { IvfIndex, type IvfIndexOptions } from '../../src/ivf-index.js'
import type { Id } from '../../src/options.js'
import { recall } from '../../src/recall.js'
import { expectError } from '../formats/files.js'
import { mixture } from '../mixture.js'
import { answersOf, expectFound, exported, faissAnswers, python } from './answers.js'
import { fixtureBytes, parse } from './fixtures.js'

const [COUNT, DIM] = [600, 16]
const vectors = mixture(COUNT, DIM, 31)
const queries = mixture(8, DIM, 32)

/** Those whose scores faiss has, too: not 4-bit product codes, whose tables are rounded, nor our scalar codes. */
const CASES: [spec: string, options: Partial<IvfIndexOptions>][] = [
  ...(['l2', 'ip', 'cosine'] as const).flatMap((metric): [string, Partial<IvfIndexOptions>][] => [
    ['Flat', { metric }],
    ['IVF12,Flat', { metric }],
    ['PCA8,IVF12,Flat', { metric, keep: 'none' }],
    ['T8,Flat', { metric, keep: 'none' }],
    ['PCA8,IVF12,Flat,R3', { metric }],
    ['IVF12,SQ4', { metric, keep: 'f32' }],
  ]),
  ...(['l2', 'ip'] as const).flatMap((metric): [string, Partial<IvfIndexOptions>][] => [
    ['PQ4x5', { metric, keep: 'none' }],
    ['IVF12,PQ8x6', { metric, keep: 'none' }],
    ['IVF12,PQ4x9', { metric, keep: 'none' }],
    ['OPQ4,IVF12,PQ4x6', { metric, keep: 'none' }],
    ['L2norm,IVF12,PQ4x6', { metric, keep: 'none' }],
    ['RR12,IVF12,PQ4x6,R3', { metric, keep: 'f32' }],
    ['OPQ4,IVF12,PQ4x6,R2', { metric, keep: 'f16' }],
  ]),
]
const nameOf = (spec: string, { metric, keep }: Partial<IvfIndexOptions>): string =>
  `${spec} by ${metric}, keep ${keep}`
const build = (spec: string, options: Partial<IvfIndexOptions>): Promise<IvfIndex> =>
  IvfIndex.build(vectors, {
    calibrate: false,
    spec,
    dim: DIM,
    threads: 0,
    nprobe: spec.includes('IVF') ? 5 : 1,
    ...options,
  })

/** SQ is written as 8-bit codes: what is near enough is compared exactly, or answers differ. */
const factor = (spec: string): { rescoreFactor?: number } => (spec.includes('SQ') ? { rescoreFactor: 60 } : {})

describe('what is exported and imported again answers as before', () => {
  test.each(CASES.map(([spec, options]) => [nameOf(spec, options), spec, options] as const))(
    '%s',
    async (_, spec, options) => {
      await using index = await build(spec, options)
      await using again = await importFaiss(await exported(index, factor(spec)), { threads: 0 })
      expect(again).toMatchObject({
        dim: DIM,
        nlist: index.nlist,
        nprobe: index.nprobe,
        size: COUNT,
        metric: options.metric,
      })
      await expectFound(again, queries, await answersOf(index, queries, factor(spec)))
    },
  )
})

test('any spec, metric and form of ids comes back, whatever was added and removed', async () => {
  const spec = fc
    .record({
      metric: fc.constantFrom('l2', 'ip', 'cosine'),
      before: fc.constantFrom('', 'PCA6,', 'RR16,', 'T9,', 'L2norm,'),
      cells: fc.constantFrom('', 'IVF7,'),
      codes: fc.constantFrom('Flat', 'PQ1x7', 'PQ3x5', 'PQ2x8'),
      keep: fc.constantFrom('none', 'f32', 'f16'),
      ids: fc.constantFrom('rows', 'number', 'bigint'),
      seed: fc.nat(1000),
    })
    .filter(({ before, codes }) => {
      const width = Number(before.match(/^(?:PCA|T)(\d+)/)?.[1] ?? DIM)
      return width % Number(codes.match(/^PQ(\d+)/)?.[1] ?? 1) === 0
    })
    // Our estimates by cosine are those of unit vectors, and faiss's inner products.
    .filter(({ metric, codes }) => metric !== 'cosine' || codes === 'Flat')
  const check = fc.asyncProperty(spec, async ({ metric, before, cells, codes, keep, ids, seed }) => {
    const rows = mixture(300, DIM, seed)
    const given = ids === 'rows' ? {} : { ids: Array.from({ length: 300 }, (_, i) => idOf(ids, i)) }
    const whole = before === '' && codes === 'Flat'
    await using index = await IvfIndex.build<Id>(rows, {
      ...{ spec: before + cells + codes, metric, dim: DIM, threads: 0, seed, nprobe: cells ? 3 : 1 },
      ...(whole ? {} : { keep }),
      ...given,
    })
    const more = mixture(60, DIM, seed + 1)
    await index.add(more, ids === 'rows' ? {} : { ids: Array.from({ length: 60 }, (_, i) => idOf(ids, 500 + i)) })
    if (seed % 2) await index.remove(Array.from({ length: 40 }, (_, i) => (ids === 'rows' ? i * 7 : idOf(ids, i * 5))))
    const options = { threads: 0, bigint: ids === 'bigint' }
    await using again = await importFaiss(await exported(index), options)
    expect(again.size).toBe(index.size)
    await expectFound(again, queries, await answersOf(index, queries))
  })
  await fc.assert(check, { numRuns: 60, seed: 33 })
})

/** Neither in order nor those of rows. */
const idOf = (kind: 'number' | 'bigint', i: number): Id =>
  kind === 'number' ? (i * 7919) % 10007 : 2n ** 60n - BigInt(i * 3)

describe('what faiss does not have', () => {
  test('4-bit codes lose no more than their rounding', async () => {
    await using index = await build('IVF12,PQ8x4', { metric: 'l2', keep: 'none' })
    await using again = await importFaiss(await exported(index), { threads: 0 })
    const [own, found] = [await index.search(queries, { k: 20 }), await again.search(queries, { k: 20 })]
    expect(recall(found, own, 20)).toBeGreaterThan(0.9)
  })

  test('estimates by cosine are inner products there, which find nearly the same', async () => {
    await using index = await build('IVF12,PQ8x8', { metric: 'cosine', keep: 'none' })
    await using again = await importFaiss(await exported(index), { threads: 0 })
    expect(again).toMatchObject({ metric: 'ip', spec: 'L2norm,IVF12,PQ8x8' })
    const [own, found] = [await index.search(queries, { k: 20 }), await again.search(queries, { k: 20 })]
    expect(recall(found, own, 20)).toBeGreaterThan(0.7)
  })

  test('scalar codes become 8-bit ones, of the vectors that are kept or of what codes stand for', async () => {
    for (const keep of ['f32', 'none'] as const) {
      await using index = await build('IVF12,SQ8', { metric: 'l2', keep })
      const bytes = await exported(index, { refine: false })
      expect(await parse(bytes)).toMatchObject({ kind: 'ivf-sq', byResidual: true, sq: { type: '8bit' } })
      await using again = await importFaiss(bytes, { threads: 0 })
      const [own, found] = [await index.search(queries, { k: 20 }), await again.search(queries, { k: 20 })]
      expect(recall(found, own, 20)).toBeGreaterThan(0.95)
    }
  })

  test('numbers of codewords that are no power of two are filled up', async () => {
    const index = new FastIVFPQ(DIM, {
      nlist: 8,
      pqNumSubvectors: 4,
      pqNumCentroids: 100,
      metric: 'l2',
      threads: 0,
      nprobe: 8,
    })
    await index.train(vectors)
    await index.add(vectors)
    const bytes = await exported(index)
    await using again = await importFaiss(bytes, { threads: 0 })
    const own = await index.search(queries, { k: 20, rescore: false })
    const found = await again.search(queries, { k: 20, rescore: false })
    expect(recall(found, own, 20)).toBeGreaterThan(0.99)
    await index.close()
  })

  test('a projection after the cells is refused, unless the vectors themselves are written', async () => {
    await using codes = await build('IVF12,PCA8,SQ8', { metric: 'l2', keep: 'none' })
    await expectError(exported(codes), 'ERR_UNSUPPORTED', /PCA8 comes after them here; build it with PCA8 before/)
    await expectError(exported(codes, { as: 'flat' }), 'ERR_UNSUPPORTED', /keep 'f32' to write the vectors/)
    await using index = await build('IVF12,PCA8,SQ8', { metric: 'ip', keep: 'f32' })
    await expectError(exported(index), 'ERR_UNSUPPORTED', /give as: 'flat' or 'sq8'/)
    await using again = await importFaiss(await exported(index, { as: 'flat' }), { threads: 0 })
    expect(again.spec).toBe('IVF12,Flat')
    await expectFound(again, queries, await answersOf(index, queries, { rescoreFactor: 60 }))
  })

  test('strings are refused, unless they are told elsewhere', async () => {
    const ids = Array.from({ length: COUNT }, (_, i) => `id ${(i * 7) % COUNT}`)
    await using index = await IvfIndex.build<string>(vectors, {
      spec: 'IVF12,Flat',
      dim: DIM,
      metric: 'l2',
      threads: 0,
      ids,
    })
    await expectError(exported(index), 'ERR_ID', /the id 'id 0', and faiss knows integers only; give onIds/)
    await index.remove(['id 0', 'id 14'])
    let told: string[] = []
    const bytes = await exported(index, {
      async onIds(all) {
        told = all
      },
    })
    expect(told).toEqual(ids.filter((id) => id !== 'id 0' && id !== 'id 14'))
    await using again = await importFaiss(bytes, { threads: 0 })
    const [own, found] = [await index.search(queries, { k: 5 }), await again.search(queries, { k: 5 })]
    expect(Array.from(found.ids, (row) => told[row])).toEqual(own.ids)
  })
})

test('all codes are told as asked: vectors themselves, 8 bits, with or without those that refine', async () => {
  await using index = await build('RR12,IVF12,PQ4x6', { metric: 'cosine', keep: 'f32' })
  const core = async (options: ExportOptions<number>): Promise<string[]> => {
    const kinds: string[] = []
    let at: FaissIndex | undefined = await parse(await exported(index, options))
    while (at) {
      kinds.push(at.kind)
      at = 'base' in at ? at.base : 'index' in at ? at.index : undefined
    }
    return kinds
  }
  expect(await core({})).toEqual(['pre-transform', 'refine', 'pre-transform', 'ivf-pq'])
  expect(await core({ refine: false })).toEqual(['pre-transform', 'ivf-pq'])
  expect(await core({ as: 'flat' })).toEqual(['pre-transform', 'ivf-flat'])
  expect(await core({ as: 'sq8' })).toEqual(['pre-transform', 'ivf-sq'])
  expect(await core({ as: 'sq8', refine: true })).toEqual(['pre-transform', 'refine', 'pre-transform', 'ivf-sq'])
  await using again = await importFaiss(await exported(index, { nprobe: 7 }), { threads: 0 })
  expect(again).toMatchObject({ metric: 'cosine', nprobe: 7, keep: 'f32' })
  const [own, found] = [
    await index.search(queries, { k: 5, nprobe: 12, rescoreFactor: 20 }),
    await again.search(queries, { k: 5, nprobe: 12, rescoreFactor: 20 }),
  ]
  expect(recall(found, own, 5)).toBeGreaterThan(0.9)
})

test.each(['IVF16-RaBitQ', 'IVF16-PQ4', 'IVF16-PQ4x10', 'tiny_rabitq_l2', 'tiny_rabitq_ip', 'tiny_pq'])(
  '%s goes back to faiss as it came',
  async (name) => {
    await using index = await importFaiss(fixtureBytes(name), { threads: 0 })
    const bytes = await exported(index)
    const [before, after] = await Promise.all([fixtureBytes(name), bytes].map(parse))
    const kind = (at: FaissIndex): string => ('index' in at ? kind(at.index) : at.kind)
    if (name !== 'tiny_pq') expect(kind(after!)).toBe(kind(before!))
    await using again = await importFaiss(bytes, { threads: 0 })
    const asked = mixture(8, index.dim, 41)
    await expectFound(again, asked, await answersOf(index, asked))
  },
)

test('a file is whole or not at all, and an index is written as it was when that was asked for', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faiss-'))
  try {
    const path = join(folder, 'a.faiss')
    await writeFile(path, 'old')
    await using index = await build('IVF12,Flat', { metric: 'l2' })
    await expectError(exportFaiss(index, path, { nprobe: 13 }), 'ERR_ARGUMENT', /nprobe is 13/)
    await expectError(exportFaiss(index, path, { refine: true }), 'ERR_ARGUMENT', /refine is true, and no vectors/)
    await expectError(exportFaiss(index, path, { as: 'sq4' as 'sq8' }), 'ERR_ARGUMENT', /as is 'sq4'/)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(exportFaiss(index, path, { signal })).rejects.toThrow('enough')
    expect(await readFile(path, 'utf8')).toBe('old')
    const steps: { done: number; total: number }[] = []
    const writing = exportFaiss(index, path, { onProgress: (step) => steps.push(step) })
    await Promise.all([writing, index.add(vectors), index.remove([1, 2, 3])])
    expect(steps.at(-1)).toMatchObject({ phase: 'save', done: COUNT * DIM * 4, total: COUNT * DIM * 4 })
    await using again = await importFaiss(path, { threads: 0 })
    expect(again.size).toBe(COUNT)
    expect(await readdir(folder)).toEqual(['a.faiss'])
    await using empty = await IvfIndex.train(vectors, { spec: 'IVF12,SQ8', dim: DIM, threads: 0 })
    await exportFaiss(empty, path)
    await using none = await importFaiss(path, { threads: 0 })
    expect([none.size, none.nlist]).toEqual([0, 12])
    const untrained = new FastIVFPQ(DIM, { nlist: 8, pqNumSubvectors: 4, threads: 0 })
    await expectError(exportFaiss(untrained, path), 'ERR_NOT_TRAINED', /not trained/)
    await untrained.close()
  } finally {
    await rm(folder, { recursive: true })
  }
})

const note = python ? '' : ' (not run: no python3 with faiss)'

test.skipIf(!python)(`faiss opens what is exported and finds the same${note}`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'faiss-'))
  try {
    const paths = CASES.map((_, i) => join(folder, `${i}.faiss`))
    const indexes: IvfIndex[] = []
    for (const [i, [spec, options]] of CASES.entries()) {
      const index = await build(spec, options)
      if (i % 3 === 0) await index.remove(Array.from({ length: 50 }, (_, row) => row * 3))
      await exportFaiss(index, paths[i]!, factor(spec))
      indexes.push(index)
    }
    const found = faissAnswers(paths, queries)
    for (const [i, index] of indexes.entries()) {
      await expectFound(index, queries, found[i]!, factor(CASES[i]![0]))
      await index.close()
    }
  } finally {
    await rm(folder, { recursive: true })
  }
})
