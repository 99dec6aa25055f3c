import { IvfError } from '../errors.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions } from '../options.js'
import { createLog, type Log } from '../storage/log.js'
import { writeCheckpoint } from './checkpoint.js'
import { checkpointPath, logPath, removeOlder } from './folder.js'
import type { Opened } from './open.js'
import type { Lost } from './options.js'
import { dueSpec, rebuild } from './rebuild.js'
import { applyWrites, type State } from './state.js'
import { startWriter } from './writer.js'
import type { Write } from './writes.js'

/** Keeps a collection: index and log in step, checkpoints, new cells when they are due. */
export interface Keeper {
  readonly state: State
  readonly log: Log
  readonly syncs: number
  readonly lost: Lost | undefined
  readonly checkpointError: Error | undefined
  write(write: Write): Promise<void>
  checkpoint(options: LongCallOptions): Promise<void>
  optimize(options: LongCallOptions): Promise<void>
  close(): Promise<void>
}

export interface KeepOptions {
  life: LifeOptions
  sync: boolean
  checkpointBytes: number
}

/** What was written while an index was built is done in the open until so many writes are left. */
const LITTLE = 256
const MOST_ROUNDS = 16

/** Takes over what was opened: its log, its index, and its lock. */
export function keep(folder: string, opened: Opened, { life, sync, checkpointBytes }: KeepOptions): Keeper {
  const { settings, lock, lost } = opened
  let { state, n } = opened
  /** What is written while another index is built. */
  let missed: Write[] | undefined
  let checkpointError: Error | undefined
  let retryAt = 0
  /** Something is in the log, or the index is another than the last checkpoint's. */
  let changed = opened.changed
  /** Checkpoints and rebuilding take turns. */
  let last: Promise<unknown> = Promise.resolve()
  let background: Promise<void> | undefined
  let closed: Promise<void> | undefined
  const closing = new AbortController()
  const writer = startWriter({ dim: settings.dim, log: opened.log, apply })

  async function apply(writes: readonly Write[]): Promise<void> {
    changed = true
    await applyWrites(state, writes)
    missed?.push(...writes)
    const isDue = writer.log.bytes >= Math.max(checkpointBytes, retryAt)
    if (isDue && !closing.signal.aborted) background ??= tend()
  }

  /** What the log's growth asks for. */
  async function tend(): Promise<void> {
    try {
      await exclusively(async () => {
        const options = { signal: closing.signal }
        const spec = dueSpec(settings, state)
        if (spec !== undefined) await renew(spec, options)
        await save(options)
      })
      checkpointError = undefined
      retryAt = 0
    } catch (error) {
      if (!closing.signal.aborted) {
        checkpointError = error as Error
        retryAt = writer.log.bytes + checkpointBytes
      }
    } finally {
      background = undefined
    }
  }

  function exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = last.then(work)
    last = turn.catch(() => {})
    return turn
  }

  /** The state when the next log begins, in a file; then what is older can go. */
  async function save({ signal, onProgress }: LongCallOptions): Promise<void> {
    signal?.throwIfAborted()
    if (!changed) return
    const next = n + 1
    let writing: Promise<void> | undefined
    await writer.rotate(
      async () => {
        const log = await createLog(logPath(folder, next), next, { sync: sync ? 'full' : 'none' })
        n = next
        return log
      },
      () =>
        new Promise<void>((resolve, reject) => {
          changed = false
          const path = checkpointPath(folder, next)
          writing = writeCheckpoint(path, state, settings, { sync, signal, onProgress, onHeld: resolve })
          writing.catch(reject)
        }),
    )
    await (writing as unknown as Promise<void>).catch((error: unknown) => {
      changed = true
      throw error
    })
    await removeOlder(folder, next)
  }

  /** Another index with the same vectors takes the place of this one. */
  async function renew(spec: string, { signal, onProgress }: LongCallOptions): Promise<void> {
    let building: Promise<State> | undefined
    let next: State | undefined
    try {
      await writer.turn(
        () =>
          new Promise<void>((resolve, reject) => {
            missed = []
            building = rebuild(state, settings, spec, { life, signal, onProgress, onHeld: resolve })
            building.catch(reject)
          }),
      )
      const built = (await building) as State
      next = built
      const others = missed as unknown as Write[]
      for (let i = 0; i < MOST_ROUNDS && others.length > LITTLE; i++)
        await applyWrites(built, others.splice(0), { signal })
      const before = state
      await writer.turn(async () => {
        await applyWrites(built, others.splice(0))
        state = built
        next = undefined
        changed = true
      })
      await before.index.close()
    } finally {
      missed = undefined
      await next?.index.close()
    }
  }

  async function end(): Promise<void> {
    // what it would have made is in the log
    closing.abort(new IvfError('ERR_CLOSED', `the collection ${folder} was closed; open it again`))
    await last
    await background
    try {
      await writer.close()
    } finally {
      await state.index.close()
      await lock.release()
    }
  }

  return {
    lost,
    get state() {
      return state
    },
    get log() {
      return writer.log
    },
    get syncs() {
      return writer.syncs
    },
    get checkpointError() {
      return checkpointError
    },
    write: (write) => writer.write(write),
    checkpoint: (options) => exclusively(() => save(options)),
    optimize: (options) =>
      exclusively(async () => {
        await renew(dueSpec(settings, state) ?? state.index.spec, options)
        await save(options)
      }),
    close() {
      closed ??= end()
      return closed
    },
  }
}
