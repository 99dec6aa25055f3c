import { IvfError } from '../errors.js'
import { cannotOpen, type FileHandle, type FileSystem } from './source.js'

/** @throws IvfError ERR_NOT_FOUND */
export function openAt(fs: FileSystem, path: string, flags: string): Promise<FileHandle> {
  return fs.open(path, flags).catch((cause: unknown) => Promise.reject(cannotOpen(path, cause)))
}

/** @throws IvfError ERR_NOT_FOUND where it cannot be told */
export async function isThere(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.stat(path)
    return true
  } catch (cause) {
    if ((cause as { code?: string }).code === 'ENOENT') return false
    throw cannotOpen(path, cause)
  }
}

/** Fills `into` with the bytes from `from` on. @throws IvfError ERR_FORMAT where the file has become shorter */
export async function readAt(handle: FileHandle, into: Uint8Array, from: number, name: string): Promise<void> {
  for (let done = 0; done < into.length; ) {
    const { bytesRead } = await handle.read(into, done, Math.min(into.length - done, MAX_CALL_BYTES), from + done)
    if (bytesRead === 0) {
      throw new IvfError('ERR_FORMAT', `${name} ended at byte ${from + done}; was it cut while being read?`)
    }
    done += bytesRead
  }
}

/** Writes all of `bytes` from byte `at` of the file on. */
export async function writeAt(handle: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, Math.min(bytes.length - done, MAX_CALL_BYTES), at + done)
    done += bytesWritten
  }
}

/** The system reads and writes less than 2 GiB in one call. */
const MAX_CALL_BYTES = 2 ** 30

/** What systems answer that cannot open a folder as a file, or cannot sync one, or do not let us read this one. */
const NO_FOLDERS = ['EISDIR', 'EPERM', 'EACCES', 'EINVAL', 'EBADF', 'ENOTSUP']

/** Waits until the names in a folder are on disk, which is written at its own time; where it cannot be, the system does it. */
export async function syncFolder(fs: FileSystem, folder: string): Promise<void> {
  let handle: FileHandle | undefined
  try {
    handle = await fs.open(folder, 'r')
    await handle.sync()
  } catch (error) {
    if (!NO_FOLDERS.includes(String((error as { code?: unknown }).code))) throw error
  } finally {
    await handle?.close()
  }
}

/** The folder that holds a path's last name. */
export function folderOf(path: string): string {
  return /^(.*[/\\])[^/\\]*$/s.exec(path)?.[1] ?? '.'
}
