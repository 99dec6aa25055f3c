import type { Engine } from './engine/engine.js'
import { IvfError } from './errors.js'
import { LazyEngine } from './lazy-engine.js'
import type { RuntimeOptions } from './runtime.js'

/** The calls on one object: they share its engine, writers take turns, and closing waits for those in progress. */
export class Session {
  readonly #engine: LazyEngine
  readonly #calls = new Set<Promise<unknown>>()
  #lastWrite: Promise<unknown> = Promise.resolve()
  #closed = false

  constructor(options: RuntimeOptions) {
    this.#engine = new LazyEngine(options)
  }

  /** Runs at once, beside others. @throws IvfError ERR_CLOSED */
  async read<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    if (this.#closed) throw new IvfError('ERR_CLOSED', 'this was closed; make a new one')
    const call = this.#engine.get().then(work)
    this.#calls.add(call)
    try {
      return await call
    } finally {
      this.#calls.delete(call)
    }
  }

  /** Runs when the writers before it have ended. @throws IvfError ERR_CLOSED */
  write<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    return this.read((engine) => {
      const turn = this.#lastWrite.then(() => work(engine))
      this.#lastWrite = turn.catch(() => {})
      return turn
    })
  }

  /** Later calls are refused; frees the memory when those in progress have ended. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#calls])
    await this.#engine.close()
  }
}
