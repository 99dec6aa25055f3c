import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import * as files from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FileSystem } from '../../src/storage/source.js'
import { opening, systemError, withFileSystem } from '../storage/file-system.js'
import { expectHolds, folders, noteOf, open, type Versions, vectorOf } from './collections.js'

const folder = folders()

/** A file system that does `left` more changes, and then nothing any more; counts what was asked. */
function failing(left: number): { changes: Partial<FileSystem>; count(): number } {
  let asked = 0
  const step = <A extends unknown[], T>(work: (...all: A) => Promise<T>) => {
    return async (...all: A): Promise<T> => {
      if (asked++ >= left) throw systemError('EIO')
      return work(...all)
    }
  }
  const { open: plain } = opening((handle) => ({
    write: step((from, offset, length, position) => {
      // The last write is done by half.
      if (asked < left) return handle.write(from, offset, length, position)
      return handle.write(from, offset, Math.ceil(length / 2), position).then(() => Promise.reject(systemError('EIO')))
    }),
    truncate: step((length) => handle.truncate(length)),
    sync: step(() => handle.sync()),
    datasync: step(() => handle.datasync()),
  }))
  return {
    changes: {
      open: (path, flags) => (flags === 'r' ? plain!(path, flags) : step(plain!)(path, flags)),
      rename: step(files.rename),
      unlink: step(files.unlink),
      link: step(files.link),
      mkdir: step(files.mkdir as FileSystem['mkdir']),
    },
    count: () => asked,
  }
}

interface Told {
  versions: Versions
  /** What may have been done, too: the last write. */
  doubtful: [string, number | undefined][]
}

/** Writes, with checkpoints between; tells what was acknowledged. */
async function live(at: string, told: Told): Promise<void> {
  const docs = await open(at, { dim: 4, metric: 'l2', spec: 'IVF2,Flat' })
  let version = told.versions.size === 0 ? 0 : Math.max(...told.versions.values())
  const put = async (...ids: string[]): Promise<void> => {
    told.doubtful = ids.map((id) => [id, ++version])
    await docs.upsert(told.doubtful.map(([id, version]) => item(id, version!)))
    settle(told)
  }
  const drop = async (id: string): Promise<void> => {
    told.doubtful = [[id, undefined]]
    await docs.remove(id)
    settle(told)
  }
  try {
    await put(...Array.from({ length: 61 }, (_, i) => `${i}`))
    await drop('1')
    await docs.checkpoint()
    await put('1')
    await put('2', '3')
    await docs.optimize()
    await drop('2')
    await Promise.all([docs.checkpoint(), put('2', 'a')])
    await put('b')
  } finally {
    await docs.close()
  }
}

const item = (id: string, version: number) => ({ id, vector: vectorOf(version), metadata: noteOf(version) })

function settle(told: Told): void {
  for (const [id, version] of told.doubtful) {
    if (version === undefined) told.versions.delete(id)
    else told.versions.set(id, version)
  }
  told.doubtful = []
}

test('whichever change of a file is the last, all that was acknowledged is there', async () => {
  const whole = failing(Number.POSITIVE_INFINITY)
  await withFileSystem(whole.changes, () => live(folder(), { versions: new Map(), doubtful: [] }))
  const steps = whole.count()
  expect(steps).toBeGreaterThan(60)
  for (let left = 0; left <= steps; left++) {
    const at = folder()
    const told: Told = { versions: new Map(), doubtful: [] }
    // Twice: also what mends is interrupted.
    for (const budget of [left, (left * 7) % 40]) {
      await withFileSystem(failing(budget).changes, () => live(at, told).catch(() => {}))
      mkdirSync(at, { recursive: true })
      const names = readdirSync(at)
      // The process that had it is no more.
      for (const name of names.filter((name) => name.startsWith('LOCK'))) rmSync(join(at, name))
      const docs = await open(at, { dim: 4, metric: 'l2' })
      const [first] = told.doubtful
      if (first) {
        const found = await docs.get(first[0])
        if (found?.metadata?.version === first[1]) settle(told)
        else told.doubtful = []
      }
      await expectHolds(docs, told.versions)
      await docs.upsert(item('c', 1))
      told.versions.set('c', 1)
      await docs.close()
      const unfinished = readdirSync(at).filter((name) => name.endsWith('.tmp'))
      expect(unfinished).toEqual([])
    }
  }
}, 60_000)

test('a disk that fails is told of, and what was acknowledged stays', async () => {
  const at = folder()
  let full = false
  const changes = opening((handle, path) => ({
    write: (...all) => (full && path.includes('log-') ? Promise.reject(systemError('ENOSPC')) : handle.write(...all)),
  }))
  await withFileSystem(changes, async () => {
    const docs = await open(at, { dim: 4, metric: 'l2' })
    await docs.upsert(item('a', 1))
    full = true
    const results = await Promise.allSettled([docs.upsert(item('a', 2)), docs.upsert(item('b', 3))])
    for (const result of results) expect(result).toMatchObject({ status: 'rejected', reason: { code: 'ERR_CLOSED' } })
    await expect(docs.checkpoint()).rejects.toThrow()
    await expect(docs.upsert(item('b', 4))).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expectHolds(docs, new Map([['a', 1]]))
    await docs.close()
    full = false
    const again = await open(at)
    await expectHolds(again, new Map([['a', 1]]))
    await again.close()
  })
})

test('a checkpoint in the background that fails is told of, and made later', async () => {
  const at = folder()
  let full = true
  const changes = opening((handle, path) => ({
    write: (...all) =>
      full && path.includes('checkpoint-') ? Promise.reject(systemError('ENOSPC')) : handle.write(...all),
  }))
  const docs = await open(at, { dim: 4, metric: 'l2', checkpointBytes: 1000 })
  const versions: Versions = new Map()
  await withFileSystem(changes, async () => {
    for (let i = 0; !docs.stats().checkpointError; i++) {
      versions.set(`${i % 9}`, i)
      await docs.upsert(item(`${i % 9}`, i))
    }
    expect(docs.stats().checkpointError).toMatchObject({ code: 'ENOSPC' })
    full = false
    for (let i = 0; docs.stats().checkpointError; i++) {
      versions.set(`${i % 9}`, i)
      await docs.upsert(item(`${i % 9}`, i))
    }
  })
  await docs.close()
  const again = await open(at)
  await expectHolds(again, versions)
  await again.close()
})
