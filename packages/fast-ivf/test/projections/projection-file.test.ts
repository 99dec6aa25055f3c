import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { describe, expect, test } from 'vitest'
import { IvfError, IvfIndex, Projection } from '../../src/index.js'
import { kinds } from '../../src/projections/registry.js'
import { writeSafetensors } from '../../src/storage/safetensors-write.js'
import { expectSame } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { DIM, METRICS, quickly, sample } from './trained.js'

const vectors = mixture(20, DIM, 2)
const words = kinds.flatMap(({ examples }) => examples)

describe('a file that was written', () => {
  test.each(words.flatMap((spec) => METRICS.map((metric) => [spec, metric] as const)))(
    'of %s by %s projects to the last bit alike, read from wherever it lies',
    async (spec, metric) => {
      const projection = await quickly(spec, metric)
      const bytes = await projection.toSafetensors()
      expectSame(await projection.toSafetensors(), bytes)
      const folder = await mkdtemp(join(tmpdir(), 'projection-'))
      try {
        const path = join(folder, 'a file.safetensors')
        await writeFile(path, bytes)
        const expected = await projection.apply(vectors)
        for (const source of [
          bytes,
          bytes.buffer,
          new Blob([bytes]),
          path,
          pathToFileURL(path),
          pathToFileURL(path).href,
        ]) {
          const again = await Projection.fromSafetensors(source, { threads: 0 })
          expect(again.parameters).toEqual(projection.parameters)
          for (const name of ['weight', 'bias'] as const) {
            expectSame(again.parameters[name] ?? [], projection.parameters[name] ?? [])
          }
          expectSame(await again.apply(vectors), expected)
          await again.close()
        }
      } finally {
        await rm(folder, { recursive: true })
      }
      await projection.close()
    },
  )

  test('of an index’s projection is the projection', async () => {
    for (const spec of ['PCA12,IVF4,SQ8', 'IVF4,RR12,Flat', 'L2norm,PQ6x4']) {
      const index = await IvfIndex.build(sample, { spec, metric: 'l2', dim: DIM, threads: 0 })
      const [own, again] = [
        index.projection!,
        await Projection.fromSafetensors(await index.projection!.toSafetensors()),
      ]
      expect(again.parameters).toEqual(own.parameters)
      expectSame(await again.apply(vectors), await own.apply(vectors))
      for (const one of [own, again, index]) await one.close()
    }
    const plain = await IvfIndex.build(sample, { spec: 'Flat', dim: DIM, threads: 0 })
    expect(plain.projection).toBeUndefined()
    await plain.close()
  })
})

const layer = { name: 'weight', shape: [2, 3], data: Float32Array.of(0.5, -1, 2, 0.25, 3, -0.125) }

describe('a file of ours', () => {
  const metadata = {
    kind: 'fast-ivf.projection',
    version: '1',
    spec: 'RR2',
    metric: 'ip',
    dim: '3',
    width: '2',
    unit: 'false',
    tensors: 'weight',
  }
  const lies: [string, Record<string, string | undefined>, RegExp][] = [
    ['is of a version to come', { version: '2' }, /version 2, and version 1 is known; a newer/],
    ['is of no version', { version: undefined }, /version undefined/],
    ['is of another kind', { kind: 'fast-ivf.index' }, /of kind 'fast-ivf.index'/],
    ['has another dim', { dim: '4' }, /shape \[2,3\]/],
    ['has another width', { width: '3' }, /shape \[2,3\]/],
    ['has its sizes the other way round', { width: '3', dim: '2' }, /shape \[2,3\]/],
    ['has no dim', { dim: undefined }, /shape \[2,3\]/],
    ['has a metric that is none', { metric: 'dot' }, /metric is 'dot'/],
    ['has no metric', { metric: undefined }, /metric is undefined/],
    ['does not say whether lengths are 1', { unit: undefined }, /unit is undefined/],
    ['has lost its weight', { tensors: 'bias,weight' }, /should hold 'bias,weight'/],
    ['says it in other words', { unit: 'True' }, /unit is 'True'/],
  ]
  test.each(lies)('that %s is refused', async (_, lie, message) => {
    const words = Object.entries({ ...metadata, ...lie }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    )
    const error = await refusal(Projection.fromSafetensors(writeSafetensors([layer], Object.fromEntries(words))))
    expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringMatching(message) })
  })

  test('with a tensor that no projection has is refused', async () => {
    for (const name of ['Bias', 'weight2']) {
      const tensors = [layer, { name, shape: [2], data: Float32Array.of(1, -2) }]
      const error = await refusal(Projection.fromSafetensors(writeSafetensors(tensors, metadata)))
      expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringContaining(name) })
    }
  })

  test('without a weight takes no more components than there are', async () => {
    const first = { ...metadata, spec: 'T3', unit: 'true', tensors: '' }
    const read = (dim: string, width: string) =>
      Projection.fromSafetensors(writeSafetensors([], { ...first, dim, width }))
    expect((await read('5', '3')).parameters).toMatchObject({ dim: 5, width: 3, weight: undefined, unit: true })
    for (const [dim, width] of [
      ['3', '5'],
      ['3', '0'],
      ['3', '-1'],
      ['2.5', '2'],
      ['', ''],
      ['65537', '3'],
      ['many', '3'],
    ]) {
      expect((await refusal(read(dim!, width!))).code).toBe('ERR_FORMAT')
    }
  })

  test('cut short anywhere is refused', async () => {
    for (const spec of ['PCAC12', 'T12']) {
      const bytes = await (await quickly(spec, 'l2')).toSafetensors()
      for (let length = 0; length < bytes.length; length += 7) {
        const error = await refusal(Projection.fromSafetensors(bytes.subarray(0, length)))
        expect(error.code).toBe('ERR_FORMAT')
      }
      const longer = new Uint8Array(bytes.length + 4)
      longer.set(bytes)
      expect((await refusal(Projection.fromSafetensors(longer))).code).toBe('ERR_FORMAT')
    }
  })

  test('with a bit turned in its header is refused, or it is what it was but for its name', async () => {
    const projection = await quickly('PCAC12', 'l2')
    const bytes = await projection.toSafetensors()
    const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true))
    // Of what kind it is nothing else tells.
    const kind = new TextDecoder('latin1').decode(bytes).indexOf('"kind"')
    let refused = 0
    for (let at = 0; at < end; at++) {
      if (at >= kind && at < kind + 30) continue
      const damaged = bytes.slice()
      damaged[at]! ^= 1 << (at % 7)
      try {
        const { parameters } = await Projection.fromSafetensors(damaged)
        expect({ ...parameters, word: '' }, `byte ${at}`).toEqual({ ...projection.parameters, word: '' })
      } catch (error) {
        if (!(error instanceof IvfError)) throw error
        refused++
      }
    }
    expect(refused).toBeGreaterThan(end / 2)
    await projection.close()
  })

  test('that is not there is told', async () => {
    const error = await refusal(Projection.fromSafetensors(join(tmpdir(), 'no such.safetensors')))
    expect(error).toMatchObject({ code: 'ERR_NOT_FOUND', message: expect.stringContaining('no such.safetensors') })
    expect((await refusal(Projection.fromSafetensors(7 as never))).code).toBe('ERR_ARGUMENT')
  })
})
