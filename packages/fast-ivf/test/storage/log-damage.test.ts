import { appendFile, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createLog, openLog } from '../../src/storage/log.js'
import { refusal } from '../refusal.js'
import { bytes, ends, follow, paths, replay, three, write } from './logs.js'

const newPath = paths()
const written = (records: readonly Uint8Array[]): Promise<string> => write(newPath(), records)

describe('an unfinished write', () => {
  test('at every byte of the file leaves the records before it, and the log goes on after them', async () => {
    const path = await written(three)
    const whole = await readFile(path)
    for (let cut = 16; cut <= whole.length; cut++) {
      const kept = three.slice(0, ends(three).filter((end) => end <= cut).length)
      const cutPath = newPath()
      await writeFile(cutPath, whole.subarray(0, cut))
      const reader = await follow(cutPath)
      expect(reader.records).toEqual(kept)
      expect((await stat(cutPath)).size).toBe(cut)
      const { log, records } = await replay(cutPath)
      expect([records, log.lost]).toEqual([kept, 0])
      expect(await log.append(bytes('next'))).toBe(kept.length)
      await log.close()
      expect((await follow(cutPath, reader.next)).records).toEqual([bytes('next')])
      expect((await follow(cutPath)).records).toEqual([...kept, bytes('next')])
    }
  })

  test('may have left zeros only', async () => {
    for (const zeros of [1, 8, 23, 24, 4096, 2 ** 20 + 5]) {
      const path = await written(three)
      await appendFile(path, new Uint8Array(zeros))
      expect((await follow(path)).records).toEqual(three)
      const { log, records } = await replay(path)
      await log.close()
      expect(records).toEqual(three)
      expect((await stat(path)).size).toBe(ends(three).at(-1))
    }
  })

  test('of the header of the file leaves no log, and none is made over another', async () => {
    const path = await written(three)
    expect(await refusal(createLog(path, 1))).toMatchObject({ code: 'ERR_ARGUMENT', message: /is there already/ })
    for (const cut of [0, 1, 15]) {
      await truncate(path, cut)
      const message = `${path} has ${cut} bytes, the header of a log 16; it was cut short: restore it from a copy`
      expect(await refusal(replay(path))).toMatchObject({ code: 'ERR_FORMAT', message })
    }
  })
})

describe('damage', () => {
  test('of any bit is an error: it is neither dropped nor given out', async () => {
    const path = await written(three)
    const whole = await readFile(path)
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const flipped = new Uint8Array(whole)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      await writeFile(path, flipped)
      const good: Uint8Array[] = []
      const onRecord = (payload: Uint8Array): void => void good.push(payload.slice())
      const error = await refusal(openLog(path, { onRecord }))
      expect(error.code).toBe('ERR_FORMAT')
      expect(good).toEqual(three.slice(0, ends(three).filter((end) => end <= bit >> 3).length))
      expect(await refusal(follow(path))).toMatchObject({ code: 'ERR_FORMAT' })
      expect(Buffer.compare(await readFile(path), flipped)).toBe(0)
    }
  })

  test('is told by byte, and by how much is good; repair keeps that and moves the rest', async () => {
    const path = await written(three)
    const [first = 0, second = 0, third = 0] = ends(three)
    for (const i of [1, 2]) {
      const file = await readFile(path)
      file[first + 30]! ^= 1
      file[first + 2]! ^= 1
      await writeFile(path, file)
      const message =
        `${path}, byte ${first}: the header of its record does not check; the 1 records before it are good. Restore ` +
        'the file from a copy, or open it for writing with repair: true, which keeps those and moves the ' +
        `${third - first} bytes from there on to ${path}.damaged`
      expect((await refusal(replay(path))).message).toBe(message)
      const { log, records } = await replay(path, true)
      const lostTo = `${path}.damaged${i === 1 ? '' : i}`
      expect([records, log.lost, log.lostTo]).toEqual([three.slice(0, 1), third - first, lostTo])
      expect(Buffer.compare(await readFile(lostTo), file.subarray(first))).toBe(0)
      await log.append(three[1]!)
      await log.append(three[2]!)
      await log.close()
      expect((await follow(path)).records).toEqual(three)
      expect(second).toBeLessThan(third)
    }
    expect((await readdir(dirname(path))).filter((name) => name.startsWith(`${basename(path)}.`)).length).toBe(2)
  })

  test('is a record of another place, of another log, or of another version', async () => {
    const path = await written(three)
    const file = await readFile(path)
    const [first = 0, second = 0] = ends(three)
    await writeFile(path, Buffer.concat([file.subarray(0, first), file.subarray(second)]))
    expect((await refusal(follow(path))).message).toMatch(/number 2 of generation 7, is there, where number 1 of 7 is/)
    const other = newPath()
    await (await createLog(other, 8)).close()
    await writeFile(path, Buffer.concat([await readFile(other), file.subarray(16)]))
    expect((await refusal(follow(path))).message).toMatch(/number 0 of generation 7, is there, where number 0 of 8 is/)
    await writeFile(path, 'something else altogether')
    expect((await refusal(follow(path))).message).toMatch(/does not begin with "IVFL"/)
  })

  test('is a log that became another while it was followed', async () => {
    const path = await written(three)
    const { next } = await follow(path)
    await truncate(path, 40)
    expect((await refusal(follow(path, next))).message).toMatch(/it is another log now/)
    const other = newPath()
    await (await createLog(other, 8)).close()
    expect((await refusal(follow(other, { ...next, at: 16 }))).message).toMatch(/it is another log now/)
  })
})
