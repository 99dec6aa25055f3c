import { IvfError, show } from '../errors.js'
import { allocate } from './bytes.js'
import { openHttp } from './http-source.js'

/** Bytes that can be read by position. What `read` returns belongs to the caller, who may change it. */
export interface ByteSource {
  readonly size: number
  /** The bytes from `from` up to, not including, `to`: all of them, or an error. */
  read(from: number, to: number): Promise<Uint8Array>
  /**
   * Fills `into` with the bytes at `from`: all of them, or an error after which it may hold some. Faster than `read`
   * where the bytes are to lie in a certain place, as in WebAssembly memory, which must not grow meanwhile unless it
   * is shared. The function `readInto` does it for sources without.
   */
  readInto?(from: number, into: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** Where bytes may come from. A string is an http(s) or file URL, or a path (in Node, Deno and Bun). */
export type SourceInput = string | URL | Blob | ArrayBuffer | Uint8Array | ByteSource

/** Opens anything that holds bytes. @throws IvfError ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_ARGUMENT */
export async function openSource(input: SourceInput): Promise<ByteSource> {
  if (isByteSource(input)) return input
  if (input instanceof Uint8Array) return memorySource(input)
  if (input instanceof ArrayBuffer) return memorySource(new Uint8Array(input))
  if (input instanceof Blob) return blobSource(input)
  if (typeof input !== 'string' && !(input instanceof URL)) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `the source is ${show(input)}; it must be a path, a URL, a Blob, an ArrayBuffer or a Uint8Array`,
    )
  }
  const path = pathOf(input)
  if (path !== undefined) return openFile(path)
  const url = String(input)
  if (/^https?:/i.test(url)) return openHttp(url)
  try {
    return memorySource(new Uint8Array(await (await fetch(url)).arrayBuffer()))
  } catch (cause) {
    throw new IvfError('ERR_NOT_FOUND', `${show(url)} cannot be read; was it revoked?`, { cause })
  }
}

/** Fills `into` with the bytes at `from`, all of them. @throws IvfError ERR_FORMAT, ERR_DETACHED, and as the source */
export async function readInto(source: ByteSource, from: number, into: Uint8Array): Promise<void> {
  if (source.readInto) return source.readInto(from, into)
  const bytes = await source.read(from, from + into.length)
  if (bytes.length !== into.length) throw endedEarly('the source', from + bytes.length, from + into.length)
  into.set(bytes)
}

/** What to call a source in a message and to find its extension: a path, the path of a URL, the name of a File. */
export function nameOf(input: SourceInput): string | undefined {
  if (typeof input !== 'string' && !(input instanceof URL)) {
    const name = (input as { name?: unknown } | null)?.name
    return typeof name === 'string' && name !== '' ? name : undefined
  }
  const url = asUrl(input)
  if (!url) return String(input)
  return url.protocol === 'file:' ? pathOf(url) : url.protocol === 'data:' ? 'a data: URL' : url.origin + url.pathname
}

/** The file system path that a string or file: URL names; undefined for every other URL. */
export function pathOf(input: string | URL): string | undefined {
  const url = asUrl(input)
  if (!url) return String(input)
  if (url.protocol !== 'file:') return undefined
  const path = decodeURIComponent(url.pathname)
  return /^\/[a-z]:\//i.test(path) ? path.slice(1) : path
}

export function isByteSource(input: unknown): input is ByteSource {
  const source = input as Partial<ByteSource> | null
  return typeof source === 'object' && typeof source?.read === 'function' && typeof source.size === 'number'
}

/** The part of Node's file system that the library uses; written out so that its types need no @types/node. */
export interface FileSystem {
  stat(path: string): Promise<{ size: number; isFile(): boolean; isDirectory(): boolean }>
  open(path: string, flags: string): Promise<FileHandle>
  realpath(path: string): Promise<string>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  link(from: string, to: string): Promise<void>
  copyFile(from: string, to: string): Promise<void>
  readFile(path: string, encoding: 'utf8'): Promise<string>
  readdir(path: string): Promise<string[]>
  mkdir(path: string, options: { recursive: true }): Promise<unknown>
}

export interface FileHandle {
  read(into: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  write(from: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
  stat(): Promise<{ size: number }>
  truncate(length: number): Promise<void>
  sync(): Promise<void>
  datasync(): Promise<void>
  close(): Promise<void>
}

/** The file system where there is one. @throws IvfError ERR_UNSUPPORTED in a browser, naming what was asked for */
export function fileSystem(path: string): FileSystem {
  const host = (globalThis as { process?: { getBuiltinModule?: (id: string) => unknown } }).process
  const fs = host?.getBuiltinModule?.('node:fs/promises')
  if (fs) return fs as FileSystem
  throw new IvfError(
    'ERR_UNSUPPORTED',
    `${show(path)} is a path and there is no file system here; pass a URL (new URL('x.npy', location.href)), ` +
      'a File or a Uint8Array instead',
  )
}

/** The IvfError for a path that the system refused to open. */
export function cannotOpen(path: string, cause: unknown): IvfError {
  const code = (cause as { code?: string }).code ?? 'unknown'
  const why = code === 'ENOENT' ? 'is not there' : `cannot be opened (${code})`
  return new IvfError('ERR_NOT_FOUND', `${path} ${why}; check the path and the permissions`, { cause })
}

async function openFile(path: string): Promise<ByteSource> {
  const fs = fileSystem(path)
  // stat comes first: opening a named pipe would wait for its writer
  const stat = await fs.stat(path).catch((cause: unknown) => Promise.reject(cannotOpen(path, cause)))
  if (!stat.isFile()) {
    const kind = stat.isDirectory() ? 'a folder' : 'not a regular file'
    throw new IvfError('ERR_FORMAT', `${path} is ${kind}; a file that can be read by position is needed`)
  }
  const handle = await fs.open(path, 'r').catch((cause: unknown) => Promise.reject(cannotOpen(path, cause)))
  let closed = false

  async function fill(from: number, into: Uint8Array): Promise<void> {
    const { length } = into
    for (let done = 0; done < length; ) {
      const { bytesRead } = await handle.read(into, done, Math.min(length - done, MAX_READ), from + done)
      if (bytesRead === 0) throw endedEarly(path, from + done, from + length)
      done += bytesRead
      if (into.length !== length) throw gone(path, from, length)
    }
  }

  return {
    size: stat.size,
    async read(from, to) {
      const bytes = allocate(to - from)
      await fill(from, bytes)
      return bytes
    },
    readInto: fill,
    async close() {
      if (closed) return
      closed = true
      await handle.close()
    },
  }
}

/** The system reads less than 2 GiB in one call. */
const MAX_READ = 2 ** 30

function memorySource(bytes: Uint8Array): ByteSource {
  const part = (from: number, to: number): Uint8Array => {
    if (to > bytes.length) throw endedEarly('the array', bytes.length, to)
    return bytes.subarray(from, to)
  }
  return {
    size: bytes.length,
    async read(from, to) {
      const own = part(from, to)
      const copy = allocate(own.length)
      copy.set(own)
      return copy
    },
    async readInto(from, into) {
      into.set(part(from, from + into.length))
    },
    async close() {},
  }
}

function blobSource(blob: Blob): ByteSource {
  return {
    size: blob.size,
    async read(from, to) {
      const bytes = await blob.slice(from, to).arrayBuffer()
      if (bytes.byteLength !== to - from) throw endedEarly('the blob', from + bytes.byteLength, to)
      return new Uint8Array(bytes)
    },
    async close() {},
  }
}

function endedEarly(name: string, at: number, to: number): IvfError {
  return new IvfError('ERR_FORMAT', `${name} ended at byte ${at}, needed up to ${to}; was it cut while being read?`)
}

/** Memory that is not shared takes its arrays away when it grows. */
function gone(name: string, from: number, length: number): IvfError {
  return new IvfError(
    'ERR_DETACHED',
    `the array for ${length} bytes of ${name} from ${from} on lost its memory while it was filled; ` +
      'let memory grow before the read or after it',
  )
}

/** Only these schemes make a string a URL: "C:\data\x.npy" is a path. */
function asUrl(input: string | URL): URL | undefined {
  if (input instanceof URL) return input
  if (!/^(https?|file|data|blob):/i.test(input)) return undefined
  try {
    return new URL(input)
  } catch (cause) {
    throw new IvfError('ERR_ARGUMENT', `${show(input)} is not a URL; check its spelling`, { cause })
  }
}
