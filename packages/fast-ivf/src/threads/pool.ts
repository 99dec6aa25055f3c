import type { Executor, RunOptions, Task } from '../engine/executor.js'
import { IvfError } from '../errors.js'
import { worker as workerSource } from '../generated/kernels.js'
import { type HostWorker, startWorker } from '../platform/host.js'

/** The memory that workers see of an engine. */
export interface SharedEngine {
  readonly module: WebAssembly.Module
  readonly memory: WebAssembly.Memory
  alloc(bytes: number): number
  free(at: number): void
}

interface PendingRun {
  waiting: Set<Member>
  /** What went wrong; the first is told. */
  failures: unknown[]
  /** Lets the workers draw no more items. */
  stop(): void
  settle(): void
}

interface Member {
  worker: HostWorker
  runs: Set<number>
  engines: Set<number>
}

const CONTROL = 64
const GARBAGE = 64 << 20 // bytes that nobody but idle workers holds
const LEAST_GARBAGE = 8 << 20 // a small memory takes address space
const POLL = 50 // ms between looks at progress

/** Workers shared by all engines of the process with that many threads; a dead one is replaced at the next run. */
export class Pool {
  readonly threads: number
  readonly #startWorker: typeof startWorker
  readonly #members: Member[] = []
  readonly #pending = new Map<number, PendingRun>()
  readonly #engineIds = new WeakMap<SharedEngine, number>()
  readonly #collected: FinalizationRegistry<number> = new FinalizationRegistry((id) => this.#detach(id))
  /** How large each memory that workers saw has grown. */
  readonly #extents = new WeakMap<WebAssembly.Memory, { bytes: number }>()
  readonly #freed: FinalizationRegistry<{ bytes: number }> = new FinalizationRegistry(({ bytes }) => {
    this.#garbage += Math.max(bytes, LEAST_GARBAGE)
    this.#dismissIdle()
  })
  #garbage = 0
  #nextEngine = 1
  #nextRun = 1

  /** @param start makes a worker of its source; a test may give one that dies */
  constructor(threads: number, start: typeof startWorker = startWorker) {
    this.threads = threads
    this.#startWorker = start
  }

  /** The engine's executor on this pool. */
  executor(engine: SharedEngine): Executor {
    return { lanes: this.threads, run: (task, options) => this.#run(engine, task, options) }
  }

  /** Lets the workers forget an engine's memory. */
  release(engine: SharedEngine): void {
    const id = this.#engineIds.get(engine)
    if (id === undefined) return
    this.#collected.unregister(engine)
    this.#engineIds.delete(engine)
    this.#detach(id)
  }

  async #run(engine: SharedEngine, task: Task, { signal, onItems, aside }: RunOptions): Promise<void> {
    signal?.throwIfAborted()
    while (this.#members.length < this.threads) this.#members.push(this.#start())
    const members = aside ? this.#members.slice(0, Math.max(1, this.threads - 1)) : this.#members
    const control = engine.alloc(CONTROL)
    this.#measure(engine.memory)
    const state = new Int32Array(engine.memory.buffer, control, 2) // [next item, stop]
    state.fill(0)
    const run = this.#nextRun++
    const failures: unknown[] = []
    const stop = (): void => void Atomics.store(state, 1, 1)
    const tell = (): void => {
      try {
        onItems?.(Math.min(Atomics.load(state, 0), task.count))
      } catch (error) {
        failures.push(error)
        stop()
      }
    }
    signal?.addEventListener('abort', stop)
    const timer = onItems && setInterval(tell, POLL)
    try {
      await new Promise<void>((resolve, reject) => {
        const settle = (): void => {
          this.#pending.delete(run)
          if (failures.length === 0) resolve()
          else reject(failures[0])
        }
        const pending: PendingRun = { waiting: new Set(members), failures, stop, settle }
        this.#pending.set(run, pending)
        const engineId = this.#engineId(engine)
        members.forEach((member, lane) => {
          if (!member.engines.has(engineId)) {
            member.engines.add(engineId)
            member.worker.post({ attach: engineId, module: engine.module, memory: engine.memory })
          }
          member.runs.add(run)
          member.worker.busy(true)
          member.worker.post({ run, engine: engineId, ...task, control, grain: 1, lane })
        })
      })
    } finally {
      clearInterval(timer)
      signal?.removeEventListener('abort', stop)
      engine.free(control)
    }
    signal?.throwIfAborted()
  }

  #start(): Member {
    const events = {
      onMessage: (message: unknown) => this.#answered(member, message as { run: number; error?: string }),
      onDeath: (reason: string) => this.#died(member, reason),
    }
    const member: Member = { worker: this.#startWorker(workerSource, events), runs: new Set(), engines: new Set() }
    return member
  }

  #answered(member: Member, { run, error }: { run: number; error?: string }): void {
    member.runs.delete(run)
    if (member.runs.size === 0) member.worker.busy(false)
    this.#leave(run, member, error)
    this.#dismissIdle()
  }

  #died(member: Member, reason: string): void {
    const at = this.#members.indexOf(member)
    if (at < 0) return
    this.#members.splice(at, 1)
    // In browsers an error does not end a worker.
    member.worker.terminate()
    for (const run of member.runs) this.#leave(run, member, reason)
  }

  /** A run settles when nobody works on it any more: until then its memory is written to. */
  #leave(run: number, member: Member, failure: string | undefined): void {
    const pending = this.#pending.get(run)
    if (!pending) return
    pending.waiting.delete(member)
    if (failure !== undefined) {
      pending.failures.push(
        new IvfError('ERR_WORKER', `a worker failed: ${failure}; the call had no effect, try again`),
      )
      pending.stop()
    }
    if (pending.waiting.size === 0) pending.settle()
  }

  #measure(memory: WebAssembly.Memory): void {
    const { byteLength: bytes } = memory.buffer
    const extent = this.#extents.get(memory)
    if (extent) extent.bytes = bytes
    else {
      const fresh = { bytes }
      this.#extents.set(memory, fresh)
      this.#freed.register(memory, fresh)
    }
  }

  /** An idle worker never collects its garbage: the memories it has seen stay until it ends. */
  #dismissIdle(): void {
    if (this.#garbage < GARBAGE || this.#members.some((member) => member.runs.size > 0)) return
    this.#garbage = 0
    for (const member of this.#members.splice(0)) member.worker.terminate()
  }

  #engineId(engine: SharedEngine): number {
    let id = this.#engineIds.get(engine)
    if (id === undefined) {
      id = this.#nextEngine++
      this.#engineIds.set(engine, id)
      this.#collected.register(engine, id, engine)
    }
    return id
  }

  #detach(id: number): void {
    for (const member of this.#members) if (member.engines.delete(id)) member.worker.post({ detach: id })
  }
}
