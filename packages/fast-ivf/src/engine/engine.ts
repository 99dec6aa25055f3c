import { IvfError } from '../errors.js'
import { Arena } from './arena.js'
import {
  type Executor,
  inlineExecutor,
  type Kernel,
  type KernelName,
  pace,
  type RunOptions,
  type Task,
  type Turn,
} from './executor.js'
import { type RecordFields, type RecordName, recordSize, writeRecord } from './layout.js'

/** Work below this many multiply-adds is done at once on the calling thread: waking workers would cost more. */
const WORTH_A_POOL = 2e7
/** Bytes from which small blocks of scratch are cut: a short call needs many, and each would cost a search. */
const CHUNK = 32768
/** For so long after a search others are likely, in ms. */
const RECENT = 50
/** Chunks kept for the next calls. */
const CHUNKS = 8
const ALIGN = 64

/** What an engine is made of; `runtime.ts` finds it out. */
export interface EngineParts {
  readonly module: WebAssembly.Module
  readonly instance: WebAssembly.Instance
  readonly memory: WebAssembly.Memory
  /** Rows of one tile of queries: 4 where the compiler widens kernels to 256 bits, else 2. */
  readonly tileRows: 2 | 4
  /** The executor for long work, or undefined to stay inline. */
  readonly pool: ((engine: Engine) => Executor) | undefined
  /** Lets timers, input and other requests have their turn. */
  readonly giveWay: () => Promise<void>
  /** `idle`: nothing works on its memory any more, so that another engine may have it. */
  readonly onClose: (engine: Engine, idle: boolean) => void
}

export interface EngineRunOptions extends RunOptions {
  /** Multiply-adds of the whole task, to choose between this thread and the pool. */
  cost: number
}

/** One WebAssembly memory and the kernels bound to it: where the numbers live, and who works on them. */
export class Engine {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  readonly tileRows: 2 | 4
  readonly #arena: Arena
  readonly #turn: Turn
  readonly #inline: Executor
  readonly #pool: Executor | undefined
  readonly #onClose: (engine: Engine, idle: boolean) => void
  /** Chunks of scratch that nobody uses at present. */
  readonly #chunks: number[] = []
  #closed = false
  #runs = 0
  /** When somebody last searched. */
  #searched = Number.NEGATIVE_INFINITY

  constructor(parts: EngineParts) {
    this.module = parts.module
    this.memory = parts.memory
    this.tileRows = parts.tileRows
    this.#arena = new Arena(parts.memory)
    this.#turn = { held: 0, giveWay: parts.giveWay }
    this.#inline = inlineExecutor(parts.instance.exports as Record<KernelName, Kernel>, this.#turn)
    this.#pool = parts.pool?.(this)
    this.#onClose = parts.onClose
  }

  /** Its memory never moves, so that it may grow while others write to it. */
  get shared(): boolean {
    return typeof SharedArrayBuffer !== 'undefined' && this.memory.buffer instanceof SharedArrayBuffer
  }

  /** Bytes handed out at present. */
  get bytes(): number {
    return this.#arena.used - this.#chunks.length * CHUNK
  }

  /** The address of a block that lives until `free`. @throws IvfError ERR_MEMORY */
  alloc(bytes: number): number {
    this.#checkOpen()
    return this.#arena.alloc(bytes)
  }

  free(at: number): void {
    this.#arena.free(at)
  }

  /** A block of CHUNK bytes, until `returnChunk`. @throws IvfError ERR_MEMORY */
  takeChunk(): number {
    return this.#chunks.pop() ?? this.alloc(CHUNK)
  }

  returnChunk(at: number): void {
    if (this.#chunks.length < CHUNKS) this.#chunks.push(at)
    else this.free(at)
  }

  /** Runs `work` with scratch memory that is freed when it ends, however it ends. */
  async frame<T>(work: (scratch: Scratch) => T | Promise<T>): Promise<T> {
    const scratch = new Scratch(this)
    try {
      return await work(scratch)
    } finally {
      scratch.release()
    }
  }

  /** A view that is valid until memory grows: take it anew after every `alloc` and every `await`. */
  floats(at: number, length: number): Float32Array {
    this.#checkOpen()
    return new Float32Array(this.memory.buffer, at, length)
  }

  /** A view that is valid until memory grows. */
  ints(at: number, length: number): Uint32Array {
    this.#checkOpen()
    return new Uint32Array(this.memory.buffer, at, length)
  }

  /** How many lanes of scratch a task of this cost needs. */
  lanes(cost: number): number {
    return this.#executor(cost).lanes
  }

  /** Somebody searches: work that goes on aside makes room. */
  noteSearch(): void {
    this.#searched = performance.now()
  }

  /** Runs a task on this thread or on the pool, by its cost. */
  async run(task: Task, { cost, aside, ...options }: EngineRunOptions): Promise<void> {
    this.#checkOpen()
    this.#runs++
    try {
      const yields = aside && performance.now() - this.#searched < RECENT
      await this.#executor(cost).run(task, { ...options, aside: yields })
    } finally {
      this.#runs--
    }
  }

  /**
   * What long work in plain code awaits between its pieces, of a millisecond at most: others have their turn when the
   * calling thread has been held for some 12 ms. It throws when the signal is aborted.
   */
  pace(signal?: AbortSignal): () => Promise<void> {
    return pace(this.#turn, signal)
  }

  /** Lets go of the memory; nothing may be in progress. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#onClose(this, this.#runs === 0)
  }

  #checkOpen(): void {
    if (this.#closed) throw new IvfError('ERR_CLOSED', 'this was closed; make a new one')
  }

  #executor(cost: number): Executor {
    return this.#pool && cost >= WORTH_A_POOL ? this.#pool : this.#inline
  }
}

/** Memory of one call. */
export class Scratch {
  readonly engine: Engine
  readonly #blocks: number[] = []
  readonly #chunks: number[] = []
  #filled = CHUNK

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** The address of `bytes` bytes, 64-byte aligned, their content undefined. */
  alloc(bytes: number): number {
    const size = Math.max(ALIGN, Math.ceil(bytes / ALIGN) * ALIGN)
    if (size > CHUNK / 4) {
      const at = this.engine.alloc(bytes)
      this.#blocks.push(at)
      return at
    }
    if (this.#filled + size > CHUNK) {
      this.#chunks.push(this.engine.takeChunk())
      this.#filled = 0
    }
    const at = (this.#chunks.at(-1) as number) + this.#filled
    this.#filled += size
    return at
  }

  /** The address of `count` 4-byte zeros. */
  zeros(count: number): number {
    const at = this.alloc(count * 4)
    this.engine.ints(at, count).fill(0)
    return at
  }

  /** The address of a record. */
  record<N extends RecordName>(name: N, fields: RecordFields<N>): number {
    const at = this.alloc(recordSize(name))
    writeRecord(this.engine.memory.buffer, at, name, fields)
    return at
  }

  release(): void {
    for (const at of this.#blocks.splice(0)) this.engine.free(at)
    for (const at of this.#chunks.splice(0)) this.engine.returnChunk(at)
    this.#filled = CHUNK
  }
}
