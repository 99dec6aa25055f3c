import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { FaissFlat, FaissIndex, FaissIvf, FaissTransform } from '../../src/faiss/description.js'
import { toFaissBytes } from '../../src/faiss/write.js'
import { importFaiss } from '../../src/faiss.js'
import { IvfIndex } from '../../src/ivf-index.js'
import { expectError } from '../formats/files.js'
import { mixture } from '../mixture.js'
import { readNpy } from '../npy.js'
import { answersOf, expectFound, type Told } from './answers.js'
import { evaluate } from './evaluate.js'
import { type Answers, fixtureBytes, fixtureJson, parse } from './fixtures.js'
import { rowsOf } from './indexes.js'

const { queries, ...tiny } = fixtureJson<{ queries: number[] } & Record<string, Answers & { nprobe: number }>>(
  'tiny.json',
)
const tinyQueries = Float32Array.from(queries)
const large = fixtureJson<Record<string, Answers>>('expected.json')
const largeQueries = readNpy(new URL('../files/faiss/q.npy', import.meta.url)).data as Float32Array
const quiet = { threads: 0 } as const

describe('an imported index answers as faiss does', () => {
  test.each(Object.keys(tiny))('tiny_%s', async (name) => {
    await using index = await importFaiss(fixtureBytes(`tiny_${name}`), { bigint: true, ...quiet })
    const { nprobe } = tiny[name]!
    if (nprobe > 0) expect(index.nprobe).toBe(nprobe)
    await expectFound(index, tinyQueries, tiny[name]!)
  })
  test.each(Object.keys(large))('%s', async (name) => {
    await using index = await importFaiss(fixtureBytes(name), quiet)
    expect(index.nprobe).toBe(4)
    await expectFound(index, largeQueries, large[name]!)
  })
})

describe('every fixture that is at hand', () => {
  const folder = new URL('../../../../../shared/fixtures/faiss/', import.meta.url)
  const there = existsSync(new URL('expected.json', folder))
  const note = there ? '' : ' (not run: no folder of fixtures)'
  const answers = there ? JSON.parse(readFileSync(new URL('expected.json', folder), 'utf8')) : { none: undefined }
  // Its answers are of queries rounded to 4 bits, and ours of queries as they are.
  const rounded = 'RR16-IVF16-RaBitQ'
  const refused = ['HNSW8-Flat', 'ITQ16-LSH', 'IVF16-PQ4x4fs']
  test.skipIf(!there).each(Object.keys(answers))(`%s${note}`, async (name) => {
    const bytes = new Uint8Array(readFileSync(new URL(`${name}.faiss`, folder)))
    if (refused.includes(name)) return expectError(importFaiss(bytes, quiet), 'ERR_UNSUPPORTED', /in Python/)
    const asked = readNpy(new URL('q.npy', folder)).data as Float32Array
    await using index = await importFaiss(bytes, quiet)
    await expectFound(index, asked, name === rounded ? await plainAnswers(await parse(bytes), asked, 5) : answers[name])
  })
})

/** What a plain reading of faiss's definitions finds. */
async function plainAnswers(index: FaissIndex, asked: Float32Array, nq: number, k = 5): Promise<Told> {
  const found = await Promise.all(
    Array.from({ length: nq }, (_, q) => evaluate(index, asked.slice(q * index.dim, (q + 1) * index.dim), k)),
  )
  return {
    D: found.map((list) => Array.from({ length: k }, (_, i) => list[i]?.distance ?? 0)),
    I: found.map((list) => Array.from({ length: k }, (_, i) => String(list[i]?.id ?? -1))),
  }
}

describe('an imported index lives on', () => {
  const names = [
    'tiny_ivf_l2',
    'tiny_ivfpq_ip',
    'tiny_rabitq_l2',
    'tiny_rabitq_ip',
    'tiny_l2norm',
    'tiny_rflat_ip',
    'tiny_sq_6bit',
    'tiny_idmap2',
    'tiny_empty',
    'tiny_pq',
  ]

  test.each(names)('%s is saved and opened to the last bit', async (name) => {
    await using index = await importFaiss(fixtureBytes(name), quiet)
    const bytes = await index.toBytes()
    await using again = await IvfIndex.open(bytes, quiet)
    expect(again.spec).toBe(index.spec)
    expect(await answersOf(again, tinyQueries)).toEqual(await answersOf(index, tinyQueries))
    expect(await again.toBytes()).toEqual(bytes)
  })

  test.each(names)('%s takes more vectors, finds them, and forgets them again', async (name) => {
    await using index = await importFaiss(fixtureBytes(name), quiet)
    const before = await answersOf(index, tinyQueries)
    const ids = Array.from({ length: 300 }, (_, i) => 2 ** 50 + i)
    const more = mixture(300, 8, 51)
    const { size } = index
    await index.add(more, { ids })
    expect(index.size).toBe(size + 300)
    const found = await index.search(more, { k: 40, nprobe: index.nlist })
    const hits = ids.filter((id, q) => found.of(q).some((match) => match.id === id))
    expect(hits.length).toBeGreaterThan(name.includes('rflat_ip') || name.endsWith('ip') ? 100 : 240)
    expect(await index.remove(ids)).toBe(300)
    await expectFound(index, tinyQueries, before)
  })

  test('RaBitQ codes that are added are as good as those that faiss made', async () => {
    await using index = await importFaiss(fixtureBytes('IVF16-RaBitQ'), quiet)
    const queries = mixture(20, 16, 60)
    const rows = mixture(400, 16, 61)
    await index.add(rows, { ids: Array.from({ length: 400 }, (_, i) => 10_000 + i) })
    const found = await index.search(queries, { k: index.size, nprobe: 16 })
    let [error, scale] = [0, 0]
    for (let q = 0; q < 20; q++) {
      for (const { id, score } of found.of(q)) {
        if (id < 10_000) continue
        const row = (id - 10_000) * 16
        let exact = 0
        for (let i = 0; i < 16; i++) exact += (rows[row + i]! - queries[q * 16 + i]!) ** 2
        error += score - exact
        scale += exact
      }
    }
    // The estimate is without bias.
    expect(Math.abs(error / scale)).toBeLessThan(0.05)
    // What a code stands for is as far along the vector's own direction as the vector.
    const { centroids, nlist } = index
    const x = rows.subarray(0, 16)
    const cells = Array.from({ length: nlist }, (_, cell) => x.map((value, i) => value - centroids[cell * 16 + i]!))
    const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0)
    const rest = cells.reduce((best, each) => (dot(each, each) < dot(best, best) ? each : best))
    const own = (await index.get(10_000))!.map((value, i) => value - (x[i]! - rest[i]!))
    expect(dot(own, rest)).toBeCloseTo(dot(rest, rest), 4)
  })
})

describe('ids', () => {
  test('that are 0 … n − 1 are numbers of rows, so that vectors are added without ids', async () => {
    await using index = await importFaiss(fixtureBytes('tiny_ivf_ip'), quiet)
    await index.add(mixture(2, 8, 3))
    expect([await index.has(0), await index.has(119), await index.has(121), await index.has(122)]).toEqual([
      true,
      true,
      true,
      false,
    ])
  })

  test('of any kind are numbers while they are safe, and bigints when those are asked for', async () => {
    await using numbers = await importFaiss(fixtureBytes('tiny_idmap'), quiet)
    expect(await numbers.has(2 ** 40)).toBe(true)
    await using bigints = await importFaiss(fixtureBytes('tiny_idmap'), { bigint: true, ...quiet })
    expect(await bigints.has(2n ** 40n)).toBe(true)
    await using rows = await importFaiss(fixtureBytes('tiny_flat_l2'), { bigint: true, ...quiet })
    expect((await rows.search(tinyQueries.subarray(0, 8), { k: 1 })).ids[0]).toBeTypeOf('bigint')
  })

  const named = async (ids: bigint[]): Promise<Uint8Array> => {
    const flat = flatOf(4, ids.length, 1)
    return toFaissBytes({ ...flat, kind: 'id-map', index: flat, ids: rowsOf(BigInt64Array.from(ids), ids.length, 1) })
  }

  test('beyond 2^53 are refused unless bigints are asked for, naming one', async () => {
    const bytes = await named([5n, 2n ** 60n, -3n])
    await expectError(importFaiss(bytes, quiet), 'ERR_ID', /has the id 1152921504606846976, .* bigint: true/)
    await using index = await importFaiss(bytes, { bigint: true, ...quiet })
    expect(await index.has(2n ** 60n)).toBe(true)
    await using negative = await importFaiss(await named([5n, -3n]), quiet)
    expect(await negative.has(-3)).toBe(true)
  })

  test('that are there twice are refused', async () => {
    await expectError(importFaiss(await named([5n, 7n, 5n]), quiet), 'ERR_ID', /has the id 5 twice; .*IndexIDMap/)
  })
})

describe('what lies around codes', () => {
  const turn: FaissTransform = linear(8, rotationOf(8, 5))
  const map: FaissTransform = { ...linear(5, mixture(5, 8, 6)), bias: mixture(1, 5, 7) }
  const mean: FaissTransform = { kind: 'center', dimIn: 8, dimOut: 8, trained: true, mean: mixture(1, 8, 8) }
  const normalize = (dim: number): FaissTransform => ({ kind: 'normalize', dimIn: dim, dimOut: dim })
  const chains: Record<string, FaissTransform[]> = {
    'several maps': [mean, turn, map],
    'a map, then length 1': [map, normalize(5)],
    'length 1, turned': [normalize(8), turn],
    'length 1, a map, length 1': [normalize(8), map, normalize(5)],
    'length 1 twice': [normalize(8), normalize(8)],
  }
  test.each(Object.keys(chains))('%s', async (name) => {
    const transforms = chains[name]!
    const dim = transforms.at(-1)!.dimOut
    const flat = { ...flatOf(dim, 50, 9), metric: 'ip' } as const
    const unit = await unitRows(flat)
    const inner = transforms.at(-1)?.kind === 'linear' && transforms[0]?.kind !== 'normalize' ? flat : unit
    const whole: FaissIndex = { ...inner, dim: 8, kind: 'pre-transform', transforms, index: inner }
    await using index = await importFaiss(await toFaissBytes(whole), quiet)
    expect(index.dim).toBe(8)
    await expectFound(index, tinyQueries, await plainAnswers(whole, tinyQueries, 5))
  })

  test('refinement by vectors in any form, and normalized before', async () => {
    const base = await parse(fixtureBytes('tiny_ivfpq_l2'))
    const exact = flatOf(8, 120, 4)
    const refine: FaissIndex = { ...exact, kind: 'refine', base, refine: exact, kFactor: 3 }
    for (const name of ['tiny_sq_fp16', 'tiny_sq_8bit', 'tiny_pq', 'tiny_sq_bf16']) {
      const whole: FaissIndex = { ...refine, refine: await parse(fixtureBytes(name)) }
      await using index = await importFaiss(await toFaissBytes(whole), quiet)
      expect(index.keep).toBe(name === 'tiny_sq_fp16' ? 'f16' : 'f32')
      await expectFound(index, tinyQueries, await plainAnswers(whole, tinyQueries, 5))
    }
    const ip = await parse(fixtureBytes('tiny_ivfpq_ip'))
    const unit = await unitRows({ ...exact, metric: 'ip' })
    const inner: FaissIndex = { ...unit, kind: 'refine', base: ip, refine: unit, kFactor: 4 }
    const whole: FaissIndex = { ...unit, kind: 'pre-transform', transforms: [normalize(8)], index: inner }
    await using index = await importFaiss(await toFaissBytes(whole), quiet)
    expect(index.metric).toBe('cosine')
    await expectFound(index, tinyQueries, await plainAnswers(whole, tinyQueries, 5))
  })

  test('normalization before vectors by inner product is cosine', async () => {
    await using index = await importFaiss(fixtureBytes('tiny_l2norm'), quiet)
    expect(index).toMatchObject({ metric: 'cosine', spec: 'Flat' })
    expect(await index.get(3)).toHaveLength(8)
  })

  test('cells that are chosen by another metric are refused, unless centroids are equally long', async () => {
    const ivf = (await parse(fixtureBytes('tiny_ivf_l2'))) as FaissIvf
    const other: FaissFlat = { ...ivf.quantizer, metric: 'ip' }
    const mixed: FaissIndex = { ...ivf, quantizer: other }
    await expectError(
      importFaiss(await toFaissBytes(mixed), quiet),
      'ERR_UNSUPPORTED',
      /chosen by ip for vectors by l2/,
    )
    const equal: FaissIndex = { ...ivf, quantizer: { ...(await unitRows(other)), metric: 'ip' } }
    await using index = await importFaiss(await toFaissBytes(equal), quiet)
    await expectFound(index, tinyQueries, await plainAnswers(equal, tinyQueries, 5))
  })

  test.each<[string, (base: FaissFlat) => object, string, RegExp]>([
    [
      'a map of normalized vectors',
      (flat) => ({ ...flat, kind: 'pre-transform', transforms: [normalize(8), mean], index: flat }),
      'ERR_UNSUPPORTED',
      /go on after a normalization, .* in Python/,
    ],
    [
      'refinement of refinement',
      (flat) => ({ ...refineOf(flat), base: refineOf(flat) }),
      'ERR_UNSUPPORTED',
      /refinement within refinement/,
    ],
    [
      'refinement by transformed vectors',
      (flat) => ({ ...flat, kind: 'pre-transform', transforms: [mean], index: refineOf(flat) }),
      'ERR_UNSUPPORTED',
      /by transformed vectors/,
    ],
    [
      'refinement by another metric',
      (flat) => ({ ...refineOf(flat), refine: { ...flat, metric: 'ip' } }),
      'ERR_UNSUPPORTED',
      /another metric/,
    ],
    [
      'refinement by cells',
      (flat) => ({ ...refineOf(flat), refine: refineOf(flat) }),
      'ERR_UNSUPPORTED',
      /an index of kind refine/,
    ],
    [
      'numbers that are none',
      (flat) => ({ ...flat, vectors: rowsOf(new Float32Array(400).fill(Number.NaN), 50, 8) }),
      'ERR_NOT_FINITE',
      /holds NaN/,
    ],
    [
      'a matrix without end',
      (flat) => ({
        ...flat,
        kind: 'pre-transform',
        transforms: [linear(8, new Float32Array(64).fill(Infinity))],
        index: flat,
      }),
      'ERR_NOT_FINITE',
      /a matrix with Infinity/,
    ],
  ])('%s is refused', async (_, make, code, message) => {
    const bytes = await toFaissBytes(make(flatOf(8, 50, 2)) as FaissIndex)
    await expectError(importFaiss(bytes, quiet), code as 'ERR_FORMAT', message)
  })

  test('hostile codes are refused: without end, or of vectors that are not there', async () => {
    const ivf = (await parse(fixtureBytes('tiny_ivfpq_l2'))) as Extract<FaissIvf, { kind: 'ivf-pq' }>
    const huge = { ...ivf, pq: { ...ivf.pq, codebooks: ivf.pq.codebooks.map((value) => value * 1e38) } }
    await expectError(importFaiss(await toFaissBytes(huge), quiet), 'ERR_NOT_FINITE', /too large for 32-bit floats/)
    const far = {
      ...ivf.lists,
      read: async (list: number) => ({
        ...(await ivf.lists.read(list)),
        ids: new BigInt64Array(ivf.lists.sizes[list]!).fill(500n),
      }),
    }
    const exact = flatOf(8, 120, 4)
    const refine: FaissIndex = { ...exact, kind: 'refine', base: { ...ivf, lists: far }, refine: exact, kFactor: 3 }
    await expectError(importFaiss(await toFaissBytes(refine), quiet), 'ERR_FORMAT', /of which 500 is not one/)
    const map: FaissIndex = {
      ...exact,
      kind: 'id-map',
      index: { ...ivf, lists: far },
      ids: rowsOf(new BigInt64Array(120), 120, 1),
    }
    await expectError(importFaiss(await toFaissBytes(map), quiet), 'ERR_FORMAT', /the id 500 below a map of 120/)
    await expectError(
      importFaiss(fixtureBytes('tiny_untrained'), quiet),
      'ERR_NOT_TRAINED',
      /not trained yet; train it in Python/,
    )
  })
})

test('a source that is given stays open, progress is told, and an abort leaves nothing behind', async () => {
  const bytes = fixtureBytes('IVF16-PQ4x10')
  const source = {
    size: bytes.length,
    read: async (from: number, to: number) => bytes.slice(from, to),
    close: async () => Promise.reject(new Error('it is the caller who closes')),
  }
  const steps: { done: number; total: number }[] = []
  await using index = await importFaiss(source, { ...quiet, onProgress: (step) => steps.push(step) })
  expect(index.size).toBe(2000)
  expect(steps.at(-1)).toMatchObject({ phase: 'open', done: steps.at(-1)!.total })
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(importFaiss(source, { ...quiet, signal })).rejects.toThrow('enough')
  const controller = new AbortController()
  const aborting = {
    ...source,
    async read(from: number, to: number) {
      if (from > 1000) controller.abort(new Error('late'))
      return source.read(from, to)
    },
  }
  await expect(importFaiss(aborting, { ...quiet, signal: controller.signal })).rejects.toThrow('late')
})

function flatOf(dim: number, ntotal: number, seed: number): FaissFlat {
  return {
    kind: 'flat',
    dim,
    ntotal,
    metric: 'l2',
    trained: true,
    vectors: rowsOf(mixture(ntotal, dim, seed), ntotal, dim),
  }
}

function refineOf(flat: FaissFlat): Extract<FaissIndex, { kind: 'refine' }> {
  return { ...flat, kind: 'refine', base: flat, refine: flat, kFactor: 2 }
}

function linear(dimOut: number, matrix: Float32Array): Extract<FaissTransform, { kind: 'linear' }> {
  return { kind: 'linear', dimIn: matrix.length / dimOut, dimOut, trained: true, matrix, bias: undefined }
}

async function unitRows(flat: FaissFlat): Promise<FaissFlat> {
  const { dim, ntotal } = flat
  const rows = await flat.vectors.read(0, ntotal)
  const norms = Array.from({ length: ntotal }, (_, i) => Math.hypot(...rows.subarray(i * dim, (i + 1) * dim)))
  return {
    ...flat,
    vectors: rowsOf(
      rows.map((value, at) => value / norms[Math.floor(at / dim)]!),
      ntotal,
      dim,
    ),
  }
}

/** dim × dim, orthogonal: a product of reflections. */
function rotationOf(dim: number, seed: number): Float32Array {
  let matrix = Float64Array.from({ length: dim * dim }, (_, at) => (at % (dim + 1) === 0 ? 1 : 0))
  for (let n = 0; n < dim; n++) {
    const v = mixture(1, dim, seed + n)
    const square = v.reduce((sum, value) => sum + value * value, 0)
    const next = matrix.slice()
    for (let i = 0; i < dim; i++) {
      for (let j = 0; j < dim; j++) {
        let dot = 0
        for (let t = 0; t < dim; t++) dot += v[t]! * matrix[t * dim + j]!
        next[i * dim + j] = matrix[i * dim + j]! - (2 * v[i]! * dot) / square
      }
    }
    matrix = next
  }
  return Float32Array.from(matrix)
}
