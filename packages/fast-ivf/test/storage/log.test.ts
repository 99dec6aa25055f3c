import { open, stat, truncate, unlink } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createLog, type Log, openLog, readLog } from '../../src/storage/log.js'
import { appendTo } from '../../src/storage/log-append.js'
import type { FileHandle } from '../../src/storage/source.js'
import { refusal } from '../refusal.js'
import { bytes, changedFiles, ends, follow, paths, replay, three, write } from './logs.js'

const newPath = paths()
const written = (records: readonly Uint8Array[]): Promise<string> => write(newPath(), records)

describe('what was appended', () => {
  test('comes back in order, whatever was appended, reopened and followed in between', async () => {
    const payload = fc.uint8Array({ maxLength: 70 })
    const action = fc.oneof(
      fc.array(fc.oneof(payload, fc.array(payload, { maxLength: 3 })), { minLength: 1, maxLength: 8 }),
      fc.constantFrom('reopen' as const, 'follow' as const, 'sync' as const),
    )
    const check = fc.asyncProperty(
      fc.array(action, { maxLength: 12 }),
      fc.nat(2 ** 32 - 1),
      async (actions, number) => {
        const path = newPath()
        const model: Uint8Array[] = []
        let log = await createLog(path, number)
        let followed = await follow(path)
        const seen = followed.records
        for (const one of actions) {
          if (one === 'sync') await log.sync()
          else if (one === 'reopen') {
            await log.close()
            const again = await replay(path)
            log = again.log
            expect(again.records).toEqual(model)
            expect(log.generation).toBe(number)
          } else if (one === 'follow') {
            followed = await follow(path, followed.next)
            seen.push(...followed.records)
            expect(seen).toEqual(model)
          } else {
            const sequences = await Promise.all(one.map((payload) => log.append(payload)))
            expect(sequences).toEqual(one.map((_, i) => model.length + i))
            model.push(...one.map((payload) => new Uint8Array(Buffer.concat([payload].flat()))))
          }
          expect([log.records, log.bytes]).toEqual([model.length, ends(model).at(-1) ?? 16])
          expect((await stat(path)).size).toBe(log.bytes)
        }
        await log.close()
        const { records } = await follow(path)
        expect(records).toEqual(model)
      },
    )
    await fc.assert(check, { numRuns: 60, seed: 1 })
  })

  test('is copied: the caller may change it at once', async () => {
    const path = newPath()
    const log = await createLog(path, 0)
    const payload = bytes('before')
    const appended = log.append(payload)
    payload.fill(0)
    await appended
    await log.close()
    expect((await follow(path)).records).toEqual([bytes('before')])
  })

  test('comes back where records are longer than what is read at a time, aligned to 8 bytes', async () => {
    const lengths = [3, 2 ** 20 - 24, 2 ** 20 - 23, 5, 2 ** 21 + 1, 0, 700_000, 700_000, 9]
    const records = lengths.map((length, i) => new Uint8Array(length).fill(i + 1))
    const path = await written(records)
    let i = 0
    const next = await readLog(path, undefined, (payload) => {
      expect(payload.byteOffset % 8).toBe(0)
      expect(Buffer.compare(payload, records[i++] as Uint8Array)).toBe(0)
    })
    expect([i, next.at]).toEqual([records.length, ends(records).at(-1)])
  })

  test('is found beyond 4 GiB', async () => {
    const path = await written([])
    const position = { generation: 7, at: 5 * 2 ** 30, sequence: 2 ** 33 }
    await truncate(path, position.at)
    const handle = (await open(path, 'r+')) as unknown as FileHandle
    const log = appendTo(path, handle, { position, sync: 'none', lost: 0, lostTo: undefined })
    expect(await log.append(bytes('far'))).toBe(2 ** 33)
    await log.close()
    const { records, next } = await follow(path, position)
    expect([records, next]).toEqual([[bytes('far')], { generation: 7, at: 5 * 2 ** 30 + 32, sequence: 2 ** 33 + 1 }])
    await unlink(path)
  })

  test('is given out one record at a time, and what onRecord throws ends it', async () => {
    const path = await written(three)
    let running = 0
    const onRecord = async (_: Uint8Array, sequence: number): Promise<void> => {
      expect(++running).toBe(1)
      await stat(path)
      running--
      if (sequence === 1) throw new Error('enough')
    }
    await expect(openLog(path, { onRecord })).rejects.toThrow('enough')
    await expect(readLog(path, undefined, onRecord)).rejects.toThrow('enough')
  })
})

describe('the disk', () => {
  test('is waited for a few times by a thousand appends at once, and nobody is told before', async () => {
    const path = newPath()
    let synced = 0
    let writes = 0
    const fs = changedFiles((handle) => ({
      write(...all) {
        writes++
        return handle.write(...all)
      },
      async datasync() {
        await handle.datasync()
        synced = (await handle.stat()).size
      },
    }))
    const log = await createLog(path, 1, { fs })
    writes = 0
    const ends = Array.from({ length: 1000 }, async (_, i) => {
      // some later than others
      for (let turn = 0; turn < i % 7; turn++) await undefined
      const sequence = await log.append(new Uint8Array(100).fill(i))
      expect(synced).toBeGreaterThanOrEqual(16 + (sequence + 1) * 128)
    })
    await Promise.all(ends)
    expect(log.records).toBe(1000)
    expect(log.syncs).toBeLessThanOrEqual(8)
    expect(writes).toBe(log.syncs)
    await log.close()
  })

  test('is not waited for with sync none, unless asked', async () => {
    const log = await createLog(newPath(), 1, { sync: 'none' })
    await log.append(bytes('x'))
    expect(log.syncs).toBe(0)
    await log.sync()
    expect(log.syncs).toBe(1)
    await log.close()
  })

  test.each([
    ['a write that fails', 'write', false],
    ['a write that fails, and its rest stays', 'write', true],
    ['a sync that fails', 'datasync', false],
  ] as const)(
    '%s refuses its group and all later ones, and no half of it is taken for good',
    async (_, call, stays) => {
      const path = newPath()
      let broken = false
      const full = (): Promise<never> =>
        Promise.reject(Object.assign(new Error('ENOSPC: no space'), { code: 'ENOSPC' }))
      const fs = changedFiles((handle) => ({
        async write(from, offset, length, position) {
          if (!broken || call !== 'write') return handle.write(from, offset, length, position)
          await handle.write(from, offset, length - 20, position)
          return full()
        },
        datasync: () => (broken && call === 'datasync' ? full() : handle.datasync()),
        truncate: (length) => (broken && stays ? full() : handle.truncate(length)),
      }))
      const log = await createLog(path, 1, { fs })
      await log.append(bytes('good'))
      broken = true
      const group = [log.append(bytes('a')), log.append(bytes('b'))]
      const later = Promise.resolve().then(() => Promise.resolve().then(() => log.append(bytes('c'))))
      for (const call of [...group, later, log.append(bytes('d')), log.sync()]) {
        const error = await refusal(call)
        expect(error).toMatchObject({ code: 'ERR_CLOSED', cause: { code: 'ENOSPC' } })
        expect(error.message).toMatch(/from byte 48 on \(ENOSPC: no space\); .* It takes no more records: make room/)
      }
      broken = false
      expect(await refusal(log.append(bytes('e')))).toMatchObject({ code: 'ERR_CLOSED', cause: { code: 'ENOSPC' } })
      expect([log.records, log.bytes]).toEqual([1, 48])
      await log.close()
      const { log: again, records } = await replay(path)
      expect(records).toEqual(stays ? ['good', 'a', 'b'].map(bytes) : [bytes('good')])
      expect(await again.append(bytes('goes on'))).toBe(records.length)
      await again.close()
      expect((await follow(path)).records.at(-1)).toEqual(bytes('goes on'))
    },
  )
})

test('close waits for what is in flight, may be called again, and refuses later appends', async () => {
  const path = newPath()
  const log = await createLog(path, 1)
  const appended = Promise.all(three.map((record) => log.append(record)))
  await Promise.all([log.close(), log.close()])
  expect(await appended).toEqual([0, 1, 2])
  expect(await refusal(log.append(bytes('late')))).toMatchObject({ code: 'ERR_CLOSED', message: /was closed/ })
  expect(await refusal(log.sync())).toMatchObject({ code: 'ERR_CLOSED' })
  expect((await follow(path)).records).toEqual(three)
})

test('what cannot be a record or a log is refused', async () => {
  const log = await createLog(newPath(), 1)
  const append = (payload: unknown): ReturnType<Log['append']> => log.append(payload as Uint8Array)
  expect(await refusal(append([three[0], 'text']))).toMatchObject({ code: 'ERR_ARGUMENT', message: /'text'/ })
  // never touched, so it takes no memory
  const half = new Uint8Array(2 ** 30)
  expect(await refusal(append([half, half]))).toMatchObject({ code: 'ERR_ARGUMENT', message: /at most 2147483647/ })
  expect([await log.append(three[0]!), log.records]).toEqual([0, 1])
  await log.close()
  for (const generation of [-1, 2 ** 32, 0.5]) {
    expect(await refusal(createLog(newPath(), generation))).toMatchObject({ code: 'ERR_ARGUMENT' })
  }
  const missing = newPath()
  expect(await refusal(replay(missing))).toMatchObject({ code: 'ERR_NOT_FOUND', message: /is not there/ })
  expect(await refusal(follow(missing))).toMatchObject({ code: 'ERR_NOT_FOUND' })
})

test('a reader may follow while records are appended: it sees each once, in order', async () => {
  const path = newPath()
  const log = await createLog(path, 1)
  const record = (i: number): Uint8Array => new Uint8Array(1 + ((i * 7919) % 5000)).fill(i)
  const appending = (async () => {
    for (let i = 0; i < 600; i += 20) await Promise.all(Array.from({ length: 20 }, (_, j) => log.append(record(i + j))))
  })()
  let { records, next } = await follow(path)
  while (next.sequence < 600) {
    const more = await follow(path, next)
    records = [...records, ...more.records]
    next = more.next
  }
  await appending
  await log.close()
  expect(records.length).toBe(600)
  records.forEach((found, i) => expect(Buffer.compare(found, record(i))).toBe(0))
})
