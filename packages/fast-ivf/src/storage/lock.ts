import { IvfError } from '../errors.js'
import { cannotOpen, type FileSystem, fileSystem } from './source.js'

export interface FolderLock {
  /** Lets others write; again, it does nothing. */
  release(): Promise<void>
}

/** What the file says. */
interface Holder {
  readonly pid: number
  readonly host: string
  /** of this lock alone */
  readonly token: string
  /** when its process started, where the system tells: numbers of processes are used again */
  readonly started?: string
  /** for people */
  readonly since: string
}

/**
 * Makes this process the one that writes to `folder`, until it lets go or ends, however it ends: a file LOCK says who it
 * is, and what a process that is no more has left there is replaced.
 * @throws IvfError ERR_LOCKED where another writes, ERR_NOT_FOUND, ERR_UNSUPPORTED
 */
export async function lockFolder(folder: string): Promise<FolderLock> {
  const fs = fileSystem(folder)
  return acquire(fs, folder, `${folder}/LOCK`)
}

/**
 * Whoever finds a stale file replaces it by renaming another over it, but only while holding a lock on doing so: a
 * further file, named after the stale one's token, by the same rules. While it is held the stale file cannot change, so
 * what was read is what is replaced, and of many who try one succeeds.
 */
async function acquire(fs: FileSystem, folder: string, path: string): Promise<FolderLock> {
  const own = await describe(fs)
  const temporary = `${path}.${own.token}.new`
  await writeNew(fs, temporary, JSON.stringify(own)).catch((cause: unknown) =>
    Promise.reject(cannotOpen(temporary, cause)),
  )
  try {
    for (;;) {
      if (await claim(fs, temporary, path, own)) break
      const text = await read(fs, path)
      if (text === undefined) continue // let go meanwhile
      const holder = parse(text)
      if (!holder) throw unreadable(folder, path)
      if (!(await isStale(fs, holder))) throw held(folder, path, holder, own)
      const turn = await acquire(fs, folder, `${path}.${holder.token}`)
      try {
        if ((await read(fs, path)) !== text) continue // another took it over before our turn
        await fs.rename(temporary, path)
        break
      } finally {
        await turn.release()
      }
    }
  } finally {
    await unlink(fs, temporary)
  }
  let released: Promise<void> | undefined
  return {
    release() {
      released ??= letGo(fs, path, own)
      return released
    },
  }
}

async function letGo(fs: FileSystem, path: string, own: Holder): Promise<void> {
  const text = await read(fs, path)
  // removed by hand, it may be another's by now
  if (text !== undefined && parse(text)?.token === own.token) await unlink(fs, path)
}

/** Linked, so that the lock is never there without what it says; a file system without links gets it written. */
async function claim(fs: FileSystem, temporary: string, path: string, own: Holder): Promise<boolean> {
  try {
    await fs.link(temporary, path)
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    if (!NO_LINKS.includes(codeOf(cause))) throw cannotOpen(path, cause)
  }
  try {
    await writeNew(fs, path, JSON.stringify(own))
    return true
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') return false
    throw cannotOpen(path, cause)
  }
}

const NO_LINKS = ['EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS']

async function isStale(fs: FileSystem, holder: Holder): Promise<boolean> {
  const { host, process } = system()
  if (holder.host !== host) return false
  try {
    process.kill(holder.pid, 0)
  } catch (cause) {
    // it is there, but another user's
    if (codeOf(cause) !== 'EPERM') return true
  }
  if (holder.started === undefined) return false
  const started = await startOf(fs, holder.pid)
  return started !== undefined && started !== holder.started
}

/** When a process started: the boot, and the clock ticks since; `ended` for one that is only waiting to be counted. */
async function startOf(fs: FileSystem, pid: number): Promise<string | undefined> {
  try {
    const boot = await fs.readFile('/proc/sys/kernel/random/boot_id', 'utf8')
    const stat = await fs.readFile(`/proc/${pid}/stat`, 'utf8')
    // after the name, which may hold anything: the state, and 19 fields on the start
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? 'ended' : `${boot.trim()} ${fields[19]}`
  } catch {
    return undefined // not Linux, or hidden
  }
}

async function describe(fs: FileSystem): Promise<Holder> {
  const { host, process } = system()
  const started = await startOf(fs, process.pid)
  const token = crypto.randomUUID()
  const since = new Date().toISOString()
  return { pid: process.pid, host, token, ...(started === undefined ? {} : { started }), since }
}

interface System {
  readonly host: string
  readonly process: { readonly pid: number; kill(pid: number, signal: number): void }
}

/** Only called where there is a file system, so in Node, Deno or Bun. */
function system(): System {
  const { process } = globalThis as unknown as {
    process: System['process'] & { getBuiltinModule(id: 'node:os'): { hostname(): string } }
  }
  return { process, host: process.getBuiltinModule('node:os').hostname() }
}

function parse(text: string): Holder | undefined {
  let value: Partial<Holder> | null
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const { pid, host, token, started, since } = value ?? {}
  const known =
    Number.isSafeInteger(pid) && (pid as number) > 0 && typeof host === 'string' && /^[\w-]+$/.test(`${token}`)
  if (!known || typeof since !== 'string' || !['string', 'undefined'].includes(typeof started)) return undefined
  return value as Holder
}

function held(folder: string, path: string, { pid, host, since }: Holder, own: Holder): IvfError {
  const here = host === own.host
  const who = here && pid === own.pid ? `this process (${pid})` : `process ${pid} on ${host}`
  const remedy = here
    ? 'close it there, or open it with readOnly: true'
    : `whether it still runs cannot be told from here: open it with readOnly: true, or, once it has ended, delete ${path}`
  return new IvfError('ERR_LOCKED', `${folder} is open for writing by ${who} since ${since}; ${remedy}`)
}

function unreadable(folder: string, path: string): IvfError {
  return new IvfError(
    'ERR_LOCKED',
    `${folder} is locked, and ${path} does not say by whom; open it with readOnly: true, or, if no process writes to ` +
      `it, delete ${path}`,
  )
}

async function writeNew(fs: FileSystem, path: string, text: string): Promise<void> {
  const handle = await fs.open(path, 'wx')
  try {
    const bytes = new TextEncoder().encode(text)
    await handle.write(bytes, 0, bytes.length, 0)
  } finally {
    await handle.close()
  }
}

async function read(fs: FileSystem, path: string): Promise<string | undefined> {
  try {
    return await fs.readFile(path, 'utf8')
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') return undefined
    throw cannotOpen(path, cause)
  }
}

async function unlink(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path)
  } catch (cause) {
    if (codeOf(cause) !== 'ENOENT') throw cannotOpen(path, cause)
  }
}

function codeOf(cause: unknown): string {
  return (cause as { code?: string } | null)?.code ?? ''
}
