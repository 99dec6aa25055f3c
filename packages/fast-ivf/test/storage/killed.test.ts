import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { refusal } from '../refusal.js'
import { lockFolder, openLog, payloadOf } from './killed.js'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-killed-'))
const module = join(folder, 'killed.mjs')

// the child runs the sources, not what was built last
beforeAll(async () => {
  const bundle = await rolldown({ input: here('./killed.ts'), platform: 'neutral' })
  await bundle.write({ file: module, format: 'esm' })
  await bundle.close()
})
afterAll(() => rmSync(folder, { recursive: true }))

/** Starts a process that appends, kills it when it has told of `acknowledged` records, and answers the last one told. */
async function appendUntilKilled(at: string, acknowledged: number): Promise<number> {
  const child = spawn(process.execPath, [here('./appender.mjs'), module, at], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err, lines] = ['', '', 0]
  child.stderr.on('data', (chunk) => (err += chunk))
  child.stdout.on('data', (chunk) => {
    out += chunk
    lines += String(chunk).split('\n').length - 1
    if (lines >= acknowledged) child.kill('SIGKILL')
  })
  const [, signal] = await once(child, 'close')
  expect([signal, err]).toEqual(['SIGKILL', ''])
  // a number may be cut where the process was killed
  const told = out.slice(0, out.lastIndexOf('\n')).split('\n').map(Number)
  expect(told).toEqual(told.map((_, i) => told[0]! + i))
  return told.at(-1) as number
}

test('every record that a killed process was told of is there, and its lock is taken over', async () => {
  const random = seeded(5)
  let more = 0
  for (let round = 0; round < 110; round++) {
    const at = join(folder, String(Math.floor(round / 10)))
    if (!existsSync(at)) mkdirSync(at)
    const last = await appendUntilKilled(at, 1 + random.below(150))
    const lock = await lockFolder(at)
    let records = 0
    const onRecord = (payload: Uint8Array, sequence: number): void => {
      if (Buffer.compare(payload, payloadOf(sequence)) !== 0) throw new Error(`record ${sequence} is another`)
      records = sequence + 1
    }
    const log = await openLog(join(at, 'log'), { onRecord })
    expect(records).toBeGreaterThan(last)
    expect(log.lost).toBe(0)
    if (records > last + 1) more++
    await log.close()
    await lock.release()
  }
  // else it was never killed between writing and telling
  expect(more).toBeGreaterThan(0)
}, 120_000)

test('a process that lives keeps its lock', async () => {
  const at = join(folder, 'held')
  mkdirSync(at)
  const child = spawn(process.execPath, [here('./appender.mjs'), module, at], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  child.stdout.resume()
  const error = await refusal(lockFolder(at))
  expect(error.code).toBe('ERR_LOCKED')
  expect(error.message).toContain(`${at} is open for writing by process ${child.pid} on `)
  expect(error.message).toContain('close it there, or open it with readOnly: true')
  child.kill('SIGKILL')
  await once(child, 'close')
  await (await lockFolder(at)).release()
})
