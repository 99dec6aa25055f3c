import { closedOnFailure } from '../engine/closing.js'
import { IvfError } from '../errors.js'
import type { LogPosition } from '../storage/log.js'
import { readLog } from '../storage/log.js'
import { isDamage, readCheckpoint } from './checkpoint.js'
import { chainOf, checkpointPath, listFolder, logPath } from './folder.js'
import { agreed, damagedFolder, type OpenPlan } from './open.js'
import { Behind, cutShort, replayLog } from './replay.js'
import type { Settings, State } from './state.js'

/** What another process writes, as far as it has been read. */
export interface Reading {
  readonly state: State
  readonly settings: Settings
  readonly cursor: Cursor
}

/** Where to go on, in log n; undefined: at its begin. */
export interface Cursor {
  readonly n: number
  readonly position: LogPosition | undefined
}

/** Files may be replaced as often as this while they are opened. */
const MOST_TRIES = 32

/** Reads checkpoint and logs, without a lock. @throws IvfError ERR_NOT_FOUND, ERR_FORMAT, ERR_DIM, ERR_ARGUMENT */
export async function openForReading(folder: string, plan: OpenPlan): Promise<Reading> {
  let failure: unknown
  let tried: number | undefined
  for (let i = 0; i < MOST_TRIES; i++) {
    const listing = await listFolder(folder)
    const checkpoint = listing.checkpoints.at(-1)
    // The same again: it is not the writer's doing.
    if (failure !== undefined && checkpoint === tried) break
    tried = checkpoint
    try {
      const chain = chainOf(folder, listing)
      if (chain) return await read(folder, chain.checkpoint, plan)
      throw new IvfError('ERR_NOT_FOUND', `${folder} holds no collection; open it for writing to make one`)
    } catch (error) {
      if (!mayBeReplaced(error)) throw error
      failure = error
    }
  }
  throw isDamage(failure) ? damagedFolder(folder, failure as IvfError) : failure
}

/** Reads what was written since; a state of its own where the files were replaced. @throws IvfError as `openForReading` */
export async function readOn(folder: string, { state, settings, cursor }: Reading, plan: OpenPlan): Promise<Reading> {
  try {
    return { state, settings, cursor: await follow(folder, state, cursor, plan) }
  } catch (error) {
    if (!mayBeReplaced(error)) throw error
    const { checkpoints } = await listFolder(folder)
    if ((checkpoints.at(-1) ?? 0) <= cursor.n) throw error
    return openForReading(folder, plan)
  }
}

async function read(folder: string, n: number, plan: OpenPlan): Promise<Reading> {
  const { state, settings } = await readCheckpoint(checkpointPath(folder, n), plan)
  return closedOnFailure(state.index, async () => {
    const cursor = await follow(folder, state, { n, position: undefined }, plan)
    return { state, settings: agreed(folder, settings, plan.given), cursor }
  })
}

/** Through this log, and those after it. */
async function follow(folder: string, state: State, { n, position }: Cursor, plan: OpenPlan): Promise<Cursor> {
  let again = false
  for (;;) {
    const own = replayLog(folder, n, state, undefined, plan)
    position = await readLog(logPath(folder, n), position, own.onRecord)
    await own.end()
    if (position.generation !== n) throw replaced(folder, n)
    const next = replayLog(folder, n + 1, state, position.sequence, plan)
    try {
      const reached = await readLog(logPath(folder, n + 1), undefined, next.onRecord)
      await next.end()
      if (reached.generation !== n + 1) throw replaced(folder, n + 1)
      // It is there, and the writer has not begun it.
      if (!next.begun) return { n, position }
      n++
      position = reached
      again = false
    } catch (error) {
      if ((error as { code?: unknown }).code === 'ERR_NOT_FOUND') return { n, position }
      if (!(error instanceof Behind)) throw error
      // Its last records came after we had read it; now it is complete.
      if (again || error.records < position.sequence) {
        throw cutShort(folder, n, position.sequence, error.records)
      }
      again = true
    }
  }
}

/** A file that is gone, or another than before. */
function mayBeReplaced(error: unknown): boolean {
  return error instanceof IvfError && (error.code === 'ERR_NOT_FOUND' || error.code === 'ERR_FORMAT')
}

function replaced(folder: string, n: number): IvfError {
  return new IvfError('ERR_FORMAT', `${logPath(folder, n)} is another log than its name says; restore the right one`)
}
