import { expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { Collection } from '../../src/collection/index.js'
import { expectHolds, folders, noteOf, open, type Versions, vectorOf } from './collections.js'

const folder = folders()

/** Seeded vectors, rows × dim. */
function vectors(rows: number, dim: number, seed: number): Float32Array {
  const random = seeded(seed)
  return Float32Array.from({ length: rows * dim }, () => random.below(1 << 24) / (1 << 23) - 1)
}

test('a collection that grows gets cells in the background; searches and writes go on', async () => {
  const at = folder()
  const dim = 256
  const data = vectors(12_000, dim, 1)
  const vector = (i: number): Float32Array => data.subarray((i % 12_000) * dim, ((i % 12_000) + 1) * dim)
  const docs = await Collection.open<{ i: number }, number>(at, { dim, metric: 'l2', checkpointBytes: 9 << 20 })
  let last = -1
  let searches = 0
  const specs = new Set<string>()
  const put = (ids: number[]) =>
    docs.upsert({ ids, vectors: ids.map(vector), metadata: ids.map((i) => ({ i })) }).then(() => {
      last = Math.max(last, ...ids)
    })
  let done = false
  const search = async (): Promise<void> => {
    const random = seeded(2)
    while (!done) {
      if (last < 0) await put([0])
      const i = random.below(last + 1)
      const found = await docs.search(vector(i), { k: 1, nprobe: 1024, filter: { i: { $gte: 0 } } })
      expect(found.of(0)).toEqual([{ id: i, score: expect.any(Number), metadata: { i } }])
      specs.add(docs.stats().spec)
      searches++
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }
  const searching = search()
  let next = 1
  while (docs.stats().spec === 'Flat' && docs.stats().checkpointError === undefined) {
    const ids = Array.from({ length: 50 }, () => next++ % 12_000)
    await put(ids)
  }
  expect(docs.stats().checkpointError).toBe(undefined)
  await put([12_000])
  await docs.remove([1])
  done = true
  await searching
  expect([...specs][0]).toBe('Flat')
  expect(docs.stats().spec).toMatch(/^IVF(256|512),SQ4$/)
  expect(searches).toBeGreaterThan(10)
  const { size } = docs
  await docs.close({ checkpoint: true })
  const again = await Collection.open<{ i: number }, number>(at)
  expect(again.stats()).toMatchObject({ size, logRecords: 1 })
  expect(again.stats().spec).toMatch(/^IVF(256|512),SQ4$/)
  for (const i of [0, 2, 49, 5000, 12_000]) {
    expect(await again.get(i)).toEqual({ id: i, vector: vector(i), metadata: { i } })
  }
  expect(await again.has(1)).toBe(false)
  await again.close()
}, 60_000)

test.each([
  ['ivf4,flat', 'IVF4,Flat'],
  ['ivf4s,flat', 'IVF4s,Flat'],
])('the spec that was asked for, %s, comes when there are vectors enough, and goes with them', async (asked, spec) => {
  const at = folder()
  const docs = await open<number>(at, { dim: 4, metric: 'l2', spec: asked })
  const versions: Versions<number> = new Map()
  const put = async (from: number, to: number): Promise<void> => {
    const items = Array.from({ length: to - from }, (_, i) => ({
      ...{ id: from + i, vector: vectorOf(from + i), metadata: noteOf(from + i) },
    }))
    for (const { id } of items) versions.set(id, id)
    await docs.upsert(items)
  }
  await put(0, 100)
  await docs.optimize()
  expect(docs.stats().spec).toBe('Flat')
  await put(100, 130)
  await docs.optimize()
  expect(docs.stats().spec).toBe(spec)
  await expectHolds(docs, versions)
  for (let id = 20; id < 130; id++) versions.delete(id)
  await docs.remove(Array.from({ length: 110 }, (_, i) => 20 + i))
  await docs.optimize()
  expect(docs.stats().spec).toBe('Flat')
  await expectHolds(docs, versions)
  await docs.close()
  const again = await open<number>(at, { spec: 'SQ8' })
  expect(again.stats().spec).toBe('Flat')
  await again.optimize()
  await expectHolds(again, versions)
  await again.close()
})

test('vectors that are written again and again take no more memory for it', async () => {
  const docs = await open<number>(folder(), { dim: 4, metric: 'l2', checkpointBytes: 4 << 20, sync: false })
  const versions: Versions<number> = new Map()
  for (let version = 0; version < 120_000; ) {
    const items = Array.from({ length: 400 }, (_, id) => {
      versions.set(id, ++version)
      return { id, vector: vectorOf(version), metadata: noteOf(version) }
    })
    await docs.upsert(items)
  }
  await docs.optimize()
  await expectHolds(docs, versions)
  expect(docs.stats().bytes).toBeLessThan(100_000)
  await docs.close()
})

test('how fast: durable writes, and searches beside them', async () => {
  const dim = 256
  const n = 12_000
  const data = vectors(1000, dim, 5)
  const vector = (i: number): Float32Array => data.subarray((i % 1000) * dim, ((i % 1000) + 1) * dim)
  const docs = await Collection.open<{ i: number }, number>(folder(), { dim })
  const times: number[] = []
  let [next, done] = [0, false]
  const lane = async (): Promise<void> => {
    while (next < n) {
      const i = next++
      await docs.upsert({ id: i, vector: vector(i), metadata: { i } })
    }
  }
  const search = async (): Promise<void> => {
    while (!done) {
      const start = performance.now()
      await docs.search(vector(next), { k: 10 })
      times.push(performance.now() - start)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const searching = search()
  const start = performance.now()
  await Promise.all(Array.from({ length: 64 }, lane))
  const rate = Math.round((n / (performance.now() - start)) * 1000)
  done = true
  await searching
  times.sort((a, b) => a - b)
  const p99 = times[Math.floor(times.length * 0.99)]?.toFixed(1)
  console.log(
    `${rate} durable upserts of ${dim} components a second by 64 at a time; p99 of searches beside: ${p99} ms`,
  )
  expect(docs.size).toBe(n)
  await docs.close()
})

test('how fast: searches of 100,000 by a filter that was used before', async () => {
  const [dim, n] = [32, 100_000]
  const data = vectors(n, dim, 6)
  const docs = await Collection.open<{ i: number }, number>(folder(), { dim, sync: false })
  for (let from = 0; from < n; from += 5000) {
    const ids = Array.from({ length: 5000 }, (_, i) => from + i)
    const own = data.subarray(from * dim, (from + 5000) * dim)
    await docs.upsert({ ids, vectors: own, metadata: ids.map((i) => ({ i })) })
  }
  const median = async (filter: { i: { $lt: number } } | undefined): Promise<number> => {
    const times: number[] = []
    for (let q = 0; q < 21; q++) {
      const start = performance.now()
      const found = await docs.search(data.subarray(q * dim, (q + 1) * dim), { k: 10, filter })
      times.push(performance.now() - start)
      expect(found.ids.every((id) => id !== undefined && (!filter || id < filter.i.$lt))).toBe(true)
    }
    return times.sort((a, b) => a - b)[10] as number
  }
  const [all, half, few] = [
    await median(undefined),
    await median({ i: { $lt: n / 2 } }),
    await median({ i: { $lt: 50 } }),
  ]
  console.log(`a search: ${all.toFixed(2)} ms; of every other: ${half.toFixed(2)} ms; of 50: ${few.toFixed(2)} ms`)
  await docs.close()
})
