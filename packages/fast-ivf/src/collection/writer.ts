import { IvfError } from '../errors.js'
import type { Log } from '../storage/log.js'
import { encodeEntry } from './records.js'
import type { Write } from './writes.js'

/** Puts writes into the log and then, in the same order, into the index. */
export interface Writer {
  readonly log: Log
  /** How often the disk was waited for, by all logs. */
  readonly syncs: number
  /** Resolves when the write is in the log, and searches see it. @throws IvfError ERR_CLOSED, ERR_ARGUMENT, ERR_MEMORY */
  write(write: Write): Promise<void>
  /** Runs `work` when all writes before it are done, and before those after it. */
  turn<T>(work: () => T | Promise<T>): Promise<T>
  /** As `turn`; writes after it go to the log that `create` makes. @throws IvfError as `create`, ERR_CLOSED */
  rotate<T>(create: () => Promise<Log>, work: () => T | Promise<T>): Promise<T>
  /** Later writes are refused; waits for those before. */
  close(): Promise<void>
}

export interface WriterOptions {
  dim: number
  log: Log
  /** Does the writes, all of them as one. */
  apply(writes: readonly Write[]): Promise<void>
}

interface Waiting {
  readonly write: Write
  /** Settles, never rejects, when it is in the log, or cannot be. */
  readonly logged: Promise<void>
  isLogged: boolean
  failure: unknown
  resolve(): void
  reject(reason: unknown): void
}

interface Turn {
  run(): Promise<void>
}

/** Writes are put together until they hold so many numbers. */
const MOST_NUMBERS = 1 << 23

export function startWriter({ dim, log: first, apply }: WriterOptions): Writer {
  let log = first
  let earlierSyncs = 0
  /** To which log writes go; that of a new one waits until the one before is complete. */
  let current: Promise<Log> = Promise.resolve(first)
  const queue: (Waiting | Turn)[] = []
  let running: Promise<void> | undefined
  let broken: IvfError | undefined
  let closed: Promise<void> | undefined

  async function run(): Promise<void> {
    for (let head = queue[0]; head; head = queue[0]) {
      if ('run' in head) {
        queue.shift()
        await head.run()
        continue
      }
      await head.logged
      await finish(takeLogged())
    }
    running = undefined
  }

  /** The first ones of the queue, as far as they are in the log. */
  function takeLogged(): Waiting[] {
    let count = 0
    let numbers = 0
    for (const next of queue) {
      if ('run' in next || !next.isLogged || (count > 0 && numbers > MOST_NUMBERS)) break
      numbers += next.write.ids.length * dim
      count++
    }
    return queue.splice(0, count) as Waiting[]
  }

  async function finish(group: readonly Waiting[]): Promise<void> {
    const good = group.filter((waiting) => waiting.failure === undefined)
    try {
      if (broken) throw broken
      if (good.length > 0) await apply(good.map(({ write }) => write))
      for (const waiting of good) waiting.resolve()
    } catch (cause) {
      broken ??= new IvfError(
        'ERR_CLOSED',
        `a write is in the log and could not be done (${(cause as Error).message}); close the collection and open it again, which does it, with more memory if that was missing`,
        { cause },
      )
      for (const waiting of good) waiting.reject(broken)
    }
    for (const waiting of group) if (waiting.failure !== undefined) waiting.reject(waiting.failure)
  }

  function checkOpen(): void {
    if (broken) throw broken
    if (closed) throw new IvfError('ERR_CLOSED', 'the collection was closed; open it again')
  }

  function push(entry: Waiting | Turn): void {
    queue.push(entry)
    running ??= run()
  }

  function turn<T>(work: () => T | Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const run = async (): Promise<void> => resolve(await work())
      push({ run: () => run().catch(reject) })
    })
  }

  return {
    get log() {
      return log
    },
    get syncs() {
      return earlierSyncs + log.syncs
    },
    async write(write) {
      checkOpen()
      const payload = encodeEntry(write, dim)
      return new Promise<void>((resolve, reject) => {
        const logged = current
          .then((log) => log.append(payload))
          .then(
            () => {},
            (reason: unknown) => {
              waiting.failure = reason
            },
          )
          .then(() => {
            waiting.isLogged = true
          })
        const waiting: Waiting = { write, logged, isLogged: false, failure: undefined, resolve, reject }
        push(waiting)
      })
    },
    async turn(work) {
      checkOpen()
      return turn(work)
    },
    async rotate(create, work) {
      checkOpen()
      const next = await create()
      if (broken || closed) {
        await next.close()
        checkOpen()
      }
      const before = log
      current = current.then(async () => {
        try {
          // a log that failed is not followed: nobody knows how many records it has
          await before.sync()
          await before.close()
          await next.append(encodeEntry({ op: 'begin', records: before.records }, dim))
        } catch (error) {
          await next.close()
          throw error
        }
        earlierSyncs += before.syncs
        log = next
        return next
      })
      const begun = current.then(() => {})
      begun.catch(() => {})
      return turn(async () => {
        await begun
        return work()
      })
    },
    close() {
      closed ??= (async () => {
        while (running) await running
        const last = await current.catch(() => undefined)
        await (last ?? log).close()
      })()
      return closed
    },
  }
}
