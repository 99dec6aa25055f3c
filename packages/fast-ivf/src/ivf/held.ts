import type { Engine } from '../engine/engine.js'

/** Blocks that are freed when nobody uses them any more: a search may still read what a writer has replaced. */
export class Held {
  readonly #engine: Engine
  readonly #blocks: number[] = []
  readonly #parts: Held[] = []
  #users = 1

  constructor(engine: Engine) {
    this.#engine = engine
  }

  alloc(bytes: number): number {
    const at = this.#engine.alloc(bytes)
    this.#blocks.push(at)
    return at
  }

  /** Lets a part go when this goes. */
  adopt(part: Held): void {
    this.#parts.push(part)
  }

  retain(): void {
    this.#users++
  }

  release(): void {
    if (--this.#users > 0) return
    for (const at of this.#blocks.splice(0)) this.#engine.free(at)
    for (const part of this.#parts.splice(0)) part.release()
  }
}
