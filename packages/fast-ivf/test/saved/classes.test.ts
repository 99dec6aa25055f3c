import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'
import {
  type AnyIndex,
  CompressedFastIVF,
  FastIVF,
  FastIVFPQ,
  type Id,
  IvfIndex,
  openIndex,
  Projection,
} from '../../src/index.js'
import { writeSafetensors } from '../../src/storage/safetensors-write.js'
import { fixture } from '../formats/files.js'
import { refusal } from '../refusal.js'
import { DIM, expectSame, NLIST, others, queries, vectors } from './indexes.js'

const life = { threads: 0 }
const common = { nlist: NLIST, nprobe: 3, seed: 5, kmeansMaxSteps: 20, ...life }
const product = { ...common, pqNumSubvectors: 6, pqNumCentroids: 16, kmeansPqMaxSteps: 10 }
const compressed = { ...common, compressionNdim: 8, compressorEpochs: 1, compressorStepsPerEpoch: 2 }

const makes: Record<string, () => FastIVF<Id> | FastIVFPQ<Id> | CompressedFastIVF<Id>> = {
  'FastIVF by cosine': () => new FastIVF(DIM, { ...common, ratioThreshold: 0.25 }),
  'FastIVF by l2': () => new FastIVF(DIM, { ...common, metric: 'l2' }),
  FastIVFPQ: () => new FastIVFPQ(DIM, { ...product, metric: 'l2', rescoreNumSamples: 4, keep: 'f16' }),
  'FastIVFPQ without originals': () => new FastIVFPQ(DIM, { ...product, keep: 'none' }),
  'CompressedFastIVF by pca': () => new CompressedFastIVF(DIM, { ...compressed, compressor: 'pca', metric: 'ip' }),
  'CompressedFastIVF by chance': () =>
    new CompressedFastIVF(DIM, { ...compressed, compressor: 'random', keep: 'int8' }),
  'CompressedFastIVF that learns': () => new CompressedFastIVF(DIM, { ...compressed, compressor: 'supervised' }),
}
const names = Object.keys(makes)

function openAgain(
  index: AnyIndex<Id>,
  bytes: Uint8Array,
): Promise<FastIVF<Id> | FastIVFPQ<Id> | CompressedFastIVF<Id>> {
  if (index instanceof FastIVF) return FastIVF.open<Id>(bytes, life)
  return index instanceof FastIVFPQ ? FastIVFPQ.open<Id>(bytes, life) : CompressedFastIVF.open<Id>(bytes, life)
}

test.each(names)('%s is opened as it was: settings, answers, and what training again makes of it', async (name) => {
  const index = makes[name]!()
  await index.train(vectors)
  await index.add(others)
  await index.remove([1, 2, 3])
  index.nprobe = 4
  index.ratioThreshold = 0.125
  if (!(index instanceof FastIVF)) index.rescoreNumSamples = 7
  const bytes = await index.toBytes()
  const opened = await openAgain(index, bytes)
  expect(opened.constructor).toBe(index.constructor)
  expect(opened).toMatchObject({ nprobe: 4, ratioThreshold: 0.125, keep: index.keep, metric: index.metric })
  if (!(opened instanceof FastIVF)) expect(opened.rescoreNumSamples).toBe(7)
  if (opened instanceof CompressedFastIVF) expect(opened.compressionNdim).toBe(8)
  await expectSame(opened, index)
  expect(Buffer.compare(await opened.toBytes(), bytes)).toBe(0)
  for (const one of [index, opened]) await one.train(others, { ids: Array.from({ length: 60 }, (_, i) => `${i}`) })
  await expectSame(opened, index)
  expect(Buffer.compare(await opened.toBytes(), await index.toBytes())).toBe(0)
  for (const one of [index, opened]) await one.close()
})

test('a projection is had back with the index that has one', async () => {
  const index = makes['CompressedFastIVF by pca']!()
  await index.train(vectors)
  const opened = await CompressedFastIVF.open(await index.toBytes(), life)
  const [found, wanted] = [opened.projection, index.projection]
  expect(found?.spec).toBe(wanted?.spec)
  expect(found?.parameters).toEqual(wanted?.parameters)
  for (const one of [index, opened]) await one.close()
})

test('how it is computed, and compactAt of an IvfIndex, are what open is told', async () => {
  const index = await IvfIndex.build(vectors, { spec: 'SQ4', dim: DIM, threads: 0, compactAt: 0, epsilon: 3 })
  const bytes = await index.toBytes()
  const opened = await IvfIndex.open(bytes, { threads: 0, compactAt: 1 })
  const before = opened.bytes
  await opened.remove(Array.from({ length: 200 }, (_, i) => i))
  expect(opened.bytes).toBe(before)
  expect((await refusal(IvfIndex.open(bytes, { threads: -1 }))).message).toMatch(/threads is -1/)
  expect((await refusal(IvfIndex.open(bytes, { compactAt: 2 }))).message).toMatch(/compactAt is 2/)
  for (const one of [index, opened]) await one.close()
})

describe('a file of another kind', () => {
  const opens = {
    IvfIndex: (bytes: Uint8Array) => IvfIndex.open(bytes, life),
    FastIVF: (bytes: Uint8Array) => FastIVF.open(bytes, life),
    FastIVFPQ: (bytes: Uint8Array) => FastIVFPQ.open(bytes, life),
    CompressedFastIVF: (bytes: Uint8Array) => CompressedFastIVF.open(bytes, life),
    openIndex: (bytes: Uint8Array) => openIndex(bytes, life),
  }
  const faces = Object.keys(opens) as (keyof typeof opens)[]

  async function made(face: keyof typeof opens): Promise<AnyIndex<Id>> {
    if (face === 'IvfIndex') return IvfIndex.build<Id>(vectors, { spec: 'Flat', dim: DIM, ...life })
    const index = makes[names.find((name) => name.split(' ')[0] === face)!]!()
    await index.train(vectors)
    return index
  }

  test.each(faces.slice(0, 4))('that holds a %s is opened by its own class and by openIndex only', async (face) => {
    const index = await made(face)
    const bytes = await index.toBytes()
    for (const own of faces) {
      if (own === face || own === 'openIndex') {
        const opened = await opens[own](bytes)
        expect(opened.constructor.name).toBe(face)
        expect((await opened.search(queries, { k: 2 })).ids).toEqual((await index.search(queries, { k: 2 })).ids)
        await opened.close()
        continue
      }
      const error = await refusal(opens[own](bytes))
      expect(error.code).toBe('ERR_FORMAT')
      expect(error.message).toBe(`the file holds a ${face}; open it with ${face}.open, or with openIndex`)
    }
    await index.close()
  })

  const foreign: [string, () => Promise<Uint8Array>, RegExp][] = [
    [
      'a projection',
      async () => (await Projection.train(vectors, { spec: 'PCA4', dim: DIM, threads: 0 })).toSafetensors(),
      /is of kind 'fast-ivf\.projection', and an index is needed/,
    ],
    [
      'tensors of others',
      async () => writeSafetensors([{ name: 'weight', shape: [2], data: Float32Array.of(1, 2) }]),
      /is of another kind, and an index is needed/,
    ],
    ['a NumPy array', () => readFile(fixture('npy/npy_f4.npy')), /header/],
    ['an index of faiss', async () => new TextEncoder().encode('IxF2\0\0\0\0'), /'IxF2'.*importFaiss/],
    ['nothing', async () => new Uint8Array(0), /has 0 bytes/],
  ]
  test.each(foreign)('that holds %s is refused by every open, by its name', async (_, make, message) => {
    const file = new File([new Uint8Array(await make())], 'other.safetensors')
    for (const open of [...Object.values(opens)] as ((source: unknown) => Promise<unknown>)[]) {
      const error = await refusal(open(file))
      expect(error.code).toBe('ERR_FORMAT')
      expect(error.message).toMatch(/^other\.safetensors/)
      expect(error.message).toMatch(message)
    }
  })

  test('that is not there is ERR_NOT_FOUND', async () => {
    for (const open of Object.values(opens) as ((source: unknown) => Promise<unknown>)[]) {
      expect(await refusal(open('no/such/file'))).toMatchObject({ code: 'ERR_NOT_FOUND' })
    }
  })

  test('is no projection either', async () => {
    const index = await made('IvfIndex')
    const error = await refusal(Projection.fromSafetensors(await index.toBytes()))
    expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringMatching(/'fast-ivf\.index'/) })
    await index.close()
  })
})
