import { checkFinite, chunkRows } from './engine/load.js'
import { copyOf, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, IvfError } from './errors.js'
import { collectBatches, startingWith } from './ivf/batches.js'
import { append, bytesPerCode, type Contents, contentsBytes, holding, release } from './ivf/contents.js'
import { createModel } from './ivf/make-model.js'
import type { Keep } from './ivf/originals.js'
import { type SearchSettings, searchSegments } from './ivf/search.js'
import { type TrainPlan, trainModel } from './ivf/train.js'
import type { LongCallOptions, Metric } from './options.js'
import { Projection } from './projection.js'
import type { SearchResult } from './result.js'
import type { RuntimeOptions } from './runtime.js'
import { Session } from './session.js'

/** What an index is to be; every default is explicit. */
export interface IvfPlan extends TrainPlan {
  /** Defaults of searches. */
  nprobe: number
  ratioThreshold: number
}

/**
 * What all indexes share: vectors stored cell by cell under what training found, and a life. Four faces would repeat
 * these members otherwise.
 */
export abstract class InvertedFile {
  /** Components per vector. */
  readonly dim: number
  /** Number of cells. */
  readonly nlist: number
  readonly metric: Metric
  readonly #plan: IvfPlan
  readonly #session: Session
  readonly #runtime: RuntimeOptions
  #contents: Contents | undefined
  #nprobe = 1
  #ratioThreshold = 0

  /** @throws IvfError ERR_ARGUMENT, ERR_DIM */
  protected constructor(plan: IvfPlan, runtime: RuntimeOptions) {
    plan.quantizer.check(plan.projection?.plan.width(plan.dim) ?? plan.dim)
    this.#plan = plan
    this.dim = plan.dim
    this.nlist = plan.nlist
    this.metric = plan.metric
    this.#session = new Session(runtime)
    this.#runtime = runtime
    this.nprobe = plan.nprobe
    this.ratioThreshold = plan.ratioThreshold
  }

  /** Default of the search option; from 1 to nlist. */
  get nprobe(): number {
    return this.#nprobe
  }

  set nprobe(value: number) {
    this.#nprobe = checkInteger('nprobe', value, 1, this.nlist)
  }

  /** Default of the search option; from 0 to 1. */
  get ratioThreshold(): number {
    return this.#ratioThreshold
  }

  set ratioThreshold(value: number) {
    this.#ratioThreshold = checkNumber('ratioThreshold', value, 0, 1)
  }

  get trained(): boolean {
    return this.#contents !== undefined
  }

  /** Number of vectors. */
  get size(): number {
    return this.#contents?.size ?? 0
  }

  /** Number of vectors, under the original's name. */
  get numVectors(): number {
    return this.size
  }

  /** In which form the vectors are kept beside their codes. */
  get keep(): Keep {
    return this.#plan.keep
  }

  /** nlist × dim, or × the components of projected vectors where cells are of those; a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#whenTrained().model.rows.slice()
  }

  /** Number of vectors in each cell. @throws IvfError ERR_NOT_TRAINED */
  get cellSizes(): Uint32Array {
    const { segments } = this.#whenTrained()
    return Uint32Array.from({ length: this.nlist }, (_, cell) =>
      segments.reduce((sum, { starts }) => sum + (starts[cell + 1] as number) - (starts[cell] as number), 0),
    )
  }

  /** Bytes held: codes, ids, centroids, and the vectors kept beside the codes. */
  get bytes(): number {
    return this.#contents ? contentsBytes(this.#contents) : 0
  }

  /** Bytes per vector of codes, their factors and ids; without the vectors kept beside them. */
  get codeBytes(): number {
    return this.#contents ? bytesPerCode(this.#contents) : 0
  }

  /**
   * Appends vectors; ids go on from the last row number. Searches that run meanwhile see the index as it was.
   *
   * @param vectors n × dim
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  add(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    const { dim } = this
    return this.#session.write(async () => {
      const contents = this.#whenTrained()
      this.#commit(await append(contents, collectBatches(vectors, dim, 8 * chunkRows(dim), options.signal), options))
    })
  }

  /**
   * What is done to vectors before they are encoded; undefined: nothing. It stays usable when the index is closed.
   * @throws IvfError ERR_NOT_TRAINED
   */
  get projection(): Projection | undefined {
    const { projection } = this.#whenTrained().model
    return projection && Projection.of(projection.place.parameters, this.#runtime)
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  async close(): Promise<void> {
    await this.#session.close()
    this.#contents = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Trains on the vectors and, unless they are only a sample, adds them. What was there before goes on success. */
  protected trainOn(vectors: Vectors | VectorBatches, options: LongCallOptions, adds = true): Promise<void> {
    const { dim, nlist } = this
    return this.#session.write(async (engine) => {
      const parts = collectBatches(vectors, dim, Math.max(65536, 256 * nlist), options.signal)
      try {
        const sample = (await parts.next()).value
        if (!sample?.rows) {
          throw new IvfError('ERR_EMPTY', `there are no vectors to train on; give at least nlist = ${nlist}`)
        }
        // Before the long work, not in the middle of it.
        await checkFinite(engine, sample, 'vectors', options.signal)
        const empty = { model: await trainModel(engine, this.#plan, sample, options), segments: [], size: 0 }
        try {
          this.#commit(adds ? await append(empty, startingWith(sample, parts), options) : empty)
        } catch (error) {
          release(empty)
          throw error
        }
      } finally {
        await parts.return(undefined)
      }
    })
  }

  /** Makes it a trained, empty index of these centroids (nlist × dim). */
  protected adopt(centroids: Matrix): Promise<void> {
    const rows = copyOf(centroids)
    return this.#session.write(async (engine) => {
      await checkFinite(engine, centroids, 'centroids')
      this.#commit({ model: await createModel(engine, this.#plan, rows, undefined, {}), segments: [], size: 0 })
    })
  }

  protected searchWith(queries: Vectors, settings: SearchSettings, options: LongCallOptions): Promise<SearchResult> {
    return this.#session.read(async () => {
      const contents = this.#whenTrained()
      const matrix = toMatrix(queries, this.dim, 'queries')
      options.signal?.throwIfAborted()
      return holding(contents, () => searchSegments(contents.model, contents.segments, matrix, settings, options))
    })
  }

  /** @throws IvfError ERR_NOT_TRAINED */
  #whenTrained(): Contents {
    if (this.#contents) return this.#contents
    throw new IvfError('ERR_NOT_TRAINED', 'the index is not trained yet; call and await train(vectors) first')
  }

  #commit(next: Contents): void {
    const last = this.#contents
    this.#contents = next
    if (last) release(last, next)
  }
}
