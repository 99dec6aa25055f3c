import type { Engine } from './engine/engine.js'
import { IvfError } from './errors.js'
import { createEngine, type RuntimeOptions } from './runtime.js'

/** An engine that is made when it is first needed. */
export class LazyEngine {
  readonly #options: RuntimeOptions
  #engine: Promise<Engine> | undefined
  #closed = false

  constructor(options: RuntimeOptions) {
    this.#options = options
  }

  get(): Promise<Engine> {
    if (this.#closed) return Promise.reject(new IvfError('ERR_CLOSED', 'this was closed; make a new one'))
    this.#engine ??= createEngine(this.#options)
    return this.#engine
  }

  async close(): Promise<void> {
    this.#closed = true
    const engine = await this.#engine?.catch(() => undefined)
    engine?.close()
  }
}
