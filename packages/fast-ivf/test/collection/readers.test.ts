import { expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { expectHolds, folders, noteOf, open, type Versions, vectorOf } from './collections.js'

const folder = folders()
const item = (id: string, version: number) => ({ id, vector: vectorOf(version), metadata: noteOf(version) })

test('a reader sees what was written when it refreshes, also across checkpoints', async () => {
  const at = folder()
  const docs = await open(at, { dim: 4, metric: 'l2' })
  await docs.upsert(item('a', 1))
  const reader = await open(at, { readOnly: true })
  await expectHolds(reader, new Map([['a', 1]]))
  expect(await reader.refresh()).toBe(false)
  await docs.upsert(item('b', 2))
  expect(await reader.has('b')).toBe(false)
  expect(await reader.refresh()).toBe(true)
  await expectHolds(reader, new Map(Object.entries({ a: 1, b: 2 })))
  for (let i = 3; i < 8; i++) {
    await docs.upsert(item('a', i))
    await docs.checkpoint()
    await docs.remove(i % 2 === 0 ? 'b' : 'c')
    if (i % 2 === 0) await docs.upsert(item('c', i))
    if (i === 5) await docs.checkpoint()
    expect(await reader.refresh()).toBe(true)
    const versions = i % 2 === 0 ? { a: i, c: i } : i === 3 ? { a: i, b: 2 } : { a: i }
    await expectHolds(reader, new Map(Object.entries(versions)))
    expect(reader.stats()).toMatchObject({ generation: docs.stats().generation, logRecords: docs.stats().logRecords })
  }
  await Promise.all([reader.close(), docs.close()])
})

test('readers beside a writer open at any time, never go back, and come to what is there', async () => {
  const at = folder()
  const docs = await open(at, { dim: 4, metric: 'l2', checkpointBytes: 4000 })
  await docs.upsert(item('count', 0))
  const random = seeded(3)
  const versions: Versions = new Map([['count', 0]])
  let acknowledged = 0
  let done = false

  async function write(): Promise<void> {
    for (let i = 1; i <= 600; i++) {
      const id = `${random.below(30)}`
      // Both or none: `twin` is always what `count` is.
      await docs.upsert([item('count', i), item('twin', i), item(id, i)])
      for (const one of ['count', 'twin', id]) versions.set(one, i)
      acknowledged = i
      if (i % 90 === 0) await docs.optimize()
    }
    done = true
  }

  async function read(): Promise<number> {
    let opened = 0
    while (!done) {
      const before = acknowledged
      const reader = await open(at, { readOnly: true })
      opened++
      let last = (await reader.get('count'))!.metadata!.version
      expect(last).toBeGreaterThanOrEqual(before)
      for (let i = 0; i < 20 && !done; i++) {
        const least = acknowledged
        await reader.refresh()
        const { version } = (await reader.get('count'))!.metadata!
        expect(version).toBeGreaterThanOrEqual(Math.max(last, least))
        expect((await reader.get('twin'))?.metadata?.version ?? 0).toBe(version)
        const found = (await reader.search(vectorOf(version), { k: 3, filter: { version } })).of(0)
        expect(found.length).toBeGreaterThanOrEqual(version === 0 ? 1 : 2)
        last = version
      }
      await reader.close()
    }
    return opened
  }

  const reader = await open(at, { readOnly: true })
  const [, first, second] = await Promise.all([write(), read(), read()])
  expect(first + second).toBeGreaterThan(3)
  expect(docs.stats().generation).toBeGreaterThan(10)
  await reader.refresh()
  await expectHolds(reader, versions)
  await expectHolds(docs, versions)
  await Promise.all([reader.close(), docs.close()])
})
