import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { IvfIndex } from '../../src/index.js'
import { refusal } from '../refusal.js'
import { expectHolds, folders, noteOf, open, vectorOf } from './collections.js'

const folder = folders()
const item = <I extends string | number>(id: I, version: number) => ({
  ...{ id, vector: vectorOf(version), metadata: noteOf(version) },
})
const l2 = { dim: 4, metric: 'l2' } as const

test('what was written is there when the folder is opened again', async () => {
  const at = join(folder(), 'a', 'b')
  const docs = await open(at, l2)
  await docs.upsert(item('a', 1))
  await docs.upsert([item('b', 2), item('c', 3)])
  await docs.upsert({ ids: ['d', 'a'], vectors: [vectorOf(4), vectorOf(5)], metadata: [noteOf(4), noteOf(5)] })
  await docs.remove('b')
  await docs.remove(['x', 'c'])
  const versions = new Map(Object.entries({ a: 5, d: 4 }))
  await expectHolds(docs, versions)
  expect([await docs.has('a'), await docs.has('b'), await docs.get('b')]).toEqual([true, false, undefined])
  await docs.close()
  for (const checkpoint of [true, false]) {
    const again = await open(at)
    await expectHolds(again, versions)
    await again.close({ checkpoint })
  }
  expect(readdirSync(at).sort()).toEqual(['checkpoint-1.safetensors', 'log-1'])
})

test('removing what is not there does not decide of which kind ids are', async () => {
  const docs = await open<string | number>(folder(), l2)
  await docs.remove(1)
  await docs.upsert(item('a', 1))
  expect(await refusal(docs.remove(1))).toMatchObject({ code: 'ERR_ID' })
  expect(docs.size).toBe(1)
  await docs.close()
})

test('a checkpoint is the file of an index, whose ids others can read', async () => {
  const at = folder()
  const docs = await open<number>(at, l2)
  await docs.upsert([item(7, 1), item(-3, 2)])
  await docs.close({ checkpoint: true })
  const index = await IvfIndex.open(join(at, 'checkpoint-1.safetensors'))
  expect((await index.search(vectorOf(2), { k: 1 })).of(0)).toEqual([{ id: -3, score: 0 }])
  await index.close()
})

test('a collection is not calibrated: who asks for a recall is told to give nprobe', async () => {
  const docs = await open<string>(folder(), l2)
  await docs.upsert(item('a', 1))
  const options = { k: 1, recall: 0.9, nprobe: 1 }
  expect(await refusal(docs.search(vectorOf(1), options))).toMatchObject({
    ...{ code: 'ERR_ARGUMENT', message: 'recall is 0.9, and collections are not calibrated; give nprobe' },
  })
  expect((await docs.search(vectorOf(1), { k: 1, nprobe: 1 })).ids).toEqual(['a'])
  await docs.close()
})

test('a new folder needs a dim, and an old one keeps what it has', async () => {
  const at = folder()
  expect(await refusal(open(at))).toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringContaining('dim') })
  await (await open(at, l2)).close()
  expect(await refusal(open(at, { dim: 5 }))).toMatchObject({ code: 'ERR_DIM' })
  expect(await refusal(open(at, { metric: 'ip' }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(open(at, { spec: 'IVF' }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(open(''))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(open(at, { checkpointBytes: 0 }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(open(at, { readOnly: true, recover: true }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  const docs = await open(at)
  expect(docs.stats()).toMatchObject({ size: 0, dim: 4, metric: 'l2', spec: 'Flat', generation: 0 })
  await docs.close()
})

test('an empty collection answers, with nothing', async () => {
  const docs = await open(folder(), { dim: 3 })
  const found = await docs.search(
    [
      [1, 2, 3],
      [0, 0, 1],
    ],
    { k: 2, filter: { version: 1 } },
  )
  expect([found.nq, found.k, found.of(0), found.of(1), found.ids]).toEqual([2, 2, [], [], Array(4).fill(undefined)])
  await docs.remove('a')
  await docs.upsert([])
  await docs.optimize()
  expect(docs.size).toBe(0)
  await docs.close()
})

describe('nothing is written of what is refused', () => {
  const vector = vectorOf(1)
  const given = (value: unknown) => value as never
  test.each([
    ['ERR_ARGUMENT', given(undefined)],
    ['ERR_ARGUMENT', given([{ id: 'a' }])],
    ['ERR_ARGUMENT', { ids: ['a', 'b'], vectors: vector }],
    ['ERR_ARGUMENT', { ids: ['a'], vectors: vector, metadata: [] }],
    ['ERR_ARGUMENT', given({ id: 'a', vector, metadata: { at: new Date(0) } })],
    ['ERR_ARGUMENT', given({ id: 'a', vector, metadata: 'text' })],
    ['ERR_ID', [item('a', 1), item('a', 2)]],
    ['ERR_ID', given({ id: 1, vector })],
    ['ERR_ID', given({ id: 1n, vector })],
    ['ERR_ID', given({ id: 1.5, vector })],
    ['ERR_ID', { id: '\ud800', vector }],
    ['ERR_DIM', { id: 'a', vector: [1, 2, 3] }],
    ['ERR_NOT_FINITE', [item('a', 1), { id: 'b', vector: [1, 2, Number.NaN, 0] }]],
    ['ERR_NOT_FINITE', { id: 'b', vector: [1e30, 0, 0, 0] }],
  ])('%s %#', async (code, items) => {
    const docs = await open(folder(), l2)
    await docs.upsert(item('k', 9))
    const { logBytes } = docs.stats()
    expect(await refusal(docs.upsert(items))).toMatchObject({ code })
    await docs.upsert(item('l', 9))
    await docs.remove('l')
    expect([docs.size, docs.stats().logRecords > 1, await docs.has('a')]).toEqual([1, true, false])
    expect(docs.stats().logBytes).toBeGreaterThan(logBytes)
    await docs.close()
  })
})

test('ids of another kind are refused for removal, too, and after opening again', async () => {
  const at = folder()
  const docs = await open(at, l2)
  await docs.upsert(item('a', 1))
  await docs.close({ checkpoint: true })
  const again = await open<string | number>(at)
  expect(await refusal(again.remove(1))).toMatchObject({ code: 'ERR_ID' })
  expect(await refusal(again.get(1.5))).toMatchObject({ code: 'ERR_ID' })
  await again.close()
})

test('filters are conditions, or a function of id and metadata', async () => {
  const docs = await open(folder(), l2)
  await docs.upsert(Array.from({ length: 50 }, (_, i) => item(`${i}`, i)))
  await docs.upsert({ id: 'none', vector: vectorOf(50) })
  const ids = async (filter: NonNullable<Parameters<typeof docs.search>[1]>['filter']) =>
    (await docs.search(vectorOf(3), { k: 60, filter })).of(0).map(({ id }) => id)
  expect((await ids(undefined)).length).toBe(51)
  expect((await ids({ version: { $lt: 3 } })).sort()).toEqual(['0', '1', '2'])
  expect((await ids({ version: { $exists: false } })).sort()).toEqual(['none'])
  expect((await ids((id, metadata) => id === 'none' || metadata?.version === 7)).sort()).toEqual(['7', 'none'])
  // Once more, after some of them are others.
  await docs.upsert([item('1', 100), item('77', 2)])
  await docs.remove('2')
  expect((await ids({ version: { $lt: 3 } })).sort()).toEqual(['0', '77'])
  expect(await refusal(ids({ version: { $near: 3 } } as never))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(await refusal(ids(new Set(['1']) as never))).toMatchObject({ code: 'ERR_ARGUMENT' })
  const thrown = new Error('asked too much')
  await expect(
    ids(() => {
      throw thrown
    }),
  ).rejects.toBe(thrown)
  await docs.close()
})

test('an answer keeps the metadata it was given for', async () => {
  const docs = await open(folder(), l2)
  await docs.upsert([item('a', 1), item('b', 2)])
  const found = await docs.search([vectorOf(1), vectorOf(2)], { k: 1 })
  await docs.upsert(item('a', 3))
  await docs.optimize()
  await docs.close()
  expect(found.of(0)).toEqual([{ id: 'a', score: 0, metadata: noteOf(1) }])
  expect([found.ids, [...found.scores], [...found.counts], found.of(2)]).toEqual([['a', 'b'], [0, 0], [1, 1], []])
})

test('cosine stores vectors of length 1; a zero vector is kept, and is no answer', async () => {
  const docs = await open(folder(), { dim: 2 })
  await docs.upsert([
    { id: 'a', vector: [3, 4] },
    { id: 'zero', vector: [0, 0] },
  ])
  const { vector, metadata } = (await docs.get('a'))!
  expect([[...vector].map((x) => x.toFixed(6)), metadata]).toEqual([['0.600000', '0.800000'], undefined])
  expect((await docs.search([1, 1])).of(0).map(({ id }) => id)).toEqual(['a'])
  await docs.optimize()
  expect([...(await docs.get('zero'))!.vector]).toEqual([0, 0])
  await docs.close()
})

test('one writes at a time, and a reader writes nothing', async () => {
  const at = folder()
  expect(await refusal(open(at, { readOnly: true }))).toMatchObject({ code: 'ERR_NOT_FOUND' })
  const docs = await open(at, l2)
  expect(await refusal(open(at))).toMatchObject({ code: 'ERR_LOCKED' })
  const reader = await open(at, { readOnly: true })
  expect(await refusal(reader.upsert(item('a', 1)))).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(await refusal(reader.checkpoint())).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  expect(await refusal(docs.refresh())).toMatchObject({ code: 'ERR_UNSUPPORTED' })
  await Promise.all([docs.close(), reader.close()])
  await (await open(at)).close()
})

test('closing waits for what is written, and later calls are refused', async () => {
  const at = folder()
  const docs = await open(at, l2)
  const writes = Array.from({ length: 20 }, (_, i) => docs.upsert(item(`${i}`, i)))
  await docs.close()
  await docs.close()
  await Promise.all(writes)
  for (const call of [
    docs.upsert(item('a', 1)),
    docs.get('a'),
    docs.has('a'),
    docs.search(vectorOf(1)),
    docs.checkpoint(),
  ]) {
    expect(await refusal(call)).toMatchObject({ code: 'ERR_CLOSED' })
  }
  const again = await open(at)
  await expectHolds(again, new Map(Array.from({ length: 20 }, (_, i) => [`${i}`, i])))
  await again.close()
})

test('writes at the same time share waits for the disk, and the last one of an id counts', async () => {
  const docs = await open(folder(), l2)
  await Promise.all(Array.from({ length: 200 }, (_, i) => docs.upsert(item(`${i % 7}`, i))))
  expect(docs.stats().syncs).toBeLessThan(20)
  expect(docs.stats().logRecords).toBe(200)
  await expectHolds(docs, new Map(Array.from({ length: 7 }, (_, i) => [`${(193 + i) % 7}`, 193 + i])))
  await docs.close()
})

test('a call that is aborted before it begins does nothing', async () => {
  const docs = await open(folder(), l2)
  const reason = new Error('enough')
  const signal = AbortSignal.abort(reason)
  await expect(docs.upsert(item('a', 1), { signal })).rejects.toBe(reason)
  await expect(docs.search(vectorOf(1), { signal })).rejects.toBe(reason)
  await docs.upsert(item('a', 1))
  await expect(docs.checkpoint({ signal })).rejects.toBe(reason)
  await expect(docs.optimize({ signal })).rejects.toBe(reason)
  await expectHolds(docs, new Map([['a', 1]]))
  await docs.close()
})

test('metadata of any size come back, and what is beside the files is left alone', async () => {
  const at = folder()
  const docs = await open<number>(at, l2)
  const long = 'é€😀'.repeat(200_000)
  const text = (i: number): string => (i % 1000 === 0 ? long : `${i}`.repeat(i % 50))
  await docs.upsert(
    Array.from({ length: 9000 }, (_, i) => ({
      ...{ id: i, vector: vectorOf(i) },
      ...(i % 3 !== 0 && { metadata: { version: i, text: text(i) } }),
    })),
  )
  await docs.upsert({ id: 1, vector: vectorOf(1), metadata: { version: 1, text: long } })
  await docs.remove(2)
  writeFileSync(join(at, 'notes.tmp'), '')
  await docs.close({ checkpoint: true })
  const again = await open<number>(at)
  expect(again.stats().logRecords).toBe(1)
  for (let i = 0; i < 9000; i++) {
    const metadata = i % 3 === 0 ? undefined : { version: i, text: i === 1 ? long : text(i) }
    expect(await again.get(i)).toEqual(i === 2 ? undefined : { id: i, vector: vectorOf(i), metadata })
  }
  await again.close()
  expect(readdirSync(at).sort()).toEqual(['checkpoint-1.safetensors', 'log-1', 'notes.tmp'])
})
