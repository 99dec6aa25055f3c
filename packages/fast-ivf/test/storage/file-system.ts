import * as files from 'node:fs/promises'
import { vi } from 'vitest'
import type { FileHandle, FileSystem } from '../../src/storage/source.js'

/** Does `work` with a file system of which `changes` replace some members. */
export async function withFileSystem(changes: Partial<FileSystem>, work: () => Promise<void>): Promise<void> {
  const system = process
  const getBuiltinModule = (id: string): unknown =>
    id === 'node:fs/promises' ? { ...files, ...changes } : system.getBuiltinModule(id)
  vi.stubGlobal('process', Object.create(process, { getBuiltinModule: { value: getBuiltinModule } }))
  try {
    await work()
  } finally {
    vi.unstubAllGlobals()
  }
}

/** Opens as the system does, and replaces members of what was opened. */
export function opening(change: (handle: FileHandle, path: string) => Partial<FileHandle>): Partial<FileSystem> {
  return {
    async open(path, flags) {
      const handle: FileHandle = await files.open(path, flags)
      const changed = change(handle, path)
      return new Proxy(handle, {
        get(_, name) {
          const member: unknown = Reflect.get(name in changed ? changed : handle, name)
          return typeof member === 'function' ? member.bind(handle) : member
        },
      })
    },
  }
}

/** An error as the system throws it. */
export const systemError = (code: string): Error => Object.assign(new Error(`${code}: refused`), { code })
