import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { type Id, IvfIndex, type IvfIndexOptions, openIndex } from '../../src/index.js'
import { refusal } from '../refusal.js'
import { placesOf } from './edit.js'

// 20 MB: cells of several pieces, and several rooms to read and write by.
const [DIM, COUNT] = [256, 20_000]
let state = 1
const vectors = Float32Array.from({ length: DIM * COUNT }, () => {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0
  return state / 2 ** 32 - 0.5
})
const queries = vectors.subarray(7 * DIM, 12 * DIM)
const folder = await mkdtemp(join(tmpdir(), 'fast-ivf-saved-'))
afterAll(() => rm(folder, { recursive: true }))
afterEach(() => void vi.unstubAllGlobals())

const build = (spec: string, more: IvfIndexOptions<Id> = {}): Promise<IvfIndex<Id>> =>
  IvfIndex.build<Id>(vectors, {
    calibrate: false,
    ...{ spec, dim: DIM, metric: 'l2', kmeansIterations: 1, kmeansPointsPerCentroid: 8, threads: 0 },
    ...more,
  } as IvfIndexOptions<Id>)

const memories: [string, () => void][] = [
  ['shared', () => {}],
  ['not shared', () => void vi.stubGlobal('SharedArrayBuffer', undefined)],
]

describe.each(memories)('in memory that is %s', (_, stub) => {
  test.each<[string, string, IvfIndexOptions<Id>]>([
    ['in one cell', 'Flat', {}],
    ['in three cells, with vectors beside', 'IVF3,SQ8', { keep: 'f32' }],
    ['with long ids', 'IVF3,SQ1', { keep: 'f16', ids: Array.from({ length: COUNT }, (_, i) => 'x'.repeat(600) + i) }],
  ])('%s: %s is opened as it was saved', async (_, spec, options) => {
    stub()
    const index = await build(spec, options)
    const bytes = await index.toBytes()
    const path = join(folder, 'large')
    // Memory grows meanwhile.
    const saving = index.save(path)
    const ids = options.ids === undefined ? undefined : Array.from({ length: COUNT }, (_, i) => `again ${i}`)
    await Promise.all([saving, index.add(vectors, ids && { ids })])
    expect(Buffer.compare(await readFile(path), bytes)).toBe(0)
    const opened = await openIndex<Id>(path, { threads: 0 })
    expect(Buffer.compare(await opened.toBytes(), bytes)).toBe(0)
    const found = await opened.search(queries, { k: 1, nprobe: opened.nlist })
    expect([...(found.ids as Id[])]).toEqual([7, 8, 9, 10, 11].map((i) => options.ids?.[i] ?? i))
    await opened.add(vectors, ids && { ids })
    const pick = { k: 9, nprobe: index.nlist }
    const [own, wanted] = [await opened.search(queries, pick), await index.search(queries, pick)]
    expect([...own.scores]).toEqual([...wanted.scores])
    for (const one of [index, opened]) await one.close()
  })
})

test('the piece that is damaged is found, in any of them', async () => {
  const index = await build('IVF2,Flat')
  const bytes = await index.toBytes()
  const [first = 0] = index.cellSizes
  await index.close()
  const { from, to } = placesOf(bytes).find(({ name }) => name === 'segment.0.codes')!
  for (const share of [0, 0.3, 0.6, 0.999]) {
    const at = from + Math.floor(share * (to - from))
    bytes[at] = (bytes[at] as number) ^ 1
    const cell = (at - from) / (4 * DIM) < first ? 0 : 1
    const { message } = await refusal(openIndex(bytes, { threads: 0 }))
    expect(message).toMatch(`damaged in the vectors of cell ${cell} of segment 0`)
    bytes[at] = (bytes[at] as number) ^ 1
  }
})
