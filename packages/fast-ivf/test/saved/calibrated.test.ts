import { describe, expect, test } from 'vitest'
import {
  type AnyIndex,
  CompressedFastIVF,
  describeIndex,
  FastIVF,
  FastIVFPQ,
  type Id,
  IvfIndex,
  type Metric,
  openIndex,
  verifyIndex,
} from '../../src/index.js'
import type { Contents } from '../../src/ivf/contents.js'
import { planRecall } from '../../src/recall/plan.js'
import { refusal } from '../refusal.js'
import { edited, placesOf } from './edit.js'
import { bitsOf, COUNT, DIM, type IdWord, lived, named, others, queries, vectors } from './indexes.js'

const life = { threads: 0 }
const METRICS: Metric[] = ['l2', 'cosine', 'ip']
const KINDS: IdWord[] = ['rows', 'string', 'number', 'bigint']
const CELLS = 20

const SPECS = [
  ['Flat', undefined],
  [`IVF${CELLS},Flat`, undefined],
  [`IVF${CELLS},SQ1`, 'f16'],
  [`IVF${CELLS},SQ4`, 'f32'],
  [`IVF${CELLS},SQ8`, 'none'],
  [`IVF${CELLS},PQ6x4`, 'int8'],
  [`OPQ6,IVF${CELLS},PQ6x4,R3`, 'f16'],
  [`PCA10,IVF${CELLS},SQ8`, 'f32'],
] as const

const original = { nlist: CELLS, kmeansMaxSteps: 10, ...life }
const ORIGINALS: [string, (metric: Metric) => FastIVF<Id> | FastIVFPQ<Id> | CompressedFastIVF<Id>][] = [
  ['FastIVF', (metric) => new FastIVF(DIM, { ...original, metric })],
  ['FastIVFPQ', (metric) => new FastIVFPQ(DIM, { ...original, metric, pqNumSubvectors: 6, pqNumCentroids: 16 })],
  [
    'CompressedFastIVF',
    (metric) => new CompressedFastIVF(DIM, { ...original, metric, compressionNdim: 10, compressor: 'pca' }),
  ],
]

const MAKES: [string, IdWord, () => Promise<AnyIndex<Id>>][] = METRICS.flatMap((metric, m) => [
  ...SPECS.map(([spec, keep], s): (typeof MAKES)[number] => {
    const kind = KINDS[(s + m) % 4] as IdWord
    return [`${spec} by ${metric}`, kind, () => lived(kind, { spec, metric, ...(keep && { keep }) })]
  }),
  ...ORIGINALS.map(([name, make], i): (typeof MAKES)[number] => {
    const kind = KINDS[(i + m) % 4] as IdWord
    const made = async (): Promise<AnyIndex<Id>> => {
      const index = make(metric)
      await index.train(vectors, named(kind, 0, COUNT))
      return index
    }
    return [`${name} by ${metric}`, kind, made]
  }),
])

/** What is answered, or refused, where a recall is asked for. */
async function answersAt(index: AnyIndex<Id>): Promise<unknown[]> {
  const found: unknown[] = []
  for (const k of [3, 10, 11]) {
    for (const recall of [0.5, 0.8, 0.9, 0.97, 1]) {
      const result = await index.search(queries, { k, recall }).catch((error: Error) => error)
      if (result instanceof Error) found.push(result.message)
      else found.push([bitsOf(result), result.recallEstimate && [...result.recallEstimate]])
    }
  }
  return found
}

test.each(MAKES)('%s, ids %s: opened it delivers recalls as before, to the last bit', async (_, kind, make) => {
  const index = await make()
  await index.calibrate({ k: [3, 10] })
  const bytes = await index.toBytes()
  const opened = await openIndex<Id>(bytes, life)
  expect(opened.calibration).toEqual(index.calibration)
  const wanted = await answersAt(index)
  expect(wanted.some((one) => typeof one === 'object')).toBe(true)
  expect(await answersAt(opened)).toEqual(wanted)
  expect(Buffer.compare(await opened.toBytes(), bytes)).toBe(0)
  expect((await verifyIndex(bytes, life)).damaged).toEqual([])
  expect((await describeIndex(bytes)).calibrated).toMatchObject({ k: [3, 10], changed: 0 })
  for (const one of [index, opened]) {
    await one.add(others.subarray(30 * DIM, 50 * DIM), named(kind, COUNT + 30, 20))
    await one.compact()
  }
  expect(opened.calibration).toEqual(index.calibration)
  expect(await answersAt(opened)).toEqual(await answersAt(index))
  for (const one of [index, opened]) await one.close()
})

/** What rescoring of a search says the same. */
function sameRescore({ kind, ...told }: { kind: string; factor?: number }): object {
  return kind === 'factor' ? { rescoreFactor: told.factor } : kind === 'none' ? { rescore: false } : {}
}

test.each(SPECS)('%s, originals %s: cells that stay in the file are chosen by recall, too', async (spec, keep) => {
  const index = await lived('rows', { spec, metric: 'l2', ...(keep && { keep }) })
  await index.calibrate({ k: 10 })
  const stored = await IvfIndex.open<Id>(await index.toBytes(), { ...life, resident: 'centroids' })
  expect(stored.calibration).toEqual(index.calibration)
  for (const recall of [0.5, 0.8]) {
    const { settings } = await index.whileHeld(async (contents, { calibration }) => {
      const there = { ...contents, stored: true } as unknown as Contents
      return planRecall(there, calibration?.calibration, index.settings({ k: 5 }), recall)
    })
    const { nprobe, rescore } = settings
    const found = await stored.search(queries, { k: 5, recall })
    const wanted = await stored.search(queries, { k: 5, nprobe, ...sameRescore(rescore) })
    expect(bitsOf(found)).toEqual({ ...(bitsOf(wanted) as object), work: found.work })
    expect(found.work.cells).toBe(wanted.work.cells)
  }
  for (const one of [index, stored]) await one.close()
})

test('what came and went before it was saved counts on: it is called stale where it would have been', async () => {
  let index = await IvfIndex.build(vectors, { spec: `IVF${CELLS},SQ4`, dim: DIM, ...life })
  await index.calibrate({ k: 5 })
  await index.add(others.subarray(0, 15 * DIM))
  await index.remove([1, 2, 3])
  for (const stale of [false, true]) {
    const bytes = await index.toBytes()
    await index.close()
    expect((await describeIndex(bytes)).calibrated?.changed).toBe(stale ? 38 : 18)
    index = await IvfIndex.open(bytes, life)
    expect(index.calibration?.stale).toBe(stale)
    if (!stale) await index.add(others.subarray(15 * DIM, 35 * DIM))
  }
  await index.calibrate({ k: 5 })
  expect(index.calibration?.stale).toBe(false)
  await index.close()
})

test('an index that is not calibrated, or no longer, has none in its file', async () => {
  const index = await IvfIndex.build(vectors, { spec: 'IVF4,Flat', dim: DIM, calibrate: false, ...life })
  const plain = await index.toBytes()
  await index.calibrate({ k: 5 })
  expect((await index.toBytes()).length).toBeGreaterThan(plain.length)
  await index.optimize({ cellSize: 30 })
  const bytes = await index.toBytes()
  for (const own of [plain, bytes]) {
    expect(placesOf(own).map(({ name }) => name)).not.toContain('calibration')
    expect((await describeIndex(own)).calibrated).toBeUndefined()
    const opened = await IvfIndex.open(own, life)
    expect(opened.calibration).toBeUndefined()
    expect(await refusal(opened.search(queries, { recall: 0.9 }))).toMatchObject({ code: 'ERR_NOT_CALIBRATED' })
    await opened.close()
  }
  await index.close()
})

test('vectors near the end of 32-bit floats: what is saved can be opened', async () => {
  const large = vectors.map((value) => value * 1e17)
  for (const spec of ['IVF4,Flat', 'IVF4,SQ4']) {
    const index = await IvfIndex.build(large, { spec, metric: 'l2', dim: DIM, calibrate: false, ...life })
    await index.calibrate({ k: 5 })
    const opened = await IvfIndex.open(await index.toBytes(), life)
    expect(opened.size).toBe(COUNT)
    for (const one of [index, opened]) await one.close()
  }
})

describe('a calibrated file', () => {
  const made = (async () => {
    const index = await lived('string', { spec: `IVF${CELLS},SQ4`, metric: 'l2', keep: 'f16' })
    await index.calibrate({ k: [3, 10] })
    const bytes = await index.toBytes()
    await index.close()
    return bytes
  })()

  test('tells which k, by how many queries, and counts what calibration takes as learned', async () => {
    const bytes = await made
    const told = await describeIndex(bytes)
    expect(told.calibrated).toEqual({ k: [3, 10], queries: 33, changed: 0 })
    const { from, to } = placesOf(bytes).find(({ name }) => name === 'calibration')!
    expect(told.bytes.learned).toBeGreaterThanOrEqual(to - from + CELLS * DIM * 4)
  })

  test('of which a byte is another is refused, and the part is named', async () => {
    const bytes = await made
    const { from, to } = placesOf(bytes).find(({ name }) => name === 'calibration')!
    for (const at of [from, (from + to) >> 1, to - 1]) {
      const changed = bytes.map((byte, i) => (i === at ? byte ^ 8 : byte))
      expect((await verifyIndex(changed, life)).damaged).toEqual(["'calibration'"])
      for (const resident of ['all', 'centroids'] as const) {
        const error = await refusal(openIndex(changed, { ...life, resident }))
        expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringContaining("in 'calibration'") })
      }
    }
  })

  test('that lies is found out by those who look at all of it', async () => {
    const lying = edited(await made, ({ metadata }) => {
      metadata.recall = metadata.recall!.replace('"wave":4', '"wave":5')
    })
    expect((await verifyIndex(lying, life)).damaged).toEqual([
      expect.stringMatching(/^its calibration: the file tells in recall that wave is 5/),
    ])
    expect((await refusal(describeIndex(lying))).code).toBe('ERR_FORMAT')
  })

  test('of a later version is opened as if it were not calibrated', async () => {
    const later = edited(await made, ({ metadata }) => {
      metadata.recall = '{"version":2,"rules":"other"}'
    })
    const opened = await openIndex<Id>(later, life)
    expect(opened.calibration).toBeUndefined()
    expect((await verifyIndex(later, life)).damaged).toEqual([])
    expect((await describeIndex(later)).calibrated).toBeUndefined()
    await opened.close()
  })
})
