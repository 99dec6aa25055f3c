import { describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { FastIVF, type Id, type IdList, type IvfErrorCode, IvfIndex, type Progress } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { inEngine } from './plain.js'

const [DIM, COUNT] = [8, 60]
const vectors = mixture(COUNT, DIM, 51, 8)
const rows = (from: number, to: number): Float32Array => vectors.subarray(from * DIM, to * DIM)
const settings = { spec: 'IVF4,SQ4', metric: 'l2', dim: DIM, threads: 0, kmeansIterations: 1 } as const
const all = { k: COUNT, nprobe: 4, epsilon: 100 }
const named = (from: number, to: number): string[] => Array.from({ length: to - from }, (_, i) => `№ ${from + i}`)

describe('an index of strings', () => {
  const refused: [string, (index: IvfIndex<Id>) => Promise<unknown>, IvfErrorCode, RegExp][] = [
    ['an id that is there', (i) => i.add(rows(0, 2), { ids: ['new', '№ 3'] }), 'ERR_ID', /ids\[1\] is '№ 3'.*upsert/],
    ['an id twice', (i) => i.add(rows(0, 3), { ids: ['a', 'b', 'a'] }), 'ERR_ID', /ids\[2\] is 'a'.*before/],
    ['an id twice, to replace', (i) => i.upsert(rows(0, 2), { ids: ['№ 1', '№ 1'] }), 'ERR_ID', /ids\[1\]/],
    ['too few ids', (i) => i.add(rows(0, 3), { ids: ['a', 'b'] }), 'ERR_ARGUMENT', /2 ids .* 3 vectors/],
    ['too many ids', (i) => i.upsert(rows(0, 1), { ids: ['№ 1', 'b'] }), 'ERR_ARGUMENT', /2 ids .* 1 vectors/],
    ['ids and no vectors', (i) => i.add(rows(0, 0), { ids: ['a'] }), 'ERR_ARGUMENT', /1 ids .* 0 vectors/],
    ['vectors and an empty list', (i) => i.upsert(rows(0, 1), { ids: [] }), 'ERR_ARGUMENT', /0 ids .* 1 vectors/],
    ['no ids', (i) => i.add(rows(0, 1)), 'ERR_ID', /no ids .* strings .* give ids/],
    ['no ids, to replace', (i) => i.upsert(rows(0, 1), {} as { ids: Id[] }), 'ERR_ARGUMENT', /upsert .* no ids/],
    ['numbers', (i) => i.add(rows(0, 1), { ids: [5] }), 'ERR_ID', /ids are numbers.* strings .*give strings/],
    ['bigints, to replace', (i) => i.upsert(rows(0, 1), { ids: [5n] }), 'ERR_ID', /ids are bigints.* strings/],
    ['several kinds', (i) => i.add(rows(0, 2), { ids: ['a', 5] }), 'ERR_ID', /ids\[1\] is 5/],
    [
      'what is no id',
      (i) => i.add(rows(0, 1), { ids: [undefined as unknown as Id] }),
      'ERR_ID',
      /ids\[0\] is undefined/,
    ],
    ['what is no list', (i) => i.add(rows(0, 1), { ids: 'a' as unknown as Id[] }), 'ERR_ARGUMENT', /ids is 'a'/],
    ['null for a list', (i) => i.add(rows(0, 1), { ids: null as unknown as Id[] }), 'ERR_ARGUMENT', /ids is null/],
    ['NaN late, to replace', (i) => i.upsert(batches(2), { ids: named(0, 30) }), 'ERR_NOT_FINITE', /row 24 .*NaN/],
    ['NaN late', (i) => i.add(batches(2), { ids: named(100, 130) }), 'ERR_NOT_FINITE', /row 24 .*NaN/],
    ['too few ids for batches', (i) => i.upsert(batches(), { ids: named(0, 29) }), 'ERR_ARGUMENT', /29 ids .* 30/],
    ['a string to remove', (i) => i.remove('№ 1' as unknown as Id[]), 'ERR_ARGUMENT', /ids is '№ 1'/],
    ['nothing to remove', (i) => i.remove(undefined as unknown as Id[]), 'ERR_ARGUMENT', /ids is undefined/],
    ['no id to remove', (i) => i.remove(['№ 1', {} as unknown as Id]), 'ERR_ID', /ids\[1\]/],
  ]

  test('what is refused leaves everything as it was', async () => {
    const { index, engine } = await strings()
    const same = await stateOf(index, engine)
    for (const [what, call, code, message] of refused) {
      // A call never throws: it rejects.
      const error = await refusal(call(index))
      expect({ what, code: error.code, message: error.message }).toMatchObject({
        ...{ what, code, message: expect.stringMatching(message) },
      })
      await same()
    }
    await index.close()
  })

  test('what is stopped leaves everything as it was', async () => {
    const { index, engine } = await strings()
    const same = await stateOf(index, engine)
    const reason = new Error('enough')
    const signal = AbortSignal.abort(reason)
    await expect(index.add(rows(0, 1), { ids: ['a'], signal })).rejects.toBe(reason)
    await expect(index.upsert(rows(0, 1), { ids: ['№ 1'], signal })).rejects.toBe(reason)
    await expect(index.remove(named(0, 5), { signal })).rejects.toBe(reason)
    await expect(index.compact({ signal })).rejects.toBe(reason)
    await same()
    for (const phase of ['compact', 'assign', 'fill'] as const) {
      const ids = [...named(10, COUNT), ...named(100, 110)]
      await expect(index.upsert(vectors, { ids, ...stoppedAt(phase, reason) })).rejects.toBe(reason)
      await same()
    }
    await expect(index.remove(named(0, 30), stoppedAt('compact', reason))).rejects.toBe(reason)
    await expect(index.compact(stoppedAt('compact', reason))).rejects.toBe(reason)
    await same()
    await index.close()
  })

  /** Two parts, from one of which some are gone. */
  async function strings(): Promise<{ index: IvfIndex<Id>; engine: Engine }> {
    const made = await inEngine(() =>
      IvfIndex.build<Id>(rows(0, 50), { calibrate: false, ...settings, ids: named(0, 50) }),
    )
    await made.index.add(rows(50, COUNT), { ids: named(50, COUNT) })
    expect(await made.index.remove(named(45, 50))).toBe(5)
    return made
  }
})

test('what fails when some of it is stored leaves nothing of that', async () => {
  // So wide that a few hundred vectors are stored on their own.
  const [dim, step] = [32768, 256]
  const wide = mixture(step, dim, 52, 8)
  const names = Array.from({ length: 5 * step }, (_, i) => `№ ${i}`)
  const { index, engine } = await inEngine(() =>
    IvfIndex.build<string>(wide.subarray(0, 9 * dim), {
      calibrate: false,
      spec: 'Flat',
      metric: 'ip',
      ids: names.slice(0, 9),
      dim,
    }),
  )
  const { bytes } = engine
  const failed = new Error('the source failed')
  function* source(how: 'NaN' | 'throw' | 'few'): Generator<Float32Array> {
    for (let i = 0; i < 4; i++) yield wide
    if (how === 'throw') throw failed
    yield how === 'NaN' ? wide.slice().fill(Number.NaN, dim, 2 * dim) : wide.subarray(dim)
  }
  await expect(index.upsert(source('throw'), { ids: names })).rejects.toBe(failed)
  expect(await refusal(index.upsert(source('NaN'), { ids: names }))).toMatchObject({ code: 'ERR_NOT_FINITE' })
  expect(await refusal(index.upsert(source('few'), { ids: names }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect(engine.bytes).toBe(bytes)
  expect([index.size, await index.has('№ 8'), await index.has('№ 9')]).toEqual([9, true, false])
  expect(await index.get('№ 8')).toEqual(wide.subarray(8 * dim, 9 * dim))
  await index.close()
})

test('ids of their kind come back as they were given', async () => {
  const [most, big] = [Number.MAX_SAFE_INTEGER, 2n ** 63n]
  const lists: IdList[] = [
    [0, -1, most, -most],
    Float64Array.of(7, -7, 1e15),
    Uint32Array.of(0, 0xffffffff),
    ['', '\0', '1', 'ä', 'a\u0308', '__proto__'],
    [0n, -big, big - 1n, 1n],
  ]
  for (const list of lists) {
    const ids = Array.from(list as ArrayLike<Id>)
    const index = await IvfIndex.train<Id>(vectors, settings)
    await index.add(rows(0, ids.length), { ids: list })
    for (const [i, id] of ids.entries()) {
      expect((await index.search(rows(i, i + 1), { ...all, k: 1 })).of(0)).toEqual([{ id, score: 0 }])
      expect(await index.get(id)).toEqual(rows(i, i + 1))
    }
    const { ids: padded } = await index.search(rows(0, 1), { ...all, k: 9 })
    const none = typeof ids[0] === 'number' ? Number.NaN : undefined
    expect([padded.length, padded[8], padded instanceof Float64Array]).toEqual([9, none, typeof ids[0] === 'number'])
    for (const absent of [5, 'absent', 5n, 0.5, Number.NaN, -0.5, undefined as unknown as Id]) {
      expect([await index.has(absent), await index.get(absent)]).toEqual([false, undefined])
    }
    expect(await index.remove(ids)).toBe(ids.length)
    await index.close()
  }
})

test.each([
  ['a fraction', 1.5],
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['more than a safe integer', 2 ** 53],
  ['a bigint beyond 64 bits', 2n ** 63n],
  ['a bigint beyond 64 bits below', -(2n ** 63n) - 1n],
  ['true', true as unknown as Id],
  ['nothing', null as unknown as Id],
  ['a symbol', Symbol('id') as unknown as Id],
])('%s is no id', async (_, id) => {
  const index = await IvfIndex.train<Id>(vectors, settings)
  expect((await refusal(index.add(rows(0, 1), { ids: [id] }))).code).toBe('ERR_ID')
  expect(
    (await refusal(IvfIndex.build<Id>(rows(0, 9), { calibrate: false, ...settings, ids: new Array<Id>(9).fill(id) })))
      .code,
  ).toBe('ERR_ID')
  await index.close()
})

test('rows are numbered over all that was ever added, until ids are given', async () => {
  const index = await IvfIndex.build(rows(0, 10), { calibrate: false, ...settings, compactAt: 0 })
  expect(await index.remove([0, 9, 9, 500, -1])).toBe(2)
  await index.compact()
  await index.add(rows(10, 12))
  expect([await index.has(9), await index.has(10), await index.has(12)]).toEqual([false, true, false])
  expect(await index.get(11)).toEqual(rows(11, 12))
  expect(await refusal(index.add(rows(0, 1), { ids: [11] }))).toMatchObject({ code: 'ERR_ID' })
  expect(await refusal((index as IvfIndex<Id>).add(rows(0, 1), { ids: ['a'] }))).toMatchObject({
    code: 'ERR_ID',
    message: expect.stringMatching(/ids are strings.*numbers of their rows/),
  })
  // Numbers beside the rows' own: from now on they are given.
  await index.upsert(rows(20, 22), { ids: [3, 9] })
  expect(await index.get(3)).toEqual(rows(20, 21))
  expect(index.size).toBe(11)
  expect(await refusal(index.add(rows(0, 1)))).toMatchObject({ code: 'ERR_ID' })
  expect((await index.search(rows(10, 11), { ...all, k: 1 })).of(0)).toEqual([{ id: 10, score: 0 }])
  await index.close()
})

test('an index of rows that is empty takes ids of any kind', async () => {
  for (const compactAt of [0, 1]) {
    for (const ids of [
      ['a', 'b'],
      [7n, 8n],
      [1, 0],
    ]) {
      const index = await IvfIndex.build<Id>(rows(0, 10), { calibrate: false, ...settings, compactAt })
      expect(await index.remove(Array.from({ length: 10 }, (_, i) => i))).toBe(10)
      expect((await index.search(rows(0, 1), all)).of(0)).toEqual([])
      await index.add(rows(10, 12), { ids })
      expect((await index.search(rows(11, 12), all)).of(0).map(({ id }) => id)).toEqual([ids[1], ids[0]])
      expect(await index.has(3)).toBe(false)
      await index.close()
    }
  }
})

test('ids are read when a call is made', async () => {
  const index = await IvfIndex.build<Id>(rows(0, 20), { calibrate: false, ...settings, ids: named(0, 20) })
  const [added, removed] = [['a', 'b'], new Set(['№ 1', '№ 2'])]
  const calls = [index.add(rows(20, 22), { ids: added }), index.remove(removed)] as const
  added.fill('№ 5')
  removed.clear()
  expect((await Promise.all(calls))[1]).toBe(2)
  expect([await index.has('a'), await index.has('№ 1')]).toEqual([true, false])
  await index.close()
})

test('writers take turns: of two that add one id, the second is refused', async () => {
  const index = await IvfIndex.build<string>(rows(0, 20), { calibrate: false, ...settings, ids: named(0, 20) })
  const calls = [rows(20, 21), rows(21, 22)].map((vector) => index.add(vector, { ids: ['a'] }))
  const removed = index.remove(['a'])
  expect((await Promise.allSettled(calls)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
  expect(await removed).toBe(1)
  await index.close()
})

test('training again forgets ids, and a refused one forgets nothing', async () => {
  const index = new FastIVF<Id>(DIM, { nlist: 4, kmeansMaxSteps: 3, threads: 0, metric: 'l2' })
  for (const call of [() => index.remove([1]), () => index.has(1), () => index.get(1), () => index.compact()]) {
    expect(await refusal(call())).toMatchObject({ code: 'ERR_NOT_TRAINED' })
  }
  await index.train(rows(0, 20), { ids: named(0, 20) })
  expect(await refusal(index.train(rows(0, 20), { ids: ['a', 'a'] }))).toMatchObject({ code: 'ERR_ID' })
  expect(await refusal(index.train(rows(0, 20), { ids: ['a'] }))).toMatchObject({ code: 'ERR_ARGUMENT' })
  expect([index.size, await index.has('№ 19')]).toEqual([20, true])
  await index.train(rows(0, 30))
  expect([index.size, await index.has('№ 19'), await index.has(29)]).toEqual([30, false, true])
  await index.close()
  for (const call of [() => index.remove([1]), () => index.has(1), () => index.get(1), () => index.compact()]) {
    expect(await refusal(call())).toMatchObject({ code: 'ERR_CLOSED' })
  }
})

/** Compares the index with what it is now. */
async function stateOf(index: IvfIndex<Id>, engine: Engine): Promise<() => Promise<void>> {
  const state = async (): Promise<unknown> => {
    const { ids, scores, counts } = await index.search(rows(0, 3), all)
    const there = await Promise.all(['№ 1', '№ 48', 'a', 'new', '№ 100'].map((id) => index.has(id)))
    const memory = { bytes: index.bytes, held: engine.bytes, size: index.size, cells: index.cellSizes }
    return { ids, scores, counts, there, vector: await index.get('№ 1'), ...memory }
  }
  const before = await state()
  return async () => expect(await state()).toEqual(before)
}

/** Three batches of ten; in batch `bad` a number is none. */
function* batches(bad?: number): Generator<Float32Array> {
  for (let i = 0; i < 3; i++) {
    const batch = rows(10 * i, 10 * i + 10).slice()
    if (i === bad) batch[4 * DIM + 3] = Number.NaN
    yield batch
  }
}

/** Options of a call that is stopped when this phase tells of progress. */
function stoppedAt(
  phase: Progress['phase'],
  reason: Error,
): { signal: AbortSignal; onProgress: (progress: Progress) => void } {
  const controller = new AbortController()
  const onProgress = (progress: Progress): void => {
    if (progress.phase === phase) controller.abort(reason)
  }
  return { signal: controller.signal, onProgress }
}
