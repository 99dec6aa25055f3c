import { closedOnFailure } from '../engine/closing.js'
import { checkInteger, IvfError } from '../errors.js'
import { folderOf, isThere, openAt, readAt, syncFolder, writeAt } from './files.js'
import { appendTo, type Log, type LogSync } from './log-append.js'
import {
  encodeFileHeader,
  FILE_HEADER_BYTES,
  type LogPosition,
  type OnRecord,
  readRecords,
  readStart,
  type Stop,
} from './log-records.js'
import { type FileHandle, type FileSystem, fileSystem } from './source.js'

export type { Log, LogSync } from './log-append.js'
export type { LogPosition, OnRecord } from './log-records.js'

export interface LogOptions {
  /** default `full` */
  sync?: LogSync
  /** instead of the system's: for tests */
  fs?: FileSystem
}

export interface OpenLogOptions extends LogOptions {
  onRecord: OnRecord
  /** keep what comes before damage, and move the rest to `<path>.damaged`; default false */
  repair?: boolean
}

/**
 * A new log at `path`, which is there to stay when this answers; one process at a time may have it open for appending.
 * @throws IvfError ERR_ARGUMENT where a file is there already, ERR_NOT_FOUND, ERR_UNSUPPORTED
 */
export async function createLog(path: string, generation: number, options: LogOptions = {}): Promise<Log> {
  checkInteger('generation', generation, 0, 2 ** 32 - 1)
  const { sync = 'full', fs = fileSystem(path) } = options
  if (await isThere(fs, path)) {
    throw new IvfError('ERR_ARGUMENT', `${path} is there already; open it, or give another path`)
  }
  // written beside it: a log whose header is not whole is never there
  const temporary = `${path}.tmp`
  const handle = await openAt(fs, temporary, 'w+')
  return closedOnFailure(handle, async () => {
    await writeAt(handle, encodeFileHeader(generation), 0)
    await handle.sync()
    await fs.rename(temporary, path)
    await syncFolder(fs, folderOf(path))
    const position = { generation, at: FILE_HEADER_BYTES, sequence: 0 }
    return appendTo(path, handle, { position, sync, lost: 0, lostTo: undefined })
  })
}

/**
 * Opens the log at `path` for appending after it has given each of its records to `onRecord`. What a write left
 * unfinished at the end of the file is cut off: nobody was told that it is there.
 * @throws IvfError ERR_FORMAT where a record does not check, ERR_NOT_FOUND, ERR_UNSUPPORTED; whatever `onRecord` throws
 */
export async function openLog(path: string, options: OpenLogOptions): Promise<Log> {
  const { onRecord, repair = false, sync = 'full', fs = fileSystem(path) } = options
  const handle = await openAt(fs, path, 'r+')
  return closedOnFailure(handle, async () => {
    const { size } = await handle.stat()
    const { position, damage } = await readRecords(handle, size, await readStart(handle, size, path), onRecord, path)
    const lost = size - position.at
    let lostTo: string | undefined
    if (damage !== undefined) {
      if (!repair) throw damaged(path, { position, damage }, size)
      lostTo = await saveTail(fs, handle, path, position.at, size)
    }
    if (lost > 0) await handle.truncate(position.at)
    // also when nothing was cut: records that were given out must not be gone after a loss of power
    if (lost > 0 || sync === 'full') await handle.sync()
    return appendTo(path, handle, { position, sync, lost: lostTo === undefined ? 0 : lost, lostTo })
  })
}

/**
 * Reads the records of the log at `path` from `from` on (undefined: from the first), also while it is appended to, and
 * answers where to go on. Stops before a record that is not whole yet; changes nothing.
 * @throws IvfError ERR_FORMAT where a record does not check or the log is another than before, ERR_NOT_FOUND,
 * ERR_UNSUPPORTED; whatever `onRecord` throws
 */
export async function readLog(
  path: string,
  from: LogPosition | undefined,
  onRecord: OnRecord,
  { fs = fileSystem(path) }: { fs?: FileSystem } = {},
): Promise<LogPosition> {
  const handle = await openAt(fs, path, 'r')
  try {
    const { size } = await handle.stat()
    const start = await readStart(handle, size, path)
    if (from && (from.generation !== start.generation || from.at > size)) {
      throw new IvfError(
        'ERR_FORMAT',
        `${path} is of generation ${start.generation} and has ${size} bytes, reading had come to byte ${from.at} of ` +
          `generation ${from.generation}; it is another log now: read it from its beginning`,
      )
    }
    const stop = await readRecords(handle, size, from ?? start, onRecord, path)
    if (stop.damage !== undefined) throw damaged(path, stop, size)
    return stop.position
  } finally {
    await handle.close()
  }
}

function damaged(path: string, { position, damage }: Stop, size: number): IvfError {
  return new IvfError(
    'ERR_FORMAT',
    `${path}, byte ${position.at}: ${damage}; the ${position.sequence} records before it are good. Restore the file ` +
      `from a copy, or open it for writing with repair: true, which keeps those and moves the ${size - position.at} ` +
      `bytes from there on to ${path}.damaged`,
  )
}

/** Copies the bytes from `from` on to a file of their own beside the log, over no earlier one. Answers its path. */
async function saveTail(fs: FileSystem, handle: FileHandle, path: string, from: number, size: number): Promise<string> {
  let target = `${path}.damaged`
  for (let i = 2; await isThere(fs, target); i++) target = `${path}.damaged${i}`
  const copy = await openAt(fs, `${path}.tmp`, 'w')
  try {
    for (let at = from; at < size; at += COPIED_BYTES) {
      const piece = new Uint8Array(Math.min(COPIED_BYTES, size - at))
      await readAt(handle, piece, at, path)
      await writeAt(copy, piece, at - from)
    }
    await copy.sync()
  } finally {
    await copy.close()
  }
  await fs.rename(`${path}.tmp`, target)
  await syncFolder(fs, folderOf(path))
  return target
}

const COPIED_BYTES = 2 ** 20
