/** Where do the numbers of a page come from? */

import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type RuntimeInfo, type RuntimeOptions, runtime } from 'fast-ivf'

/** A machine, and what runs on it; nothing that names it. */
export interface Place {
  cpu: string
  cores: number
  memoryBytes: number
  system: string
  node: string
  /** Of the library; `commit` is absent outside of its repository, and ends in `+` where files differ from it. */
  version: string
  commit?: string
  /** How it computes. */
  runtime: RuntimeInfo
  date: string
  /** Processes that wanted to run in the last minute, on average; 0 where the system does not tell. */
  load: number
}

/** What a reader needs to place the numbers. */
export async function placeOf(options: RuntimeOptions = {}): Promise<Place> {
  const manifest = fileURLToPath(import.meta.resolve('fast-ivf/package.json'))
  const { version } = JSON.parse(await readFile(manifest, 'utf8'))
  const commit = await commitOf(manifest)
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown processor',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()} ${process.arch}`,
    node: process.versions.node,
    version,
    ...(commit && { commit }),
    runtime: await runtime(options),
    date: new Date().toISOString().slice(0, 10),
    load: loadavg()[0] ?? 0,
  }
}

/** The same in a line. */
export function placeLine({ cpu, cores, memoryBytes, system, node, version, commit, runtime, date }: Place): string {
  const { simd, threads, revectorized } = runtime
  return [
    `${cpu}, ${cores} ${cores === 1 ? 'core' : 'cores'}, ${Math.round(memoryBytes / 2 ** 30)} GiB`,
    system,
    `Node ${node}`,
    `fast-ivf ${version}${commit ? ` (${commit})` : ''}`,
    `${simd} SIMD${revectorized ? ', widened to 256 bits' : ''}, ${threads > 0 ? `${threads} threads` : 'no threads'}`,
    date,
  ].join(' · ')
}

/** The commit that a file belongs to; undefined when it is in no repository, or was only put into one. */
async function commitOf(file: string): Promise<string | undefined> {
  const git = async (...args: string[]): Promise<string> =>
    (await promisify(execFile)('git', args, { cwd: dirname(file) })).stdout.trim()
  try {
    await git('ls-files', '--error-unmatch', file)
    const changed = await git('status', '--porcelain', '--untracked-files=no')
    return `${await git('rev-parse', '--short', 'HEAD')}${changed ? '+' : ''}`
  } catch {
    return undefined
  }
}
