import type { Engine } from './engine/engine.js'
import { IvfError } from './errors.js'
import { type Contents, holding, release } from './ivf/contents.js'
import type { Id } from './options.js'
import type { RuntimeOptions } from './runtime.js'
import { Session } from './session.js'

/**
 * What an index holds at present, and the calls on it: a reader keeps what it has found, writers take turns to put the
 * next contents in its place.
 */
export class Living {
  readonly #session: Session
  #contents: Contents | undefined

  /** @throws IvfError ERR_ARGUMENT */
  constructor(options: RuntimeOptions) {
    this.#session = new Session(options)
  }

  /** Undefined before training, and once it is closed. */
  get contents(): Contents | undefined {
    return this.#contents
  }

  /** @throws IvfError ERR_NOT_TRAINED */
  whenTrained(): Contents {
    if (this.#contents) return this.#contents
    throw new IvfError('ERR_NOT_TRAINED', 'the index is not trained yet; call and await train(vectors) first')
  }

  /** @throws IvfError ERR_NOT_TRAINED; ERR_UNSUPPORTED when cells stay in a file */
  whenResident(): Contents {
    const contents = this.whenTrained()
    if (!contents.stored) return contents
    throw new IvfError(
      'ERR_UNSUPPORTED',
      "this index was opened with resident: 'centroids', to be searched only; open it with resident: 'all'",
    )
  }

  /** Runs `work` at once with what there is now, which cannot be freed meanwhile. @throws IvfError as `whenResident`, ERR_CLOSED */
  read<T>(work: (contents: Contents, engine: Engine) => Promise<T>): Promise<T> {
    return this.#held(() => this.whenResident(), work)
  }

  /** As `read`, where cells may stay in a file, too. @throws IvfError as `whenTrained`, ERR_CLOSED */
  readAnywhere<T>(work: (contents: Contents, engine: Engine) => Promise<T>): Promise<T> {
    return this.#held(() => this.whenTrained(), work)
  }

  /** Runs `work` when the writers before it have ended; what it makes is there when it has called `commit`. @throws IvfError ERR_CLOSED */
  write<T>(work: (engine: Engine) => Promise<T>): Promise<T> {
    return this.#session.write(work)
  }

  /** `added`: ids of the last rows. Readers see them and their vectors at the same time. */
  commit(next: Contents, added: readonly Id[] = []): void {
    const last = this.#contents
    if (added.length > 0) next.ids.append(next.rows - added.length, added)
    this.#contents = next
    if (last) release(last, next)
  }

  /** Frees the memory when the calls in progress have ended. */
  async close(): Promise<void> {
    await this.#session.close()
    await this.#contents?.stored?.file.close()
    this.#contents = undefined
  }

  #held<T>(find: () => Contents, work: (contents: Contents, engine: Engine) => Promise<T>): Promise<T> {
    return this.#session.read(async (engine) => {
      const contents = find()
      return holding(contents, () => work(contents, engine))
    })
  }
}
