import { spawnSync } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { decodeScalar, encodeScalar8 } from '../../src/faiss/codes.js'
import type { FaissFlat, FaissIndex, FaissIvf, ScalarQuantizer } from '../../src/faiss/description.js'
import { readFaiss } from '../../src/faiss/read.js'
import { toFaissBytes, writeFaiss } from '../../src/faiss/write.js'
import { expectError } from '../formats/files.js'
import { mixture } from '../mixture.js'
import { evaluate } from './evaluate.js'
import { fixtureBytes, fixtureNames, parse } from './fixtures.js'
import { contentsOf, indexes, rowsOf } from './indexes.js'

describe('what is written', () => {
  test('is read: every field, row, list and id', async () => {
    const check = fc.asyncProperty(indexes, async (index) => {
      expect(await contentsOf(await parse(await toFaissBytes(index)))).toEqual(await contentsOf(index))
    })
    await fc.assert(check, { numRuns: 300, seed: 5 })
  })

  /** Of these faiss writes what is not kept: direct maps, graphs, PCA's eigenvectors, the kind of rotation or map. */
  const changed = ['tiny_direct_map', 'tiny_idmap2', 'tiny_ivf_hnsw', 'tiny_pca', 'tiny_pcaw', 'tiny_rabitq_l2']
  const names = [...fixtureNames('tiny_'), ...fixtureNames('IVF16'), ...fixtureNames('OPQ')]

  test.each(names)('is %s to the byte, or to what is kept of it', async (name) => {
    const bytes = fixtureBytes(name)
    const index = await parse(bytes)
    const again = await toFaissBytes(index)
    expect(Buffer.from(again).equals(bytes)).toBe(!changed.includes(name))
    expect(await contentsOf(await parse(again))).toEqual(await contentsOf(index))
  })

  test('goes to a path, whole or not at all, and lists are asked for once, in order', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'faiss-'))
    try {
      const path = join(folder, 'a.faiss')
      const index = await parse(fixtureBytes('tiny_ivf_l2'))
      if (index.kind !== 'ivf-flat') throw new Error(index.kind)
      const asked: number[] = []
      const read = async (list: number) => {
        asked.push(list)
        return index.lists.read(list)
      }
      const { bytes } = await writeFaiss(path, { ...index, lists: { ...index.lists, read } })
      expect(asked).toEqual([0, 1, 2, 3])
      expect(new Uint8Array(await readFile(path))).toEqual(fixtureBytes('tiny_ivf_l2'))
      expect(bytes).toBe(fixtureBytes('tiny_ivf_l2').length)
      const failing = async (list: number) => {
        if (list === 2) throw new Error('list 2 is gone')
        return index.lists.read(list)
      }
      const call = writeFaiss(path, { ...index, lists: { ...index.lists, read: failing } })
      await expect(call).rejects.toThrow('list 2 is gone')
      const signal = AbortSignal.abort(new Error('enough'))
      await expect(writeFaiss(path, index, { signal })).rejects.toThrow('enough')
      expect(new Uint8Array(await readFile(path))).toEqual(fixtureBytes('tiny_ivf_l2'))
      expect(await readdir(folder)).toEqual(['a.faiss'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('goes to a stream', async () => {
    const chunks: Uint8Array[] = []
    const stream = new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk) })
    await writeFaiss(stream, await parse(fixtureBytes('tiny_refine')))
    expect(new Uint8Array(Buffer.concat(chunks))).toEqual(fixtureBytes('tiny_refine'))
  })
})

describe('parts that do not agree are refused', () => {
  const flat = sample(4, 3, 1)
  const cells = { ...cellsOf(flat, 2), kind: 'ivf-flat', byResidual: false, codeSize: 16 } as const
  const pq = { dim: 4, m: 2, nbits: 4, codeSize: 1, codebooks: new Float32Array(64) }
  const noCodes = rowsOf(new Uint8Array(3), 3, 1)
  test.each<[string, object, RegExp]>([
    ['rows', { ...flat, ntotal: 4 }, /3 vectors; 4 are needed/],
    ['dimensions', { ...flat, dim: 0 }, /dim is 0/],
    ['metrics', { ...flat, metric: 'cosine' }, /metric is 'cosine'/],
    ['centroids', { ...cells, nlist: 3 }, /2 centroids; 3 are needed/],
    ['sizes', { ...cells, lists: { ...cells.lists, sizes: Float64Array.of(1, 1) } }, /2 vectors in the lists; 3 are/],
    ['lists', { ...cells, lists: { ...cells.lists, read: async () => cells.lists.read(0) } }, /list 1; \d+ are needed/],
    ['residuals', { ...cells, byResidual: true }, /byResidual is true/],
    ['codes', { ...cells, codeSize: 15 }, /15 bytes in a code; 16 are needed/],
    ['codebooks', { ...flat, kind: 'pq', codes: noCodes, pq: { ...pq, nbits: 3 } }, /64 numbers in the codebooks; 32/],
    ['subvectors', { ...flat, kind: 'pq', codes: noCodes, pq: { ...pq, m: 3 } }, /1 components left over/],
    ['transforms', { ...flat, kind: 'pre-transform', transforms: [{ kind: 'normalize', dimIn: 3 }] }, /4 are needed/],
    ['indexes', { ...flat, kind: 'refine', base: flat, refine: sample(4, 2, 1), kFactor: 1 }, /2 vectors in an index/],
    ['factors', { ...flat, kind: 'refine', base: flat, refine: flat, kFactor: 0 }, /kFactor is 0/],
  ])('%s', (_, index, message) => expectError(toFaissBytes(index as FaissIndex), 'ERR_ARGUMENT', message))
})

test('8-bit codes are those of faiss, and come back within half a step', async () => {
  const index = await parse(fixtureBytes('tiny_sq_8bit'))
  if (index.kind !== 'sq') throw new Error(index.kind)
  const [low, width] = [index.sq.range.slice(0, 8), index.sq.range.slice(8)]
  const codes = await index.codes.read(0, 120)
  expect(encodeScalar8(decodeScalar(index.sq, codes, 120), low, width)).toEqual(codes)
  const vectors = await parse(fixtureBytes('tiny_flat_l2'))
  if (vectors.kind !== 'flat') throw new Error(vectors.kind)
  const rows = await vectors.vectors.read(0, 120)
  expect(encodeScalar8(rows, low, width)).toEqual(codes)
  const outside = encodeScalar8(Float32Array.of(-9, 9, 5, NaN), Float32Array.of(0, 0), Float32Array.of(1, 1))
  expect(outside).toEqual(Uint8Array.of(0, 255, 255, 0))
  expect(encodeScalar8(Float32Array.of(7), Float32Array.of(7), Float32Array.of(0))).toEqual(Uint8Array.of(0))
})

describe('faiss opens what is written and finds the same', () => {
  const script = fileURLToPath(new URL('./search-faiss.py', import.meta.url))
  const python = ['python3', '/usr/bin/python3'].find(
    (each) => spawnSync(each, ['-c', 'import faiss'], { timeout: 60_000 }).status === 0,
  )
  const note = python ? '' : ' (not run: no python3 with faiss)'
  const base = sample(8, 400, 2)
  const queries = mixture(400, 8, 2).subarray(0, 5 * 8)
  const ivf = cellsOf(base, 6)

  const samples: Record<string, FaissIndex | Promise<FaissIndex>> = {
    flat: base,
    'ivf-flat': { ...ivf, kind: 'ivf-flat', byResidual: false, codeSize: 32 },
    'ivf-sq': scalarCells(base, ivf, false),
    'ivf-sq by residual': scalarCells(base, ivf, true),
    refine: { ...base, kind: 'refine', base: scalarCells(base, ivf, true), refine: base, kFactor: 4 },
    'pre-transform': {
      ...{ ...base, kind: 'pre-transform', dim: 8, index: base },
      transforms: [
        { kind: 'normalize', dimIn: 8, dimOut: 8 },
        { kind: 'linear', dimIn: 8, dimOut: 8, trained: true, matrix: mixture(8, 8, 3), bias: mixture(1, 8, 4) },
        { kind: 'center', dimIn: 8, dimOut: 8, trained: true, mean: mixture(1, 8, 5) },
      ],
    },
    'id-map': { ...base, kind: 'id-map', index: base, ids: rowsOf(BigInt64Array.from(bigs(400)), 400, 1) },
  }
  for (const name of ['ivfpq_l2', 'ivfpq_ip', 'pq', 'idmap', 'rflat_ip', 'sparse', 'pca', 'sq_6bit', 'ivf_hnsw']) {
    samples[name] = parse(fixtureBytes(`tiny_${name}`))
  }

  test.skipIf(!python)(`${Object.keys(samples).join(', ')}${note}`, async () => {
    const folder = await mkdtemp(join(tmpdir(), 'faiss-'))
    try {
      const paths = Object.keys(samples).map((_, i) => join(folder, `${i}.faiss`))
      for (const [i, index] of Object.values(samples).entries()) await writeFaiss(paths[i]!, await index)
      const input = JSON.stringify([...queries])
      const run = spawnSync(python!, [script, ...paths], { input, encoding: 'utf8', timeout: 60_000 })
      expect(run.stderr).toBe('')
      const answers: { D: number[][]; I: string[][] }[] = run.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
      for (const [i, name] of Object.keys(samples).entries()) {
        const { D, I } = answers[i]!
        const { index, close } = await readFaiss(paths[i]!)
        for (let row = 0; row < 5; row++) {
          const found = await evaluate(index, queries.slice(row * 8, row * 8 + 8), 5)
          for (let rank = 0; rank < 5; rank++) {
            if (I[row]![rank] === '-1') expect(found.length, name).toBeLessThanOrEqual(rank)
            else expect(found[rank]!.distance, name).toBeCloseTo(D[row]![rank]!, 3)
          }
          expect(String(found[0]!.id), name).toBe(I[row]![0])
        }
        await close()
      }
    } finally {
      await rm(folder, { recursive: true })
    }
  })
})

const bigs = (count: number): bigint[] => Array.from({ length: count }, (_, i) => 2n ** 60n - BigInt(i))

function sample(dim: number, ntotal: number, seed: number): FaissFlat {
  const vectors = rowsOf(mixture(ntotal, dim, seed), ntotal, dim)
  return { kind: 'flat', dim, ntotal, metric: 'l2', trained: true, vectors }
}

/** Row i in list i mod nlist, whose centroid is row nlist · 2 + i: any division will do. */
function cellsOf(flat: FaissFlat, nlist: number): Omit<FaissIvf, 'kind' | 'byResidual' | 'codeSize' | 'pq' | 'sq'> {
  const { dim, ntotal } = flat
  const sizes = Float64Array.from({ length: nlist }, (_, list) => Math.ceil((ntotal - list) / nlist))
  const read = async (list: number) => {
    const all = await flat.vectors.read(0, ntotal)
    const rows = Array.from({ length: sizes[list]! }, (_, i) => i * nlist + list)
    const values = Float32Array.from(rows.flatMap((row) => [...all.subarray(row * dim, (row + 1) * dim)]))
    return { codes: new Uint8Array(values.buffer), ids: BigInt64Array.from(rows, (row) => BigInt(row) + 2n ** 40n) }
  }
  const quantizer = sample(dim, nlist, 9)
  return { dim, ntotal, metric: flat.metric, trained: true, nlist, nprobe: 2, quantizer, lists: { sizes, read } }
}

/** Ids are rows, as refinement needs them. */
function scalarCells(flat: FaissFlat, ivf: ReturnType<typeof cellsOf>, byResidual: boolean): FaissIndex {
  const { dim } = flat
  const range = Float32Array.from({ length: 2 * dim }, (_, i) => (i < dim ? -5 : 10))
  const sq: ScalarQuantizer = { dim, type: '8bit', codeSize: dim, range }
  const read = async (list: number) => {
    const { codes, ids } = await ivf.lists.read(list)
    const centroid = await ivf.quantizer.vectors.read(list, list + 1)
    const rows = new Float32Array(codes.buffer as ArrayBuffer).map((x, i) => x - (byResidual ? centroid[i % dim]! : 0))
    const own = ids.map((id) => id - 2n ** 40n)
    return { codes: encodeScalar8(rows, range.slice(0, dim), range.slice(dim)), ids: own }
  }
  return { ...ivf, kind: 'ivf-sq', sq, codeSize: dim, byResidual, lists: { sizes: ivf.lists.sizes, read } }
}
