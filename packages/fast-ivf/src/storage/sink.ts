import { IvfError, show } from '../errors.js'
import { joinBytes } from './bytes.js'
import { folderOf, syncFolder, writeAt } from './files.js'
import { cannotOpen, type FileSystem, fileSystem, pathOf } from './source.js'

/** Where bytes go, in order. Nothing is there for others to see before `finish`. */
export interface Sink {
  /** What is written is used later, too: leave it alone, and do not write views of memory that changes. */
  readonly keeps: boolean
  write(bytes: Uint8Array): Promise<void>
  /** Puts earlier bytes right; missing where what is written is gone. */
  patch?(at: number, bytes: Uint8Array): Promise<void>
  finish(): Promise<void>
  /** Leaves everything as it was before. */
  abort(reason: unknown): Promise<void>
}

/** A path or file: URL (in Node, Deno and Bun), or a stream of bytes. */
export type WriteTarget = string | URL | WritableStream<Uint8Array>

export interface SinkOptions {
  /**
   * What a path holds outlives a loss of power once `finish` has resolved; true by default. Without, it is faster,
   * and other programs see either the old file or the new one all the same.
   */
  sync?: boolean
}

/** @throws IvfError ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_ARGUMENT */
export async function openSink(target: WriteTarget, { sync = true }: SinkOptions = {}): Promise<Sink> {
  if (typeof target === 'string' || target instanceof URL) {
    const path = pathOf(target)
    if (path !== undefined) return fileSink(path, sync)
    throw new IvfError('ERR_UNSUPPORTED', `${target} cannot be written to; give a path or a WritableStream`)
  }
  if (typeof target?.getWriter === 'function') return streamSink(target.getWriter())
  throw new IvfError(
    'ERR_ARGUMENT',
    `the target is ${show(target)}; it must be a path, a file: URL or a WritableStream`,
  )
}

/** What `write` answers, once all of it is there; when it fails, nothing is. @throws IvfError as `openSink`, and as `write` */
export async function writeWhole<T>(
  target: WriteTarget,
  options: SinkOptions,
  write: (sink: Sink) => Promise<T>,
): Promise<T> {
  const sink = await openSink(target, options)
  try {
    const written = await write(sink)
    await sink.finish()
    return written
  } catch (error) {
    await sink.abort(error)
    throw error
  }
}

/** Keeps what is written; `bytes` joins it. */
export function memorySink(): Sink & { bytes(): Uint8Array } {
  const chunks: Uint8Array[] = []
  const patches: [number, Uint8Array][] = []
  return {
    keeps: true,
    async write(bytes) {
      chunks.push(bytes)
    },
    async patch(at, bytes) {
      patches.push([at, bytes])
    },
    async finish() {},
    async abort() {},
    bytes() {
      const whole = joinBytes(
        chunks,
        chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      )
      for (const [from, bytes] of patches) whole.set(bytes, from)
      return whole
    },
  }
}

/** Small writes are gathered up to this size. */
const BUFFER_BYTES = 2 ** 20

/** Writes beside the file and takes its place at the end, so that a failure leaves the old file. */
async function fileSink(path: string, sync: boolean): Promise<Sink> {
  const fs = fileSystem(path)
  const final = await resolveTarget(fs, path)
  const temporary = `${final}.${Math.random().toString(36).slice(2, 10)}.tmp`
  const handle = await fs.open(temporary, 'wx').catch((cause: unknown) => Promise.reject(cannotOpen(path, cause)))
  let at = 0
  const pending = new Uint8Array(BUFFER_BYTES)
  let held = 0

  async function flush(): Promise<void> {
    await writeAt(handle, pending.subarray(0, held), at)
    at += held
    held = 0
  }

  return {
    keeps: false,
    async write(bytes) {
      if (held + bytes.length > BUFFER_BYTES) await flush()
      if (bytes.length > BUFFER_BYTES) {
        await writeAt(handle, bytes, at)
        at += bytes.length
      } else {
        pending.set(bytes, held)
        held += bytes.length
      }
    },
    async patch(from, bytes) {
      await flush()
      await writeAt(handle, bytes, from)
    },
    async finish() {
      await flush()
      if (sync) await handle.sync()
      await handle.close()
      await fs.rename(temporary, final)
      if (sync) await syncFolder(fs, folderOf(final))
    },
    async abort() {
      await handle.close().catch(() => {})
      await fs.unlink(temporary).catch(() => {})
    },
  }
}

/** A link keeps pointing where it does; the file it points to is replaced. */
async function resolveTarget(fs: FileSystem, path: string): Promise<string> {
  const stat = await fs.stat(path).catch(() => undefined)
  if (!stat) return path
  if (stat.isFile()) return fs.realpath(path)
  const kind = stat.isDirectory() ? 'a folder' : 'not a regular file'
  throw new IvfError('ERR_ARGUMENT', `${path} is ${kind}; give the path of a file`)
}

function streamSink(writer: WritableStreamDefaultWriter<Uint8Array>): Sink {
  return {
    keeps: true,
    async write(bytes) {
      await writer.ready
      await writer.write(bytes)
    },
    finish: () => writer.close(),
    abort: (reason) => writer.abort(reason).catch(() => {}),
  }
}
