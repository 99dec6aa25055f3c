import type { Engine } from './engine/engine.js'
import { checkInteger, IvfError } from './errors.js'
import { createEngine, type RuntimeOptions } from './runtime.js'

/**
 * The calls on one object: they share an engine, made when it is first needed; writers take turns, and closing waits
 * for those in progress.
 */
export class Session {
  readonly #options: RuntimeOptions
  readonly #calls = new Set<Promise<unknown>>()
  #engine: Promise<Engine> | undefined
  #lastWrite: Promise<unknown> = Promise.resolve()
  #closed = false

  /** @throws IvfError ERR_ARGUMENT */
  constructor(options: RuntimeOptions) {
    if (options.threads !== undefined) checkInteger('threads', options.threads, 0, 1024)
    this.#options = options
  }

  /** Runs at once, beside others. @throws IvfError ERR_CLOSED */
  async read<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    if (this.#closed) throw new IvfError('ERR_CLOSED', 'this was closed; make a new one')
    this.#engine ??= createEngine(this.#options)
    const call = this.#engine.then(work)
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
    const engine = await this.#engine?.catch(() => undefined)
    engine?.close()
  }
}
