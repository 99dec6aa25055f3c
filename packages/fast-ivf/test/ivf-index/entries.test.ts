import { describe, expect, test } from 'vitest'
import { type Entries, type Id, IvfIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'
import { COUNT, DIM, type IdWord, idOf, lived, NLIST, named, others, vectors } from '../saved/indexes.js'

const GONE = [0, 3, 8, 100, 101, 290, COUNT + 4]
const there = Array.from({ length: COUNT + 30 }, (_, i) => i).filter((i) => !GONE.includes(i))
const given = (i: number): Float32Array =>
  i < COUNT ? vectors.subarray(i * DIM, (i + 1) * DIM) : others.subarray((i - COUNT) * DIM, (i - COUNT + 1) * DIM)

async function all(batches: AsyncIterable<Entries<Id>>): Promise<{ ids: Id[]; vectors: number[]; sizes: number[] }> {
  const found = { ids: [] as Id[], vectors: [] as number[], sizes: [] as number[] }
  for await (const { ids, vectors: own, dim, count } of batches) {
    expect([ids.length, own.length, dim]).toEqual([count, count * DIM, DIM])
    found.ids.push(...ids)
    found.vectors.push(...own)
    found.sizes.push(count)
  }
  return found
}

describe.each<IdWord>(['rows', 'number', 'string', 'bigint'])('ids %s', (kind) => {
  test.each(['Flat', `IVF${NLIST},SQ4`])('%s: every vector that is there comes once, as it was added', async (spec) => {
    const index = await lived(kind, { spec, metric: 'l2' })
    for (const rows of [1, 7, 64, 1000]) {
      const found = await all(index.entries({ rows }))
      expect(found.ids).toEqual(there.map((i) => idOf(kind, i)))
      expect(found.vectors).toEqual(there.flatMap((i) => [...given(i)]))
      expect(Math.max(...found.sizes)).toBeLessThanOrEqual(rows)
    }
    await index.close()
  })
})

test.each([
  [`IVF${NLIST},SQ8`, 'none'],
  [`IVF${NLIST},SQ4`, 'f16'],
  [`IVF${NLIST},PQ6x4`, 'none'],
  ['SQ8', 'int8'],
] as const)('%s, originals %s: vectors are those that get returns', async (spec, keep) => {
  const index = await lived('string', { spec, keep, metric: 'cosine' })
  const found = await all(index.entries({ rows: 50 }))
  for (const [i, id] of found.ids.entries()) {
    expect(found.vectors.slice(i * DIM, (i + 1) * DIM)).toEqual([...((await index.get(id)) as Float32Array)])
  }
  expect(found.ids.length).toBe(index.size)
  await index.close()
})

test('they are those of the first call, whatever is written meanwhile, and nothing is kept afterwards', async () => {
  const index = await lived('rows', { spec: `IVF${NLIST},Flat`, metric: 'l2' })
  const batches = index.entries({ rows: 100 })
  const first = (await batches.next()).value as Entries<Id>
  await index.remove(there.slice(0, 200))
  await index.compact()
  await index.add(mixture(50, DIM, 9, 3))
  const rest = await all(batches)
  expect([...first.ids, ...rest.ids]).toEqual(there)
  expect([...first.vectors, ...rest.vectors]).toEqual(there.flatMap((i) => [...given(i)]))
  expect((await all(index.entries())).ids.length).toBe(index.size)
  await index.close()
})

test('who stops early keeps nobody waiting, and closing ends it', async () => {
  const index = await lived('rows', { spec: `IVF${NLIST},SQ4`, metric: 'l2' })
  for await (const { ids } of index.entries({ rows: 3 })) {
    expect(ids).toEqual(there.slice(0, 3))
    break
  }
  const batches = index.entries({ rows: 3 })
  await batches.next()
  await index.close()
  expect((await refusal(batches.next())).code).toBe('ERR_CLOSED')
  expect((await refusal(index.entries().next())).code).toBe('ERR_CLOSED')
})

test('an empty index has none; what cannot be told is refused', async () => {
  const empty = await IvfIndex.train(vectors, { dim: DIM, spec: `IVF${NLIST},SQ4`, metric: 'l2', threads: 0 })
  expect((await all(empty.entries())).ids).toEqual([])
  expect((await refusal(empty.entries({ rows: 0 }).next())).code).toBe('ERR_ARGUMENT')
  await empty.close()
  const projected = await lived('rows', { spec: `PCA10,IVF${NLIST},SQ8`, metric: 'l2', keep: 'none' })
  expect((await refusal(projected.entries().next())).code).toBe('ERR_UNSUPPORTED')
  await projected.close()
  const index = await lived('rows', { spec: 'Flat', metric: 'l2' })
  const signal = AbortSignal.abort(new Error('enough'))
  await expect(index.entries({ signal }).next()).rejects.toThrow('enough')
  const opened = await IvfIndex.open(await index.toBytes(), { threads: 0, resident: 'centroids' })
  expect((await refusal(opened.entries().next())).code).toBe('ERR_UNSUPPORTED')
  await Promise.all([index.close(), opened.close()])
})

test('ids named later follow those of rows', async () => {
  const index = await IvfIndex.build(vectors, { calibrate: false, dim: DIM, spec: 'Flat', metric: 'l2', threads: 0 })
  await index.add(others.subarray(0, 2 * DIM), { ids: [1000, 999] })
  expect((await all(index.entries())).ids.slice(-3)).toEqual([COUNT - 1, 1000, 999])
  expect(named('rows', 0, 1)).toBeUndefined()
  await index.close()
})
