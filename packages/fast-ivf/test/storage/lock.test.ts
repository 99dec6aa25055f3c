import { mkdtempSync, rmSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type FolderLock, lockFolder } from '../../src/storage/lock.js'
import { refusal } from '../refusal.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fast-ivf-lock-'))
  path = join(folder, 'LOCK')
})
afterEach(() => rmSync(folder, { recursive: true }))

/** No process has this number: it is above what systems give. */
const nobody = 2 ** 30
const since = '2026-01-02T03:04:05.678Z'

/** Puts a lock there as another process would have. */
async function left(holder: object): Promise<string> {
  const text = JSON.stringify({ pid: nobody, host: hostname(), token: 'a-token', since, ...holder })
  await writeFile(path, text)
  return text
}

describe('a lock', () => {
  test('is held by one until it lets go', async () => {
    const lock = await lockFolder(folder)
    const held = JSON.parse(await readFile(path, 'utf8'))
    expect(held).toMatchObject({ pid: process.pid, host: hostname() })
    const error = await refusal(lockFolder(folder))
    const who = `${folder} is open for writing by this process (${process.pid}) since ${held.since}`
    expect(error).toMatchObject({
      code: 'ERR_LOCKED',
      message: `${who}; close it there, or open it with readOnly: true`,
    })
    await lock.release()
    expect(await readdir(folder)).toEqual([])
    const next = await lockFolder(folder)
    expect(await readdir(folder)).toEqual(['LOCK'])
    await next.release()
  })

  test('let go twice does not let go what another took', async () => {
    const lock = await lockFolder(folder)
    await Promise.all([lock.release(), lock.release()])
    const next = await lockFolder(folder)
    await lock.release()
    expect(await readdir(folder)).toEqual(['LOCK'])
    await next.release()
  })

  test('removed by hand and taken by another stays the other one’s', async () => {
    const lock = await lockFolder(folder)
    const text = await left({ host: 'elsewhere' })
    await lock.release()
    expect(await readFile(path, 'utf8')).toBe(text)
  })

  test('needs a folder', async () => {
    expect(await refusal(lockFolder(join(folder, 'none')))).toMatchObject({ code: 'ERR_NOT_FOUND' })
  })
})

describe('what a process left', () => {
  test('that is no more is taken over', async () => {
    await left({})
    const lock = await lockFolder(folder)
    expect(JSON.parse(await readFile(path, 'utf8')).pid).toBe(process.pid)
    expect(await readdir(folder)).toEqual(['LOCK'])
    await lock.release()
  })

  test.runIf(process.platform === 'linux')('whose number another process has now is taken over', async () => {
    const lock = await lockFolder(folder)
    const { started } = JSON.parse(await readFile(path, 'utf8'))
    expect(started).toMatch(/^[\w-]{36} \d+$/)
    await lock.release()
    await left({ pid: process.pid, started: `${started}0` })
    await (await lockFolder(folder)).release()
    await left({ pid: process.pid, started })
    expect(await refusal(lockFolder(folder))).toMatchObject({ code: 'ERR_LOCKED' })
  })

  test('of whose start nothing is known is kept while that number is in use', async () => {
    await left({ pid: process.ppid })
    const message = `${folder} is open for writing by process ${process.ppid} on ${hostname()} since ${since}; close it`
    expect((await refusal(lockFolder(folder))).message).toContain(message)
  })

  test('on another host, or that cannot be read, is never taken over; the error says how to remove it', async () => {
    const elsewhere = [await left({ host: 'elsewhere' }), '', '{"pid":1', '[]', 'null', '{"pid":0,"host":"x"}']
    for (const text of elsewhere) {
      await writeFile(path, text)
      const error = await refusal(lockFolder(folder))
      expect(error.code).toBe('ERR_LOCKED')
      expect(error.message).toMatch(text === elsewhere[0] ? /process \d+ on elsewhere/ : /does not say by whom/)
      expect(error.message).toContain(`delete ${path}`)
      expect(await readFile(path, 'utf8')).toBe(text)
      expect(await readdir(folder)).toEqual(['LOCK'])
    }
  })

  test('is taken over by exactly one of many who try at once, also where a taker was killed', async () => {
    for (let round = 0; round < 30; round++) {
      await left({ token: `dead-${round}` })
      if (round % 3 === 2) {
        const taker = { pid: nobody, host: hostname(), token: `taker-${round}`, since }
        await writeFile(`${path}.dead-${round}`, JSON.stringify(taker))
      }
      const tries = await Promise.allSettled(Array.from({ length: 12 }, () => lockFolder(folder)))
      const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
      for (const one of tries) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ERR_LOCKED' })
      expect(won.length).toBe(1)
      expect(await readdir(folder)).toEqual(['LOCK'])
      await (won[0] as FolderLock).release()
    }
  })
})
