import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { writeVectors } from 'fast-ivf/formats'
import { afterAll } from 'vitest'
import { main } from '../src/main.js'

/** What a command line did. */
export interface Outcome {
  code: number
  out: string
  err: string
}

/** Runs a command line in this process. */
export function run(...args: string[]): Promise<Outcome> {
  return runWith({}, ...args)
}

/** … with something piped in, or to be stopped. */
export async function runWith(
  { input, signal }: { input?: string; signal?: AbortSignal },
  ...args: string[]
): Promise<Outcome> {
  const [stdout, stderr] = [new Captured(), new Captured()]
  const stdin = input === undefined ? {} : { stdin: Readable.from([input]) }
  const code = await main(args, { stdout, stderr, ...stdin, ...(signal && { signal }) })
  return { code, out: stdout.text, err: stderr.text }
}

/** Runs a command line with --json, which must succeed and print one document. */
// biome-ignore lint/suspicious/noExplicitAny: a test says itself what it expects of the document
export async function json(...args: string[]): Promise<any> {
  const { code, out, err } = await run(...args, '--json')
  if (code !== 0) throw new Error(`exit code ${code}: ${err}`)
  return JSON.parse(out)
}

/** A stream that keeps what is written. */
export class Captured extends Writable {
  text = ''

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.text += chunk.toString()
    done()
  }
}

/** The command as a process of its own, as a user starts it. */
export const bin: string = fileURLToPath(new URL('../bin/fast-ivf.js', import.meta.url))

export function start(args: readonly string[], env: Record<string, string> = {}): ReturnType<typeof spawn> {
  return spawn(process.execPath, [bin, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** An npz of two arrays: base, 50 × 16, and ids. */
export const archive: string = fileURLToPath(new URL('../../fast-ivf/test/files/npy/npz_plain.npz', import.meta.url))

/** A folder of this test file's own, gone afterwards. */
export function folder(): (name: string) => string {
  const path = mkdtempSync(join(tmpdir(), 'fast-ivf-cli-'))
  afterAll(() => rmSync(path, { recursive: true }))
  return (name) => join(path, name)
}

/** rows × dim numbers in a few clumps, the same for the same seed. */
export function clumps(rows: number, dim: number, seed: number): Float32Array {
  let state = seed
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
  return Float32Array.from({ length: rows * dim }, (_, i) => ((Math.floor(i / dim) * 7 + (i % dim)) % 5) + next())
}

/** Writes rows as the extension of `path` says. */
export async function write(
  path: string,
  data: Float32Array | Float64Array | Int32Array,
  dim: number,
): Promise<string> {
  await writeVectors(path, { data, dims: [data.length / dim, dim] })
  return path
}
