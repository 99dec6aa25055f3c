import { trainMiniBatch } from './clustering/minibatch.js'
import { randomBatches } from './clustering/sample.js'
import type { Engine } from './engine/engine.js'
import { checkFinite, chunkRows } from './engine/load.js'
import { copyOf, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import { collectBatches, startingWith } from './ivf/batches.js'
import { append, type Contents, contentsBytes, holding, release } from './ivf/contents.js'
import { createModel } from './ivf/model.js'
import { searchSegments } from './ivf/search.js'
import type { LongCallOptions, Metric } from './options.js'
import type { SearchResult } from './result.js'
import type { RuntimeOptions } from './runtime.js'
import { Session } from './session.js'

/** Options of `FastIVF`; the defaults are the original's. */
export interface FastIVFOptions extends RuntimeOptions {
  /** Number of cells. A good start is 4√n to 16√n. */
  nlist: number
  /** Cells visited per query; more find more and take longer. Default 10. */
  nprobe?: number
  /**
   * Skips a cell whose score is below this share of the best cell's; 0 visits all nprobe. Higher is faster and finds
   * less. For l2: skips a cell whose squared distance exceeds the best one's divided by this. The best cell is always
   * visited. Default 0.5 for cosine, the original's; 0 for ip and l2, which the original does not have.
   */
  ratioThreshold?: number
  /** Default 'cosine'. */
  metric?: Metric
  /** Rows per step of k-means, at most a sixteenth of the vectors. Default 1024. */
  kmeansBatchSize?: number
  /** Convergence at which k-means stops. Default 5e-5. */
  kmeansTol?: number
  /** Steps at which k-means stops. Default 1000. */
  kmeansMaxSteps?: number
  /** The same seed, data and options give the same index, whatever the number of threads. Default 1. */
  seed?: number
}

/** Options of one search; what is left out is the index's own setting. */
export interface SearchOptions extends LongCallOptions {
  /** Answers per query. Default 100. */
  k?: number
  nprobe?: number
  ratioThreshold?: number
}

/**
 * An inverted-file index of the vectors themselves (IVF-Flat): space is divided into `nlist` cells by the original's
 * mini-batch k-means, and a query is compared with the vectors of its `nprobe` nearest cells only. Queries of a batch
 * are grouped by cell, so that each visit is one matrix product.
 *
 * A vector of zeros has no cosine: with metric 'cosine' it is accepted and counted, but never an answer, and a query
 * of zeros has no answers.
 */
export class FastIVF {
  /** Components per vector. */
  readonly dim: number
  /** Number of cells. */
  readonly nlist: number
  readonly metric: Metric
  readonly #training: { batchSize: number; tol: number; maxSteps: number; seed: number }
  readonly #session: Session
  #nprobe = 1
  #ratioThreshold = 0
  #contents: Contents | undefined

  /** @throws IvfError ERR_ARGUMENT */
  constructor(dim: number, options: FastIVFOptions) {
    this.dim = checkInteger('dim', dim, 1, 65536)
    this.nlist = checkInteger('nlist', options?.nlist, 1, 1 << 24)
    this.metric = checkOneOf('metric', options.metric ?? 'cosine', ['cosine', 'ip', 'l2'])
    this.nprobe = options.nprobe ?? Math.min(10, this.nlist)
    this.ratioThreshold = options.ratioThreshold ?? (this.metric === 'cosine' ? 0.5 : 0)
    this.#training = {
      batchSize: checkInteger('kmeansBatchSize', options.kmeansBatchSize ?? 1024, 1, 1 << 24),
      tol: checkNumber('kmeansTol', options.kmeansTol ?? 5e-5, 0),
      maxSteps: checkInteger('kmeansMaxSteps', options.kmeansMaxSteps ?? 1000, 1),
      seed: checkInteger('seed', options.seed ?? 1, 0, 0xffffffff),
    }
    this.#session = new Session(options)
  }

  /**
   * A trained, empty index of given centroids.
   *
   * @param centroids nlist × dim; `dim` is needed when the array is flat
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY
   */
  static async fromCentroids(
    centroids: Vectors,
    options: Omit<FastIVFOptions, 'nlist'> & { dim?: number } = {},
  ): Promise<FastIVF> {
    const matrix = toMatrix(centroids, options.dim ?? 0, 'centroids')
    if (matrix.rows === 0) throw new IvfError('ERR_EMPTY', 'centroids is empty; give at least one')
    const index = new FastIVF(matrix.dim, { ...options, nlist: matrix.rows })
    const rows = copyOf(matrix)
    await index.#session.write(async (engine) => {
      await checkFinite(engine, matrix, 'centroids')
      index.#commit(await index.#empty(engine, rows))
    })
    return index
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

  /** nlist × dim, a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#trained().model.rows.slice()
  }

  /** Number of vectors in each cell. @throws IvfError ERR_NOT_TRAINED */
  get cellSizes(): Uint32Array {
    const { segments } = this.#trained()
    return Uint32Array.from({ length: this.nlist }, (_, cell) =>
      segments.reduce((sum, { starts }) => sum + (starts[cell + 1] as number) - (starts[cell] as number), 0),
    )
  }

  /** Bytes of the vectors, ids and centroids held. */
  get bytes(): number {
    return this.#contents ? contentsBytes(this.#contents) : 0
  }

  /**
   * Trains on the vectors **and adds them**, as the original does. Training again starts afresh: it replaces what was
   * trained and added before, once it has succeeded.
   *
   * From batches, the first 256 · nlist vectors (at least 65,536) are the training sample: give them in random order.
   *
   * @param vectors n × dim, n ≥ nlist
   * @throws IvfError ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  train(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#session.write(async (engine) => {
      const parts = collectBatches(vectors, this.dim, Math.max(65536, 256 * this.nlist), options.signal)
      try {
        const sample = await parts.next()
        if (!sample.value?.rows) {
          throw new IvfError('ERR_EMPTY', `there are no vectors to train on; give at least nlist = ${this.nlist}`)
        }
        const centroids = await this.#cluster(engine, sample.value, options)
        const empty = await this.#empty(engine, centroids)
        try {
          this.#commit(await append(empty, startingWith(sample.value, parts), options))
        } catch (error) {
          release(empty)
          throw error
        }
      } finally {
        await parts.return(undefined)
      }
    })
  }

  /**
   * Appends vectors; ids go on from the last row number. Searches that run meanwhile see the index as it was.
   *
   * @param vectors n × dim
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  add(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#session.write(async () => {
      const contents = this.#trained()
      this.#commit(
        await append(contents, collectBatches(vectors, this.dim, 8 * chunkRows(this.dim), options.signal), options),
      )
    })
  }

  /**
   * The k nearest vectors of each query, nearest first, among the cells it visits. With fewer than k vectors there
   * the counts are lower.
   *
   * @param queries nq × dim, or a single vector
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT; the signal's reason
   */
  search(queries: Vectors, options: SearchOptions = {}): Promise<SearchResult> {
    return this.#session.read(async () => {
      const contents = this.#trained()
      const settings = {
        k: checkInteger('k', options.k ?? 100, 1, 0xffffff),
        nprobe: checkInteger('nprobe', options.nprobe ?? this.#nprobe, 1, this.nlist),
        ratioThreshold: checkNumber('ratioThreshold', options.ratioThreshold ?? this.#ratioThreshold, 0, 1),
      }
      const matrix = toMatrix(queries, this.dim, 'queries')
      options.signal?.throwIfAborted()
      return holding(contents, () => searchSegments(contents.model, contents.segments, matrix, settings, options))
    })
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  async close(): Promise<void> {
    await this.#session.close()
    this.#contents = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #trained(): Contents {
    if (this.#contents) return this.#contents
    throw new IvfError('ERR_NOT_TRAINED', 'the index is not trained yet; call and await train(vectors) first')
  }

  async #empty(engine: Engine, centroids: Float32Array): Promise<Contents> {
    return { model: await createModel(engine, this.metric, this.dim, centroids), segments: [], size: 0 }
  }

  #commit(next: Contents): void {
    const last = this.#contents
    this.#contents = next
    if (last) release(last, next)
  }

  /** nlist × dim */
  async #cluster(engine: Engine, matrix: Matrix, options: LongCallOptions): Promise<Float32Array> {
    // Before the long work, not in the middle of it.
    await checkFinite(engine, matrix, 'vectors', options.signal)
    if (matrix.rows < this.nlist) {
      throw new IvfError(
        'ERR_TOO_FEW',
        `${matrix.rows} vectors cannot make ${this.nlist} cells; give at least ${this.nlist}, or ask for a smaller nlist`,
      )
    }
    const { batchSize, tol, maxSteps, seed } = this.#training
    const batches = randomBatches(matrix, Math.min(batchSize, Math.ceil(matrix.rows / 16)), seed)
    const settings = {
      numCentroids: this.nlist,
      subspaces: 1,
      historySize: 10,
      maxSteps,
      tol,
      minMaxRatioThreshold: 0.005,
      metric: this.metric === 'l2' ? 'l2' : 'cosine',
    } as const
    return (await trainMiniBatch(engine, this.dim, batches, settings, options)).centroids
  }
}
