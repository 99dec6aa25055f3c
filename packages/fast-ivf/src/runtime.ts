import { kernelBytes, type SimdLevel, simdLevel } from './engine/binary.js'
import { Engine } from './engine/engine.js'
import { checkInteger, IvfError } from './errors.js'
import { builtin, cores, giveWay, nodeMajor, whyNotShared } from './platform/host.js'
import { Pool } from './threads/pool.js'

/** How an index computes. */
export interface RuntimeOptions {
  /**
   * Worker threads: 0 computes on the calling thread, in slices of a few milliseconds. Default: one per core.
   * Small work, such as a single query, is always done on the calling thread.
   */
  threads?: number
  /**
   * Lets V8 widen the kernels to 256 bits (Node 24 and newer, x64): up to twice as fast, but an experimental V8 flag
   * that holds for the whole process. Checked against plain code before use. Default: false.
   */
  revectorize?: boolean
}

/** What `runtime()` reports. */
export interface RuntimeInfo {
  /** 'relaxed' fuses multiply and add; 'baseline' is SIMD as every current engine has it. */
  simd: SimdLevel
  /** Worker threads that long work runs on; 0: the calling thread. */
  threads: number
  memory: 'shared' | 'unshared'
  revectorized: boolean
  /** Why something is off, a sentence each. */
  reasons: string[]
}

interface Plan extends RuntimeInfo {
  pool: Pool | undefined
}

// The process's threads and compiled kernels are one resource, whatever the number of indexes: the one state kept here.
const pools = new Map<number, Pool>()
const modules = new Map<string, Promise<WebAssembly.Module>>()
// Memory of closed engines, for the next ones: shared memory is given back when the garbage of every thread that saw it
// has been collected, and nothing hurries that. Only as long as nobody else has a use for it.
const idle = { shared: [] as WeakRef<WebAssembly.Memory>[], unshared: [] as WeakRef<WebAssembly.Memory>[] }
const REUSED_BYTES = 512 << 20 // a larger one would be far too large for most
const checks = new Map<string, Promise<boolean>>()

/** Tells what computation here would use with these options, and why anything is off. */
export async function runtime(options: RuntimeOptions = {}): Promise<RuntimeInfo> {
  const { pool: _, ...info } = await plan(options)
  return info
}

/** An engine of its own memory. @throws IvfError ERR_UNSUPPORTED without WebAssembly SIMD, ERR_MEMORY */
export async function createEngine(options: RuntimeOptions = {}): Promise<Engine> {
  const { simd, memory: kind, revectorized, pool } = await plan(options)
  const module = await compile(simd, kind === 'shared', revectorized)
  const memory = idleMemory(kind) ?? createMemory(kind === 'shared')
  return new Engine({
    module,
    memory,
    instance: new WebAssembly.Instance(module, { env: { memory } }),
    tileRows: revectorized ? 4 : 2,
    pool: pool && ((engine) => pool.executor(engine)),
    giveWay,
    onClose(engine, isIdle) {
      pool?.release(engine)
      if (isIdle && memory.buffer.byteLength <= REUSED_BYTES) idle[kind].push(new WeakRef(memory))
    },
  })
}

function idleMemory(kind: 'shared' | 'unshared'): WebAssembly.Memory | undefined {
  let memory: WebAssembly.Memory | undefined
  while (!memory && idle[kind].length > 0) memory = idle[kind].pop()?.deref()
  return memory
}

async function plan({ threads: wanted, revectorize = false }: RuntimeOptions): Promise<Plan> {
  if (wanted !== undefined) checkInteger('threads', wanted, 0, 1024)
  const simd = simdLevel()
  if (!simd) {
    throw new IvfError(
      'ERR_UNSUPPORTED',
      'WebAssembly SIMD is missing here; it needs Node 20, Chrome 91, Firefox 89, Safari 16.4 or newer',
    )
  }
  const reasons: string[] = []
  if (simd === 'baseline') reasons.push('relaxed SIMD is not there: multiply and add are two instructions')
  const unshared = whyNotShared()
  const threads = unshared ? 0 : (wanted ?? cores())
  if (unshared) reasons.push(`threads are off: ${unshared}`)
  else if (wanted === 0) reasons.push('threads are off: asked for 0')
  const pool = threads > 0 ? poolOf(threads) : undefined
  const memory = unshared ? 'unshared' : 'shared'
  const whyNot = revectorize ? await whyNotRevectorized(simd, memory === 'shared') : 'it was not asked for'
  if (whyNot) reasons.push(`revectorize is off: ${whyNot}`)
  return { simd, threads, memory, revectorized: whyNot === undefined, reasons, pool }
}

function poolOf(threads: number): Pool {
  let pool = pools.get(threads)
  if (!pool) {
    pool = new Pool(threads)
    pools.set(threads, pool)
  }
  return pool
}

async function whyNotRevectorized(simd: SimdLevel, shared: boolean): Promise<string | undefined> {
  const v8 = builtin<{ setFlagsFromString(flag: string): void }>('v8')
  const node = nodeMajor()
  if (!v8 || node === 0) return 'it is a flag of V8 in Node'
  if (node < 24) return `Node ${node} accepts the flag without effect; it needs Node 24 or newer`
  if (process.arch !== 'x64') return 'V8 widens kernels on x64 only'
  const key = `${simd} ${shared}`
  let check = checks.get(key)
  if (!check) {
    check = checkWidened(simd, shared, (flag) => v8.setFlagsFromString(flag))
    checks.set(key, check)
  }
  return (await check) ? undefined : 'the widened kernels gave wrong products here'
}

async function checkWidened(simd: SimdLevel, shared: boolean, set: (flag: string) => void): Promise<boolean> {
  set('--experimental-wasm-revectorize')
  const memory = createMemory(shared)
  const instance = new WebAssembly.Instance(await compile(simd, shared, true), { env: { memory } })
  const { selfCheck } = await import('./self-check.js')
  const right = selfCheck(instance.exports, memory)
  // What is compiled later must not be widened either.
  if (!right) set('--no-experimental-wasm-revectorize')
  return right
}

function compile(level: SimdLevel, shared: boolean, revectorized: boolean): Promise<WebAssembly.Module> {
  const key = `${level} ${shared} ${revectorized}`
  let module = modules.get(key)
  if (!module) {
    module = WebAssembly.compile(kernelBytes(level, shared, revectorized))
    modules.set(key, module)
  }
  return module
}

/** Memory that may grow to 4 GiB, or to as much as can be reserved. */
function createMemory(shared: boolean): WebAssembly.Memory {
  for (let maximum = 65536; maximum >= 1024; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 1, maximum, shared })
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
    }
  }
  throw new IvfError('ERR_MEMORY', 'no address space for a WebAssembly memory of 64 MB is left; close other indexes')
}
