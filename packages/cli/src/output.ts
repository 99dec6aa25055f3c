/** Where do files go? What is there stays until all of the new one is written. */

import { lstatSync } from 'node:fs'
import { open, rename, stat, unlink } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/** @throws Error when something is there and may not be replaced; also a link that leads nowhere: it would be replaced */
export function refuseToReplace(path: string, force: boolean | undefined): void {
  if (force || lstatSync(localPath(path), { throwIfNoEntry: false }) === undefined) return
  throw new Error(`${path} is there already; give --force to replace it`)
}

/** Size of a file. */
export async function sizeOfFile(path: string): Promise<number> {
  return (await stat(localPath(path))).size
}

/** Whether bytes of it come over the network; such a file cannot be replaced. */
export function isRemote(path: string): boolean {
  return /^https?:/i.test(path)
}

/** Writes a file of text beside its place, and there once all of it is written. */
export async function writeText(path: string, parts: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const final = localPath(path)
  const temporary = `${final}.${Math.random().toString(36).slice(2, 10)}.tmp`
  const file = await open(temporary, 'wx')
  try {
    let held = ''
    for await (const part of parts) {
      held += part
      if (held.length < BUFFER) continue
      await file.writeFile(held)
      held = ''
    }
    await file.writeFile(held)
    await file.sync()
    await file.close()
    await rename(temporary, final)
  } catch (error) {
    await file.close().catch(() => {})
    await unlink(temporary).catch(() => {})
    throw error
  }
}

/** Characters that are gathered before they are written. */
const BUFFER = 1 << 20

/** The path that a file: URL names, or the path itself. */
export function localPath(path: string): string {
  return /^file:/i.test(path) ? fileURLToPath(path) : path
}
