import { mkdtempSync, rmSync } from 'node:fs'
import fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { createLog, type Log, type LogPosition, openLog, readLog } from '../../src/storage/log.js'
import type { FileHandle, FileSystem } from '../../src/storage/source.js'

/** A folder of this test file's own, gone afterwards; every call is another path in it. */
export function paths(): () => string {
  const folder = mkdtempSync(join(tmpdir(), 'fast-ivf-log-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  let made = 0
  return () => join(folder, `${made++}.log`)
}

/** What a log gives out when it is opened, and the log, open for appending. */
export async function replay(path: string, repair = false): Promise<{ log: Log; records: Uint8Array[] }> {
  const records: Uint8Array[] = []
  const onRecord = (payload: Uint8Array, sequence: number): void => {
    if (sequence !== records.length) throw new Error(`record ${sequence} was given out as number ${records.length}`)
    records.push(payload.slice())
  }
  return { log: await openLog(path, { onRecord, repair }), records }
}

/** The records from `from` on as a reader sees them, and where it goes on. */
export async function follow(path: string, from?: LogPosition): Promise<{ records: Uint8Array[]; next: LogPosition }> {
  const records: Uint8Array[] = []
  const next = await readLog(path, from, (payload) => {
    records.push(payload.slice())
  })
  return { records, next }
}

/** The system's files, where `change` replaces some of what can be done with one. */
export function changedFiles(change: (handle: FileHandle) => Partial<FileHandle>): FileSystem {
  return {
    ...(fs as unknown as FileSystem),
    async open(path, flags) {
      const handle = (await fs.open(path, flags)) as unknown as FileHandle
      const own: FileHandle = {
        read: (...all) => handle.read(...all),
        write: (...all) => handle.write(...all),
        stat: () => handle.stat(),
        truncate: (length) => handle.truncate(length),
        sync: () => handle.sync(),
        datasync: () => handle.datasync(),
        close: () => handle.close(),
      }
      return { ...own, ...change(handle) }
    },
  }
}

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

/** Some records, one of them empty. */
export const three: readonly Uint8Array[] = ['first', '', 'the third record'].map(bytes)

/** Writes a log of `records`, of generation 7, and closes it. */
export async function write(path: string, records: readonly Uint8Array[]): Promise<string> {
  const log = await createLog(path, 7)
  await Promise.all(records.map((record) => log.append(record)))
  await log.close()
  return path
}

/** Where each record ends. */
export function ends(records: readonly Uint8Array[]): number[] {
  let at = 16
  return records.map(({ length }) => (at += 24 + Math.ceil(length / 8) * 8))
}
