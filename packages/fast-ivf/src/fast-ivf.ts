import { trainMiniBatch } from './clustering/minibatch.js'
import { randomBatches } from './clustering/sample.js'
import type { Engine } from './engine/engine.js'
import { checkFinite, chunkRows } from './engine/load.js'
import { isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import { collectBatches } from './ivf/batches.js'
import { createModel, type Model } from './ivf/model.js'
import { searchSegments } from './ivf/search.js'
import { buildSegment, mergeSegments, type Segment, segmentBytes } from './ivf/segment.js'
import { LazyEngine } from './lazy-engine.js'
import type { LongCallOptions, Metric } from './options.js'
import type { SearchResult } from './result.js'
import type { RuntimeOptions } from './runtime.js'

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
  /** Rows per step of k-means, at most a quarter of the vectors. Default 1024. */
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
  readonly #options: Required<Pick<FastIVFOptions, 'kmeansBatchSize' | 'kmeansTol' | 'kmeansMaxSteps' | 'seed'>>
  readonly #engine: LazyEngine
  #nprobe: number
  #ratioThreshold: number
  #state: State | undefined
  #closed = false
  /** Writers take turns; searches do not wait for them. */
  #lastWrite: Promise<unknown> = Promise.resolve()
  readonly #running = new Set<Promise<unknown>>()

  /** @throws IvfError ERR_ARGUMENT */
  constructor(dim: number, options: FastIVFOptions) {
    this.dim = checkInteger('dim', dim, 1, 65536)
    this.nlist = checkInteger('nlist', options?.nlist, 1, 1 << 24)
    this.metric = checkOneOf('metric', options.metric ?? 'cosine', ['cosine', 'ip', 'l2'])
    this.#nprobe = Math.min(10, this.nlist)
    if (options.nprobe !== undefined) this.nprobe = options.nprobe
    this.#ratioThreshold = checkNumber(
      'ratioThreshold',
      options.ratioThreshold ?? (this.metric === 'cosine' ? 0.5 : 0),
      0,
      1,
    )
    this.#options = {
      kmeansBatchSize: checkInteger('kmeansBatchSize', options.kmeansBatchSize ?? 1024, 1, 1 << 24),
      kmeansTol: checkNumber('kmeansTol', options.kmeansTol ?? 5e-5, 0),
      kmeansMaxSteps: checkInteger('kmeansMaxSteps', options.kmeansMaxSteps ?? 1000, 1),
      seed: checkInteger('seed', options.seed ?? 1, 0, 0xffffffff),
    }
    const { threads, revectorize } = options
    if (threads !== undefined) checkInteger('threads', threads, 0, 1024)
    this.#engine = new LazyEngine({ ...(threads === undefined ? {} : { threads }), revectorize: revectorize ?? false })
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
    const rows = new Float32Array(matrix.rows * matrix.dim)
    matrix.copy(0, matrix.rows, rows)
    const bad = rows.findIndex((value) => !Number.isFinite(value))
    if (bad >= 0)
      throw new IvfError(
        'ERR_NOT_FINITE',
        `centroid ${Math.floor(bad / matrix.dim)} holds ${rows[bad]}; every number must be finite`,
      )
    index.#state = {
      model: await createModel(await index.#engine.get(), index.metric, index.dim, rows),
      centroids: rows,
      segments: [],
      size: 0,
    }
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
    return this.#state !== undefined
  }

  /** Number of vectors. */
  get size(): number {
    return this.#state?.size ?? 0
  }

  /** Number of vectors, under the original's name. */
  get numVectors(): number {
    return this.size
  }

  /** nlist × dim, a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#trainedState().centroids.slice()
  }

  /** Number of vectors in each cell. @throws IvfError ERR_NOT_TRAINED */
  get cellSizes(): Uint32Array {
    const { segments } = this.#trainedState()
    return Uint32Array.from({ length: this.nlist }, (_, cell) =>
      segments.reduce((sum, { starts }) => sum + (starts[cell + 1] as number) - (starts[cell] as number), 0),
    )
  }

  /** Bytes of the vectors, ids and centroids held. */
  get bytes(): number {
    const state = this.#state
    if (!state) return 0
    return state.segments.reduce((sum, segment) => sum + segmentBytes(segment), state.centroids.byteLength * 2)
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
    return this.#write(async (engine) => {
      const sample = isBatches(vectors) ? Math.max(65536, 256 * this.nlist) : Number.POSITIVE_INFINITY
      const parts = collectBatches(vectors, this.dim, sample)[Symbol.asyncIterator]()
      const first = (await parts.next()).value as Matrix | undefined
      if (!first) throw new IvfError('ERR_EMPTY', 'there are no vectors to train on; give at least nlist of them')
      const centroids = await this.#cluster(engine, first, options)
      const state: State = {
        model: await createModel(engine, this.metric, this.dim, centroids),
        centroids,
        segments: [],
        size: 0,
      }
      await this.#append(state, first, parts, options)
    })
  }

  /**
   * Appends vectors; ids go on from the last row number. Searches that run meanwhile see the index as it was.
   *
   * @param vectors n × dim
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  add(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#write(async () => {
      const state = this.#trainedState()
      const parts = collectBatches(vectors, this.dim, chunkRows(this.dim) * 8)[Symbol.asyncIterator]()
      await this.#append(state, (await parts.next()).value as Matrix | undefined, parts, options)
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
    return this.#track(async () => {
      const { model, segments } = this.#trainedState()
      const settings = {
        k: checkInteger('k', options.k ?? 100, 1, 0xffffff),
        nprobe: checkInteger('nprobe', options.nprobe ?? this.#nprobe, 1, this.nlist),
        ratioThreshold: checkNumber('ratioThreshold', options.ratioThreshold ?? this.#ratioThreshold, 0, 1),
      }
      const matrix = toMatrix(queries, this.dim, 'queries')
      options.signal?.throwIfAborted()
      const held = [model, ...segments].map((part) => part.held)
      for (const part of held) part.retain()
      try {
        return await searchSegments(model, segments, matrix, settings, options)
      } finally {
        for (const part of held) part.release()
      }
    })
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.allSettled([...this.#running])
    await this.#engine.close()
    this.#state = undefined
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Adds the parts to `state` and makes the outcome current; on failure nothing has changed. */
  async #append(
    state: State,
    first: Matrix | undefined,
    rest: AsyncIterator<Matrix>,
    options: LongCallOptions,
  ): Promise<void> {
    const segments = [...state.segments]
    let { size } = state
    try {
      for (let part = first; part; part = (await rest.next()).value as Matrix | undefined) {
        options.signal?.throwIfAborted()
        if (size + part.rows > 0xffffffff) {
          throw new IvfError(
            'ERR_ARGUMENT',
            `an index holds at most ${0xffffffff} vectors; this would be ${size + part.rows}`,
          )
        }
        if (part.rows === 0) continue
        segments.push(await buildSegment(state.model, part, size, options))
        size += part.rows
        await this.#mergeLast(state, segments, options)
      }
      options.signal?.throwIfAborted()
      this.#commit({ ...state, segments, size })
    } catch (error) {
      for (const segment of segments) if (!state.segments.includes(segment)) segment.held.release()
      if (state !== this.#state) state.model.held.release()
      throw error
    } finally {
      await rest.return?.()
    }
  }

  /** Merges small segments of similar size from the end, so that their number grows with the logarithm of the adds. */
  async #mergeLast(state: State, segments: Segment[], { signal }: LongCallOptions): Promise<void> {
    while (segments.length > 1) {
      const [one, two] = segments.slice(-2) as [Segment, Segment]
      if (one.count > MERGE_RATIO * two.count || segmentBytes(one) + segmentBytes(two) > MERGE_BYTES) return
      const merged = await mergeSegments(state.model, one, two, { signal })
      segments.splice(-2, 2, merged)
      for (const part of [one, two]) if (!state.segments.includes(part)) part.held.release()
    }
  }

  /** Makes `next` current and lets go of what it does not keep. */
  #commit(next: State): void {
    const last = this.#state
    this.#state = next
    if (!last) return
    for (const segment of last.segments) if (!next.segments.includes(segment)) segment.held.release()
    if (last.model !== next.model) last.model.held.release()
  }

  async #cluster(engine: Engine, matrix: Matrix, options: LongCallOptions): Promise<Float32Array> {
    if (matrix.rows === 0)
      throw new IvfError('ERR_EMPTY', 'there are no vectors to train on; give at least nlist of them')
    // Before the long work, not in the middle of it.
    await checkFinite(engine, matrix, 'vectors', options.signal)
    if (matrix.rows < this.nlist) {
      throw new IvfError(
        'ERR_TOO_FEW',
        `${matrix.rows} vectors cannot make ${this.nlist} cells; give at least ${this.nlist}, or ask for a smaller nlist`,
      )
    }
    const { kmeansBatchSize, kmeansTol, kmeansMaxSteps, seed } = this.#options
    const next = randomBatches(matrix, Math.min(kmeansBatchSize, Math.ceil(matrix.rows / 4)), seed)
    const { centroids } = await trainMiniBatch(
      engine,
      this.dim,
      next,
      {
        numCentroids: this.nlist,
        subspaces: 1,
        historySize: 10,
        maxSteps: kmeansMaxSteps,
        tol: kmeansTol,
        minMaxRatioThreshold: 0.005,
        metric: this.metric === 'l2' ? 'l2' : 'cosine',
      },
      options,
    )
    return centroids
  }

  #trainedState(): State {
    if (!this.#state)
      throw new IvfError('ERR_NOT_TRAINED', 'the index is not trained yet; call and await train(vectors) first')
    return this.#state
  }

  #write(work: (engine: Engine) => Promise<void>): Promise<void> {
    return this.#track(() => {
      const turn = this.#lastWrite.then(async () => work(await this.#engine.get()))
      this.#lastWrite = turn.catch(() => {})
      return turn
    })
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new IvfError('ERR_CLOSED', 'the index was closed; make a new one')
    const call = work()
    this.#running.add(call)
    try {
      return await call
    } finally {
      this.#running.delete(call)
    }
  }
}

interface State {
  readonly model: Model
  readonly centroids: Float32Array
  readonly segments: readonly Segment[]
  readonly size: number
}

const MERGE_RATIO = 4
const MERGE_BYTES = 128 << 20
