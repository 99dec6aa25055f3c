import { expect, test } from 'vitest'
import { describeIndex, type Id, IvfIndex, type IvfIndexOptions, verifyIndex } from '../../src/index.js'
import { openSafetensors } from '../../src/storage/safetensors.js'
import { type ByteSource, openSource } from '../../src/storage/source.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { COUNT, type IdWord, lived, NLIST } from './indexes.js'

const life = { threads: 0 }

async function saved(kind: IdWord, options: IvfIndexOptions<Id>): Promise<Uint8Array> {
  const index = await lived(kind, options)
  const bytes = await index.toBytes()
  await index.close()
  return bytes
}

/** The tensors of a file and where they are. */
async function tensorsOf(bytes: Uint8Array): Promise<Map<string, { from: number; to: number }>> {
  return new Map((await openSafetensors(await openSource(bytes), 'x')).tensors)
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const own = bytes.slice()
  own[at] = (own[at] as number) ^ 16
  return own
}

const MAKES = [
  ['Flat', 'rows', {}],
  [`IVF${NLIST},SQ4`, 'string', { keep: 'f32' }],
  [`IVF${NLIST},SQ1`, 'number', { keep: 'int8' }],
  [`IVF${NLIST},PQ6x4`, 'bigint', { keep: 'none' }],
  [`PCA10,IVF${NLIST},SQ8`, 'string', { keep: 'f16' }],
  [`OPQ6,IVF${NLIST},PQ6x4`, 'rows', { keep: 'f16' }],
  [`IVF${NLIST}s,SQ4`, 'string', { keep: 'f16' }],
] as const

test.each(MAKES)('%s, ids %s, %j: a whole file is found whole', async (spec, kind, options) => {
  const bytes = await saved(kind, { spec, metric: 'l2', ...options })
  const steps: number[] = []
  const onProgress = ({ done, total }: { done: number; total: number }): void => void steps.push(done / total)
  expect(await verifyIndex(bytes, { ...life, onProgress })).toEqual({ size: COUNT + 30 - 7, damaged: [] })
  expect(steps.at(-1)).toBe(1)
  expect(steps.every((step, i) => step >= (steps[i - 1] ?? 0))).toBe(true)
})

test.each(MAKES)('%s, ids %s, %j: a byte that differs is found, in the part it is of', async (spec, kind, options) => {
  const bytes = await saved(kind, { spec, metric: 'l2', ...options })
  const words: [RegExp, RegExp][] = [
    [/\.codes$/, /^the vectors of cell \d+ of segment \d(\.spill)?$/],
    [/\.originals$/, /^the vectors kept beside the codes of cell \d+ of segment \d$/],
    [/\.originals\.checks$/, /^the checks of the vectors kept beside the codes of cell \d+ of segment \d$/],
    [/\.ids$/, /^the ids of cell \d+ of segment \d(\.spill)?$/],
    [/\.spill\.checks$/, /^the places of what is spilled of segment \d, .*'segment\.\d\.spill\.checks'/],
    [/\.checks$/, /^the places of segment \d, without which .*'segment\.\d\.checks'/],
    [/./, /^'(centroids|projection|quantizer|segment)/],
  ]
  for (const [name, { from, to }] of await tensorsOf(bytes)) {
    const [, expected] = words.find(([pattern]) => pattern.test(name)) as [RegExp, RegExp]
    for (const at of new Set([from, (from + to) >> 1, to - 1])) {
      const { damaged } = await verifyIndex(flipped(bytes, at), life)
      expect(damaged[0], `${name} at ${at - from}`).toMatch(expected)
      // Checks of single rows, and ids in second cells, are for those who read a few.
      if (/\.(originals\.checks|spill\.ids)$/.test(name)) continue
      expect((await refusal(IvfIndex.open(flipped(bytes, at), life))).code).toBe('ERR_FORMAT')
    }
  }
})

test('all that is damaged is told, each once', async () => {
  const bytes = await saved('string', { spec: `IVF${NLIST},SQ4`, metric: 'l2', keep: 'f32' })
  const tensors = await tensorsOf(bytes)
  const all = bytes.slice()
  const fill = (name: string): void => {
    const { from, to } = tensors.get(name) as { from: number; to: number }
    all.fill(0xee, from, to)
  }
  for (const name of ['centroids', 'segment.0.codes', 'segment.0.ids', 'segment.1.checks']) fill(name)
  const { damaged } = await verifyIndex(all, life)
  expect(new Set(damaged).size).toBe(damaged.length)
  expect(damaged.filter((part) => /^the vectors of cell \d of segment 0$/.test(part)).length).toBeGreaterThan(NLIST - 3)
  expect(damaged.filter((part) => /^the ids of cell \d of segment 0$/.test(part)).length).toBeGreaterThan(NLIST - 3)
  expect(damaged[0]).toBe("'centroids'")
  expect(damaged.at(-1)).toMatch(/^the places of segment 1/)
})

test('what is no index, or has a damaged header, is refused', async () => {
  const bytes = await saved('rows', { spec: 'Flat', metric: 'l2' })
  for (const wrong of [new Uint8Array(0), new Uint8Array(100), bytes.subarray(0, -1), flipped(bytes, 100)]) {
    for (const look of [verifyIndex, describeIndex]) expect((await refusal(look(wrong))).code).toBe('ERR_FORMAT')
  }
})

test('it reads in bounded pieces, stops when it is told to, and closes what it was given', async () => {
  const index = await IvfIndex.build(mixture(3000, 1024, 3, 4), {
    calibrate: false,
    ...{ dim: 1024, spec: 'IVF2,SQ8', metric: 'l2', kmeansIterations: 1, ...life },
  })
  const bytes = await index.toBytes()
  await index.close()
  let [most, closed] = [0, 0]
  const source = (): ByteSource => ({
    size: bytes.length,
    async read(from, to) {
      most = Math.max(most, to - from)
      return bytes.slice(from, to)
    },
    async close() {
      closed++
    },
  })
  expect((await verifyIndex(source(), life)).damaged).toEqual([])
  expect(bytes.length).toBeGreaterThan(14 << 20)
  expect(most).toBeLessThanOrEqual(8 << 20)
  const controller = new AbortController()
  const reason = new Error('enough')
  const call = verifyIndex(source(), { ...life, signal: controller.signal, onProgress: () => controller.abort(reason) })
  await expect(call).rejects.toBe(reason)
  expect(closed).toBe(2)
})

test('a file tells what it holds without its vectors being read', async () => {
  const bytes = await saved('string', { spec: `PCA10,IVF${NLIST},SQ4`, metric: 'l2', keep: 'f16' })
  const told = await describeIndex(bytes)
  expect(told).toMatchObject({
    ...{ class: 'IvfIndex', spec: `PCA10,IVF${NLIST},SQ4`, codes: 'SQ4', projection: 'PCA10', metric: 'l2', dim: 24 },
    ...{ size: COUNT + 23, removed: 7, ids: 'string', keep: 'f16', segments: 2 },
  })
  expect(told.cellSizes.reduce((sum, one) => sum + one)).toBe(COUNT + 30)
  const { total, ...parts } = told.bytes
  expect(Object.values(parts).reduce((sum, one) => sum + one)).toBe(total)
  expect(parts).toMatchObject({ originals: (COUNT + 30) * (24 * 2 + 4), places: expect.any(Number) })
  expect(parts.learned).toBeGreaterThanOrEqual((10 * 24 + 10 + NLIST * 10) * 4)
  expect(parts.codes).toBeGreaterThan((COUNT + 30) * 5)
  let read = 0
  const source: ByteSource = {
    size: bytes.length,
    async read(from, to) {
      read += to - from
      return bytes.slice(from, to)
    },
    async close() {},
  }
  await describeIndex(source)
  expect(read).toBeLessThan(20_000)
})
