/** Files of indexes: opened, and put in their place. */

import { type AnyIndex, type Id, type OpenOptions, openIndex } from 'fast-ivf'
import type { Context } from './context.js'
import { UsageError } from './errors.js'
import { isRemote, sizeOfFile } from './output.js'

/** What commands that change an index are told. */
export interface ChangeOptions {
  output?: string
  threads?: number
}

/** Opens an index for the time of `use`. */
export async function withIndex<T>(
  path: string,
  options: OpenOptions,
  { signal, progress }: Context,
  use: (index: AnyIndex<Id>) => Promise<T>,
): Promise<T> {
  const onProgress = (step: { done: number; total: number }): void => progress.update({ ...step, phase: 'open' })
  const index = await openIndex<Id>(path, { ...options, signal, onProgress })
  try {
    return await use(index)
  } finally {
    await index.close()
  }
}

/** Saves an index; what was there is replaced when all of it is written. Returns the bytes of the file. */
export async function saveIndex(
  index: Pick<AnyIndex<Id>, 'save'>,
  path: string,
  { signal, progress }: Context,
): Promise<number> {
  const onProgress = (step: { done: number; total: number }): void => progress.update({ ...step, phase: 'save' })
  await index.save(path, { signal, onProgress })
  return sizeOfFile(path)
}

/** Where a changed index goes: in place unless told otherwise. @throws UsageError when it cannot be told */
export function targetOf(path: string, { output }: ChangeOptions): string {
  if (output === undefined && isRemote(path)) {
    throw new UsageError(`${path} cannot be replaced; say where the changed index goes, as -o <file>`)
  }
  return output ?? path
}

/** The threads, if they are told. */
export function threadsOf({ threads }: { threads?: number }): { threads?: number } {
  return threads === undefined ? {} : { threads }
}
