import { describe, expect, test } from 'vitest'
import { type Id, IvfIndex, type IvfIndexOptions } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { DIM, expectSame, idOf, lived, NLIST, named, others, vectors } from './indexes.js'

const isSame = (one: Uint8Array, two: Uint8Array): boolean => Buffer.compare(one, two) === 0

describe('beside writers', () => {
  const writes: Record<string, (index: IvfIndex<Id>) => Promise<unknown>> = {
    add: (index) => index.add(others.subarray(30 * DIM), named('string', COUNT_LATER, 30)),
    upsert: (index) => index.upsert(others, named('string', 20, 60) as { ids: Id[] }),
    remove: (index) => index.remove(named('string', 10, 200)!.ids),
    compact: (index) => index.compact(),
  }
  const COUNT_LATER = 1000

  test.each(Object.keys(writes))('%s: a file holds the index as it was when save was called', async (name) => {
    for (const spec of [`IVF${NLIST},Flat`, `IVF${NLIST},SQ4`]) {
      const index = await lived('string', { spec, compactAt: 0.1 })
      const before = await index.toBytes()
      // What waits for a slow reader is read late.
      const chunks: Uint8Array[] = []
      let go = (): void => {}
      const gate = new Promise<void>((resolve) => {
        go = resolve
      })
      const slow = new WritableStream<Uint8Array>({
        async write(chunk) {
          await gate
          chunks.push(chunk)
        },
      })
      const saves = [index.toBytes(), index.save(slow)] as const
      await writes[name]!(index)
      await index.compact()
      await index.add(others.subarray(0, DIM), { ids: ['last'] })
      go()
      expect(isSame(await saves[0], before)).toBe(true)
      await saves[1]
      expect(isSame(Buffer.concat(chunks), before)).toBe(true)
      expect(isSame(await index.toBytes(), before)).toBe(false)
      await index.close()
    }
  })

  test('close waits for a save that began', async () => {
    const index = await lived('rows', { spec: `IVF${NLIST},SQ4` })
    const before = await index.toBytes()
    const saving = index.toBytes()
    await index.close()
    expect(isSame(await saving, before)).toBe(true)
  })
})

test.each([`IVF64,Flat`, 'IVF16,SQ4', 'IVF16,PQ16x4', 'PCA32,IVF16,SQ8'])(
  '%s: threads write the same file as none, and read it the same',
  async (spec) => {
    const many = mixture(9000, 64, 75)
    const build = (threads: number): Promise<IvfIndex<Id>> =>
      IvfIndex.build<Id>(many, {
        calibrate: false,
        spec,
        dim: 64,
        metric: 'l2',
        kmeansIterations: 1,
        threads,
      } as IvfIndexOptions<Id>)
    const [one, two] = [await build(0), await build(2)]
    const [first, second] = [await one.toBytes(), await two.toBytes()]
    expect(isSame(first, second)).toBe(true)
    const [alone, shared] = [
      await IvfIndex.open<Id>(first, { threads: 0 }),
      await IvfIndex.open<Id>(first, { threads: 2 }),
    ]
    expect(isSame(await alone.toBytes(), first)).toBe(true)
    expect(isSame(await shared.toBytes(), first)).toBe(true)
    const found = await Promise.all(
      [one, two, alone, shared].map((index) => index.search(many.subarray(0, 6400), { k: 9 })),
    )
    for (const { ids, scores } of found) expect([ids, scores]).toEqual([found[0]!.ids, found[0]!.scores])
    for (const index of [one, two, alone, shared]) await index.close()
  },
)

test('many are opened at once from one array', async () => {
  const index = await lived('bigint', { spec: `IVF${NLIST},PQ6x4` })
  const bytes = await index.toBytes()
  const opened = await Promise.all(Array.from({ length: 8 }, () => IvfIndex.open<Id>(bytes, { threads: 0 })))
  for (const one of opened) await expectSame(one, index)
  expect(await opened[0]!.has(idOf('bigint', 2))).toBe(true)
  expect(vectors.length).toBeGreaterThan(0)
  for (const one of [index, ...opened]) await one.close()
})
