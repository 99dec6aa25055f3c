import { checkInteger, IvfError } from '../errors.js'
import { checkMetric } from '../ivf-options.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions } from '../options.js'
import { type FolderLock, lockFolder } from '../storage/lock.js'
import { createLog, type Log, openLog, readLog } from '../storage/log.js'
import { isDamage, readCheckpoint, writeCheckpoint } from './checkpoint.js'
import { chainOf, checkpointPath, keepAside, listFolder, logPath, makeFolder, removeOlder, setAside } from './folder.js'
import type { CollectionOptions, Lost } from './options.js'
import { checkSpec } from './rebuild.js'
import { encodeEntry } from './records.js'
import { Behind, cutShort, type Replay, replayLog } from './replay.js'
import { emptyState, type Settings, type State } from './state.js'

/** What is needed to go on where the last process ended. */
export interface Opened {
  readonly state: State
  readonly settings: Settings
  readonly lock: FolderLock
  readonly log: Log
  /** Number of the log. */
  readonly n: number
  /** Whether something was written since the checkpoint. */
  readonly changed: boolean
  readonly lost: Lost | undefined
}

/** Options, with the defaults made explicit. */
export interface OpenPlan extends LongCallOptions {
  readonly given: Pick<CollectionOptions, 'dim' | 'metric' | 'spec' | 'seed'>
  readonly life: LifeOptions
  readonly recover: boolean
  readonly sync: boolean
}

/** Opens a folder for writing, or makes one. @throws IvfError ERR_LOCKED, ERR_FORMAT, ERR_ARGUMENT, ERR_DIM, ERR_NOT_FOUND */
export async function openForWriting(folder: string, plan: OpenPlan): Promise<Opened> {
  await makeFolder(folder)
  const lock = await lockFolder(folder)
  try {
    const opened = await openWhole(folder, plan).catch((error: unknown) => {
      if (!isDamage(error)) throw error
      if (plan.recover) return salvage(folder, plan)
      throw damagedFolder(folder, error as IvfError)
    })
    return { ...opened, lock }
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** What to do about a folder that is damaged, instead of about a file of it. */
export function damagedFolder(folder: string, cause: IvfError): IvfError {
  const what = cause.message.replace(/[.;] restore .*$/is, '')
  const remedy = `restore ${folder} from a copy, or open it with recover: true, which goes on with what is good`
  return new IvfError('ERR_FORMAT', `${what}; ${remedy}`, { cause })
}

/** What the caller said, which must be what the folder holds. @throws IvfError ERR_DIM, ERR_ARGUMENT */
export function agreed(folder: string, { dim, metric, seed, spec }: Settings, given: OpenPlan['given']): Settings {
  if (given.dim !== undefined && given.dim !== dim) {
    throw new IvfError('ERR_DIM', `dim is ${given.dim}, and ${folder} holds vectors of dim ${dim}; leave it out`)
  }
  if (given.metric !== undefined && given.metric !== metric) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `metric is '${given.metric}', and that of ${folder} is '${metric}'; leave it out`,
    )
  }
  return { dim, metric, seed: given.seed ?? seed, spec: given.spec === undefined ? spec : checkSpec(given.spec) }
}

type Whole = Omit<Opened, 'lock'>

async function openWhole(folder: string, plan: OpenPlan): Promise<Whole> {
  const chain = chainOf(folder, await listFolder(folder))
  if (!chain) return create(folder, plan)
  const { sync } = plan
  const found = await readCheckpoint(checkpointPath(folder, chain.checkpoint), { ...plan, recover: false })
  const { state } = found
  let log: Log | undefined
  try {
    const settings = agreed(folder, found.settings, plan.given)
    let before: number | undefined
    let changed = chain.logs.length > 1 || settings.spec !== found.settings.spec
    for (const n of chain.logs) {
      const replay = replayLog(folder, n, state, before, plan)
      try {
        if (n === chain.logs.at(-1))
          log = await openLog(logPath(folder, n), { ...replay, sync: sync ? 'full' : 'none' })
        const { records, generation } = log ?? (await readWhole(folder, n, replay))
        if (generation !== n) throw wrongLog(folder, n, generation)
        if (log && records === 0 && before !== undefined) {
          await log.append(encodeEntry({ op: 'begin', records: before }, settings.dim))
        }
        before = records
        changed ||= records > (replay.begun ? 1 : 0)
      } catch (error) {
        throw error instanceof Behind ? cutShort(folder, n - 1, before as number, error.records) : error
      }
      await replay.end()
    }
    await removeOlder(folder, chain.checkpoint)
    return { state, settings, log: log as Log, n: chain.logs.at(-1) as number, changed, lost: undefined }
  } catch (error) {
    await log?.close()
    await state.index.close()
    throw error
  }
}

async function readWhole(folder: string, n: number, replay: Replay): Promise<{ records: number; generation: number }> {
  const { sequence, generation } = await readLog(logPath(folder, n), undefined, replay.onRecord)
  return { records: sequence, generation }
}

/** The log first: a checkpoint that is there has its log. */
async function create(folder: string, plan: OpenPlan): Promise<Whole> {
  const settings = newSettings(folder, plan.given)
  await removeOlder(folder, 0)
  const { logs } = await listFolder(folder)
  const mode = plan.sync ? 'full' : 'none'
  const onRecord = (): never => {
    throw new IvfError(
      'ERR_FORMAT',
      `${checkpointPath(folder, 0)} is missing, and ${logPath(folder, 0)} holds writes to it; restore it from a copy`,
    )
  }
  const log = logs.includes(0)
    ? await openLog(logPath(folder, 0), { onRecord, sync: mode })
    : await createLog(logPath(folder, 0), 0, { sync: mode })
  return begin(folder, plan, settings, await emptyState(settings, plan.life), log, 0, undefined)
}

/** Takes what is good, moves the rest out of the way, and begins anew from there. */
async function salvage(folder: string, plan: OpenPlan): Promise<Whole> {
  const listing = await listFolder(folder)
  const files: string[] = []
  let [bytes, metadata] = [0, 0]
  let state: State | undefined
  let settings: Settings | undefined
  let first = 0
  for (const n of listing.checkpoints.toReversed()) {
    try {
      const found = await readCheckpoint(checkpointPath(folder, n), plan)
      state = found.state
      metadata = found.lost
      settings = agreed(folder, found.settings, plan.given)
      first = n
      break
    } catch (error) {
      await state?.index.close()
      if (!isDamage(error)) throw error
      await aside(checkpointPath(folder, n))
    }
  }
  // Its vectors are good: it stays until there is a next one.
  if (metadata > 0) files.push(await keepAside(checkpointPath(folder, first)))
  settings ??= newSettings(folder, plan.given)
  state ??= await emptyState(settings, plan.life)
  try {
    for (const n of listing.logs) {
      if (n < first) continue
      const replay = replayLog(folder, n, state, undefined, plan)
      try {
        const log = await openLog(logPath(folder, n), { ...replay, repair: true })
        await log.close()
        bytes += log.lost
        if (log.lostTo !== undefined) files.push(log.lostTo)
      } catch (error) {
        if (!isDamage(error)) throw error
        await aside(logPath(folder, n))
      }
      await replay.end()
    }
    const n = Math.max(-1, ...listing.checkpoints, ...listing.logs) + 1
    const log = await createLog(logPath(folder, n), n, { sync: plan.sync ? 'full' : 'none' })
    return await begin(folder, plan, settings, state, log, n, { bytes, metadata, files })
  } catch (error) {
    await state.index.close()
    throw error
  }

  async function aside(path: string): Promise<void> {
    const moved = await setAside(path)
    files.push(moved.path)
    bytes += moved.bytes
  }
}

/** Writes the checkpoint that log n goes on from. */
async function begin(
  folder: string,
  plan: OpenPlan,
  settings: Settings,
  state: State,
  log: Log,
  n: number,
  lost: Lost | undefined,
): Promise<Whole> {
  try {
    const { sync, signal } = plan
    await writeCheckpoint(checkpointPath(folder, n), state, settings, { sync, signal, onHeld() {} })
    await removeOlder(folder, n)
    return { state, settings, log, n, changed: false, lost }
  } catch (error) {
    await log.close()
    await state.index.close()
    throw error
  }
}

function newSettings(folder: string, { dim, metric, seed, spec }: OpenPlan['given']): Settings {
  if (dim === undefined) {
    throw new IvfError('ERR_ARGUMENT', `${folder} holds no collection yet, so dim is needed; give { dim: 384 } or so`)
  }
  return {
    dim: checkInteger('dim', dim, 1, 65536),
    metric: checkMetric(metric),
    seed: checkInteger('seed', seed ?? 1, 0, 0xffffffff),
    spec: spec === undefined ? undefined : checkSpec(spec),
  }
}

function wrongLog(folder: string, n: number, generation: number): IvfError {
  return new IvfError(
    'ERR_FORMAT',
    `${logPath(folder, n)} is log ${generation}; it was renamed, or comes from another folder: restore the right one`,
  )
}
