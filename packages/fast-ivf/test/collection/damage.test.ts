import { copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import type { Collection } from '../../src/collection/index.js'
import { IvfError } from '../../src/index.js'
import { expectHolds, folders, type Note, noteOf, open, type Versions, vectorOf } from './collections.js'

const folder = folders()
const whole = folder()
/** What is there after each write since the checkpoint; the last is what should be there. */
const states: Versions[] = []
/** All versions that an id ever had. */
const had = new Map<string, Set<number>>()
const FILES = ['checkpoint-1.safetensors', 'log-1', 'log-2']

/** A folder as a process leaves it that is killed between the two halves of a checkpoint. */
beforeAll(async () => {
  const docs = await open(whole, { dim: 4, metric: 'l2', spec: 'IVF2,Flat' })
  const versions: Versions = new Map()
  let version = 0
  const put = async (ids: number[]): Promise<void> => {
    const items = ids.map((i) => ({ id: `é${i}`, vector: vectorOf(++version), metadata: noteOf(version) }))
    for (const { id, metadata } of items) {
      versions.set(id, metadata.version)
      had.set(id, (had.get(id) ?? new Set()).add(metadata.version))
    }
    await docs.upsert(items)
    states.push(new Map(versions))
  }
  const drop = async (i: number): Promise<void> => {
    versions.delete(`é${i}`)
    await docs.remove(`é${i}`)
    states.push(new Map(versions))
  }
  await put(Array.from({ length: 70 }, (_, i) => i))
  await drop(3)
  await docs.optimize()
  await put([1, 2, 70])
  await drop(4)
  const kept = folder()
  cpSync(whole, kept, { recursive: true })
  await docs.checkpoint()
  for (const name of FILES.slice(0, 2)) copyFileSync(join(kept, name), join(whole, name))
  rmSync(join(whole, 'checkpoint-2.safetensors'))
  states.splice(0, states.length - 1)
  await put([5])
  await put([6, 71])
  await drop(7)
  await put([8])
  await docs.close()
  rmSync(join(whole, 'LOCK'), { force: true })
  expect(readdirSync(whole).sort()).toEqual(FILES)
})

/** What is there, by ids. */
async function held(docs: Collection<Note, string>): Promise<Versions> {
  const all = (await docs.search(vectorOf(0), { k: docs.size + 1, nprobe: 100 })).of(0)
  return new Map(all.map(({ id, metadata }) => [id, metadata?.version as number]))
}

/** Opens a damaged copy: it is refused, telling where, or holds what it held at some time after the checkpoint. */
async function judge(change: (at: string) => void, name: string, prefix: boolean): Promise<'refused' | 'right'> {
  const at = folder()
  cpSync(whole, at, { recursive: true })
  change(at)
  const good = prefix ? states : states.slice(-1)
  try {
    const readOnly = await open(at, { readOnly: true }).catch((error: unknown) => error)
    let docs: Collection<Note, string>
    try {
      docs = await open(at)
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_FORMAT', message: expect.stringContaining(name) })
      expect((error as IvfError).message).toContain('recover: true')
      expect(readOnly).toMatchObject({ code: 'ERR_FORMAT' })
      await recovered(at)
      return 'refused'
    }
    const found = await held(docs)
    const state = good.find((one) => one.size === found.size && [...one].every(([id, v]) => found.get(id) === v))
    expect(state).toBeDefined()
    await expectHolds(docs, state as Versions)
    await docs.close()
    expect(readOnly).not.toBeInstanceOf(IvfError)
    await expectHolds(readOnly as typeof docs, state as Versions)
    await (readOnly as typeof docs).close()
    return 'right'
  } finally {
    rmSync(at, { recursive: true })
  }
}

/** What is good is there, as it once was; and it is whole from then on. */
async function recovered(at: string): Promise<void> {
  const docs = await open(at, { recover: true, dim: 4, metric: 'l2' })
  const { lost } = docs.stats()
  expect(lost).toBeDefined()
  const all = (await docs.search(vectorOf(0), { k: docs.size + 1, nprobe: 100 })).of(0)
  expect(all.length).toBe(docs.size)
  let without = 0
  for (const { id, metadata } of all) {
    const { vector } = (await docs.get(id))!
    if (metadata === undefined) without++
    else expect(metadata).toEqual(noteOf(metadata.version))
    const versions = metadata ? [metadata.version] : [...had.get(id)!]
    expect(versions.some((version) => had.get(id)!.has(version) && `${vectorOf(version)}` === `${vector}`)).toBe(true)
  }
  expect(without).toBeLessThanOrEqual(lost!.metadata)
  expect(lost!.bytes + lost!.metadata + lost!.files.length).toBeGreaterThanOrEqual(0)
  const before = await held(docs)
  await docs.close()
  const again = await open(at)
  expect(again.stats().lost).toBe(undefined)
  expect(await held(again)).toEqual(before)
  await again.close()
}

describe.each(FILES)('%s', (name) => {
  test('cut anywhere, it is refused or its rest is right', async () => {
    const bytes = readFileSync(join(whole, name))
    const random = seeded(name.length)
    const lengths = new Set([
      0,
      1,
      15,
      16,
      bytes.length - 1,
      ...random.sample(Math.min(16, bytes.length), bytes.length),
    ])
    const outcomes = new Set<string>()
    for (const length of lengths) {
      const cut = (at: string): void => writeFileSync(join(at, name), bytes.subarray(0, length))
      outcomes.add(await judge(cut, name, name === 'log-2'))
    }
    expect(outcomes).toEqual(new Set(name === 'log-2' ? ['refused', 'right'] : ['refused']))
  })

  test('with a bit turned, it is refused, unless the bit says nothing', async () => {
    const bytes = readFileSync(join(whole, name))
    const random = seeded(name.length + 1)
    const outcomes = { refused: 0, right: 0 }
    for (let i = 0; i < 20; i++) {
      const turned = Buffer.from(bytes)
      const at = random.below(bytes.length)
      turned[at] = turned[at]! ^ (1 << random.below(8))
      outcomes[await judge((folder) => writeFileSync(join(folder, name), turned), name, false)]++
    }
    expect(outcomes.refused).toBeGreaterThan(name.startsWith('log') ? 19 : 10)
  })

  test('missing, it is asked for', async () => {
    const found = await judge((at) => rmSync(join(at, name)), name, name === 'log-2')
    expect(found).toBe(name === 'log-2' ? 'right' : 'refused')
  })
})

test('a log of another folder is refused', async () => {
  const at = folder()
  const other = folder()
  await (await open(other, { dim: 4 })).close()
  await judge((to) => copyFileSync(join(other, 'log-0'), join(to, 'log-2')), 'log-2', false)
  expect(at).not.toBe(other)
})
