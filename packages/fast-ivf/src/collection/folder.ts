import { IvfError } from '../errors.js'
import { isThere, syncFolder } from '../storage/files.js'
import { cannotOpen, fileSystem } from '../storage/source.js'

/** What a folder holds of a collection, in ascending order. */
export interface Listing {
  readonly checkpoints: readonly number[]
  readonly logs: readonly number[]
  /** Files that were being written when a process ended. */
  readonly unfinished: readonly string[]
}

/** From which checkpoint on to read, and the logs that follow it. */
export interface Chain {
  readonly checkpoint: number
  readonly logs: readonly number[]
}

/** The state when log n begins. */
export function checkpointPath(folder: string, n: number): string {
  return `${folder}/checkpoint-${n}.safetensors`
}

/** What was written after checkpoint n, in order. */
export function logPath(folder: string, n: number): string {
  return `${folder}/log-${n}`
}

/** @throws IvfError ERR_NOT_FOUND, ERR_UNSUPPORTED */
export async function listFolder(folder: string): Promise<Listing> {
  const names = await fileSystem(folder)
    .readdir(folder)
    .catch((cause: unknown) => Promise.reject(cannotOpen(folder, cause)))
  const numbers = (form: RegExp): number[] =>
    names
      .flatMap((name) => form.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  return {
    checkpoints: numbers(/^checkpoint-(0|[1-9]\d{0,8})\.safetensors$/),
    logs: numbers(/^log-(0|[1-9]\d{0,8})$/),
    unfinished: names.filter((name) => /^(checkpoint-\d+\.safetensors\.\w+|log-\d+)\.tmp$/.test(name)),
  }
}

/** What there is to read; undefined in a folder without a collection. @throws IvfError ERR_FORMAT where a file is missing */
export function chainOf(folder: string, { checkpoints, logs }: Listing): Chain | undefined {
  const checkpoint = checkpoints.at(-1)
  if (checkpoint === undefined) {
    // a log is made before its checkpoint
    if (logs.every((n) => n === 0)) return undefined
    throw missing(folder, checkpointPath(folder, logs[0] as number))
  }
  const last = Math.max(checkpoint, logs.at(-1) ?? 0)
  const chain = Array.from({ length: last - checkpoint + 1 }, (_, i) => checkpoint + i)
  const gap = chain.find((n) => !logs.includes(n))
  if (gap !== undefined) throw missing(folder, logPath(folder, gap))
  return { checkpoint, logs: chain }
}

/** @throws IvfError ERR_NOT_FOUND, ERR_UNSUPPORTED */
export async function makeFolder(folder: string): Promise<void> {
  const fs = fileSystem(folder)
  try {
    // its own name has to outlive a loss of power, too
    if ((await fs.mkdir(folder, { recursive: true })) !== undefined) await syncFolder(fs, `${folder}/..`)
  } catch (cause) {
    throw cause instanceof IvfError ? cause : cannotOpen(folder, cause)
  }
}

/** Removes what no chain needs any more: what is older than checkpoint `first`, and unfinished files. */
export async function removeOlder(folder: string, first: number): Promise<void> {
  const fs = fileSystem(folder)
  const { checkpoints, logs, unfinished } = await listFolder(folder)
  const older = [
    // checkpoints first: one that is there has its log
    ...checkpoints.filter((n) => n < first).map((n) => checkpointPath(folder, n)),
    ...logs.filter((n) => n < first).map((n) => logPath(folder, n)),
    ...unfinished.map((name) => `${folder}/${name}`),
  ]
  for (const path of older) {
    await fs.unlink(path).catch((cause: unknown) => {
      if ((cause as { code?: unknown }).code !== 'ENOENT') throw cannotOpen(path, cause)
    })
  }
}

/** Moves a damaged file out of the way, over no earlier one. Answers its path, and how many bytes it has. */
export async function setAside(path: string): Promise<{ path: string; bytes: number }> {
  const fs = fileSystem(path)
  const target = await asideOf(path)
  try {
    const { size } = await fs.stat(path)
    await fs.rename(path, target)
    return { path: target, bytes: size }
  } catch (cause) {
    throw cannotOpen(path, cause)
  }
}

/** Keeps what a damaged file holds, which is still needed under its own name. Answers the other path. */
export async function keepAside(path: string): Promise<string> {
  const fs = fileSystem(path)
  const target = await asideOf(path)
  // Not every file system has links.
  await fs
    .link(path, target)
    .catch(() => fs.copyFile(path, target))
    .catch((cause: unknown) => Promise.reject(cannotOpen(target, cause)))
  return target
}

async function asideOf(path: string): Promise<string> {
  const fs = fileSystem(path)
  let target = `${path}.damaged`
  for (let i = 2; await isThere(fs, target); i++) target = `${path}.damaged${i}`
  return target
}

function missing(folder: string, path: string): IvfError {
  return new IvfError(
    'ERR_FORMAT',
    `${folder} holds a collection, and ${path} is missing; restore it from a copy, or open with recover: true what is left`,
  )
}
