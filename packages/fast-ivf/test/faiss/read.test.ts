import { describe, expect, test } from 'vitest'
import { decodeScalar, productNumbers, scalarCodebooks } from '../../src/faiss/codes.js'
import { counted, letters } from '../../src/faiss/put.js'
import { readFaiss } from '../../src/faiss/read.js'
import { expectError } from '../formats/files.js'
import { readNpy } from '../npy.js'
import { type Answers, expectAnswers, fixtureBytes, fixtureJson, fixtureNames, fixtureUrl, parse } from './fixtures.js'
import { contentsOf } from './indexes.js'

const { queries, ...tiny } = fixtureJson<{ queries: number[] } & Record<string, Answers>>('tiny.json')
const tinyQueries = Float32Array.from(queries)
const large = fixtureJson<Record<string, Answers>>('expected.json')
const largeQueries = readNpy(new URL('../files/faiss/q.npy', import.meta.url)).data as Float32Array

describe('what is read of a file, searched plainly, finds what faiss finds', () => {
  test.each(Object.keys(tiny))('tiny_%s', async (name) => {
    await expectAnswers(await parse(fixtureBytes(`tiny_${name}`)), tinyQueries, tiny[name]!)
  })
  test.each(Object.keys(large))('%s', async (name) => {
    await expectAnswers(await parse(fixtureBytes(name)), largeQueries, large[name]!)
  })
})

describe('a description tells', () => {
  test('what lies in which list, at positions that only the sizes tell', async () => {
    const index = await parse(fixtureBytes('tiny_sparse'))
    if (index.kind !== 'ivf-flat') throw new Error(index.kind)
    expect(index).toMatchObject({ dim: 8, metric: 'l2', ntotal: 6, nlist: 64, nprobe: 64, trained: true, codeSize: 32 })
    expect(index.lists.sizes.reduce((sum, size) => sum + size)).toBe(6)
    const ids: bigint[] = []
    for (let list = 0; list < 64; list++) {
      const { codes, ids: found } = await index.lists.read(list)
      expect([codes.length, found.length]).toEqual([32 * index.lists.sizes[list]!, index.lists.sizes[list]])
      ids.push(...found)
    }
    expect(ids.sort((a, b) => Number(a - b))).toEqual([0n, 1n, 2n, 3n, 4n, 5n])
    await expectError(index.lists.read(64), 'ERR_ARGUMENT', /list is 64; it must be an integer from 0 to 63/)
  })

  test('ids beyond 2^32 as they are, and ids of its own', async () => {
    const index = await parse(fixtureBytes('tiny_idmap'))
    if (index.kind !== 'id-map') throw new Error(index.kind)
    const ids = await index.ids.read(0, index.ids.count)
    expect(new Set(ids).size).toBe(120)
    expect(ids.every((id) => id >= 2n ** 40n && (id - 2n ** 40n) % 3n === 0n)).toBe(true)
    expect(await index.ids.read(7, 9)).toEqual(ids.slice(7, 9))
    expect(await index.ids.read(120, 120)).toEqual(new BigInt64Array(0))
    await expectError(index.ids.read(0, 121), 'ERR_ARGUMENT', /to is 121; it must be an integer from 0 to 120/)
  })

  test('transforms in the order they are done', async () => {
    const index = await parse(fixtureBytes('tiny_rflat_ip'))
    if (index.kind !== 'refine' || index.base.kind !== 'pre-transform') throw new Error(index.kind)
    expect(index).toMatchObject({ kFactor: 1, refine: { kind: 'flat', metric: 'ip', ntotal: 120 } })
    expect(index.base.transforms).toMatchObject([{ kind: 'linear', dimIn: 8, dimOut: 8, bias: undefined }])
    expect(index.base.index).toMatchObject({ kind: 'ivf-pq', byResidual: true, pq: { m: 4, nbits: 4, codeSize: 2 } })
  })

  test('the vectors of a graph that chooses cells', async () => {
    const index = await parse(fixtureBytes('tiny_ivf_hnsw'))
    expect(index).toMatchObject({ kind: 'ivf-flat', nlist: 4, quantizer: { kind: 'flat', ntotal: 4 } })
  })

  test('that nothing is trained or stored', async () => {
    expect(await parse(fixtureBytes('tiny_empty'))).toMatchObject({ kind: 'ivf-sq', ntotal: 0, trained: true })
    const untrained = await parse(fixtureBytes('tiny_untrained'))
    expect(untrained).toMatchObject({ kind: 'pre-transform', trained: false, transforms: [{ trained: false }] })
    expect(untrained).toMatchObject({ index: { trained: false, quantizer: { ntotal: 0 } } })
  })
})

describe('a file', () => {
  test('is opened with few reads, whatever it holds, and lists are read by one each', async () => {
    const bytes = fixtureBytes('IVF16-PQ4x10')
    const reads: [number, number][] = []
    const source = {
      size: bytes.length,
      async read(from: number, to: number) {
        reads.push([from, to])
        // an odd offset: the reader may not assume aligned bytes
        return Uint8Array.of(0, ...bytes.subarray(from, to)).subarray(1)
      },
      close: async () => Promise.reject(new Error('it is the caller who closes')),
    }
    const { index, close } = await readFaiss(source)
    expect(reads.length).toBeLessThan(4)
    if (index.kind !== 'ivf-pq') throw new Error(index.kind)
    const opened = reads.length
    const { codes, ids } = await index.lists.read(15)
    expect(reads.slice(opened)).toEqual([[bytes.length - ids.length * 13, bytes.length]])
    expect([codes.length, ids.byteOffset]).toEqual([ids.length * 5, 0])
    await expectAnswers(index, largeQueries, large['IVF16-PQ4x10']!)
    await close()
    await expectError(index.lists.read(0), 'ERR_CLOSED', /the file was closed; open it again/)
  })

  test('may be a path', async () => {
    const { index, close } = await readFaiss(fixtureUrl('tiny_flat_l2'))
    await expectAnswers(index, tinyQueries, tiny.flat_l2!)
    await close()
    await expectError(
      readFaiss(new URL('nothing.faiss', fixtureUrl('x'))),
      'ERR_NOT_FOUND',
      /nothing\.faiss is not there/,
    )
  })
})

test('the codebooks of scalar codes have what each code stands for', async () => {
  for (const name of fixtureNames('tiny_sq_')) {
    const index = await parse(fixtureBytes(name))
    if (index.kind !== 'sq') throw new Error(index.kind)
    const { sq, dim } = index
    const table = scalarCodebooks(sq)
    if (sq.type === 'fp16' || sq.type === 'bf16') {
      expect(table).toBeUndefined()
      continue
    }
    const bits = Math.log2(table!.length / dim)
    const codes = await index.codes.read(0, 50)
    const numbers = productNumbers({ dim, m: dim, nbits: bits, codeSize: sq.codeSize, codebooks: table! }, codes, 50)
    const looked = Array.from(numbers, (code, at) => table![((at % dim) << bits) + code])
    expect(Array.from(decodeScalar(sq, codes, 50)), name).toEqual(looked)
  }
})

describe('other layouts are read', () => {
  const splice = (bytes: Uint8Array, at: number, remove: number, ...parts: Uint8Array[]): Uint8Array =>
    new Uint8Array(Buffer.concat([bytes.subarray(0, at), ...parts, bytes.subarray(at + remove)]))

  test('IwSQ, which does not tell that codes are of residuals', async () => {
    const now = fixtureBytes('tiny_ivfsq_ip')
    const old = splice(splice(now, Buffer.from(now).indexOf('ilar') - 1, 1), 0, 4, letters('IwSQ'))
    expect(await contentsOf(await parse(old))).toEqual(await contentsOf(await parse(now)))
    expect(await parse(old)).toMatchObject({ byResidual: true })
  })

  test('PcAm and PCAm, with fewer fields', async () => {
    const now = fixtureBytes('tiny_pca')
    const at = Buffer.from(now).indexOf('Pcam')
    const second = splice(now, at, 12, letters('PcAm'), now.subarray(at + 4, at + 8))
    const first = splice(splice(second, at + 9, 4), at, 4, letters('PCAm'))
    for (const old of [second, first]) {
      expect(await contentsOf(await parse(old))).toEqual(await contentsOf(await parse(now)))
    }
  })

  test('a direct map that is an array', async () => {
    const now = fixtureBytes('tiny_ivf_ip')
    // after the header, nlist, nprobe and four centroids of eight numbers
    const at = 53 + 45 + 4 * 8 * 4
    const mapped = splice(now, at, 9, Uint8Array.of(1), ...counted(new BigInt64Array(120).fill(-1n)))
    expect(await contentsOf(await parse(mapped))).toEqual(await contentsOf(await parse(now)))
  })

  test('IxFl by a metric that has letters of its own', async () => {
    const old = splice(fixtureBytes('tiny_flat_ip'), 0, 4, letters('IxFl'))
    await expectAnswers(await parse(old), tinyQueries, tiny.flat_ip!)
  })
})
