import type { VectorBatches, Vectors } from './engine/vectors.js'
import { checkInteger } from './errors.js'
import { MiniBatchCore, type VectorBatch } from './minibatch-core.js'
import type { LongCallOptions } from './options.js'
import type { RuntimeOptions } from './runtime.js'

/** Options of `MiniBatchKMeans` and `SubvectorsMiniBatchKMeans`; the defaults are the original's. */
export interface MiniBatchKMeansOptions extends RuntimeOptions {
  /** Rows per step when training from an array. */
  batchSize: number
  /** Batches remembered; each is assigned once more when it leaves, which measures convergence. Default 10. */
  historySize?: number
  /** Default 5000; 1000 for subvectors. */
  maxSteps?: number
  /** Stops when the averaged share of changed labels falls below this. Default 5e-5. */
  tol?: number
  /** When the smallest centroid has at most this share of the largest one's members, it takes half of them. Default 0.005. */
  minMaxRatioThreshold?: number
  /**
   * Default 'cosine', or 'l2' for subvectors. With cosine vectors are compared by direction, and a vector of zeros,
   * which has none, is labelled 0 and pulls no centroid.
   */
  metric?: 'cosine' | 'l2'
  /** Default 1. */
  seed?: number
  /** Components per vector; needed when vectors are flat arrays. */
  dim?: number
}

/**
 * The original's mini-batch k-means: running sums that never decay, a history of batches that are assigned again, and
 * a stop when hardly any of those labels change.
 *
 * Trains on an array or on batches as they come, then takes vectors (`add`), more than fit in memory at once if their
 * batches come one by one.
 */
export class MiniBatchKMeans {
  readonly #core: MiniBatchCore

  /** @throws IvfError ERR_ARGUMENT */
  constructor(numCentroids: number, options: MiniBatchKMeansOptions) {
    this.#core = new MiniBatchCore(numCentroids, { subspaces: 1, maxSteps: 5000, metric: 'cosine' }, options)
  }

  get numCentroids(): number {
    return this.#core.numCentroids
  }

  /** numCentroids × dim, a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#core.book().centroids.slice()
  }

  /** The convergence after each step: the averaged share of labels that changed, falling from 1. */
  get history(): number[] {
    return [...this.#core.book().history]
  }

  /** The cell of each vector added. */
  get labels(): Int32Array {
    return this.#core.kept?.labels() ?? new Int32Array()
  }

  /** Number of vectors added. */
  get numVectors(): number {
    return this.#core.kept?.rows ?? 0
  }

  /** numVectors × dim, the vectors added, as they were given. */
  get vectors(): Float32Array {
    return this.#core.kept?.slice(0, this.numVectors) ?? new Float32Array()
  }

  /**
   * Finds the centroids; training again starts afresh, without vectors.
   *
   * @param data n × dim (batches are drawn from it with replacement), or batches, one per step, until they end; the
   *   first of them, as many as it takes, give each centroid its first vector and nothing else
   * @throws IvfError ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason; what the iterable throws
   */
  train(data: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#core.train(data, options)
  }

  /** Assigns vectors and keeps them; appends on every call. @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE */
  add(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#core.add(vectors, options)
  }

  /** n labels: the nearest centroid of each vector. */
  predict(vectors: Vectors, options: LongCallOptions = {}): Promise<Int32Array> {
    return this.#core.predict(vectors, options)
  }

  /** n × numCentroids: the cosine (larger is nearer) or squared L2 distance (smaller is nearer) to each centroid. */
  predictScores(vectors: Vectors, options: LongCallOptions = {}): Promise<Float32Array> {
    return this.#core.predictScores(vectors, options)
  }

  /** ids.length × dim: vectors added, by their row numbers. @throws IvfError ERR_ARGUMENT, ERR_EMPTY, ERR_NOT_TRAINED */
  getVectors(ids: ArrayLike<number>): Float32Array {
    return this.#core.get(ids)
  }

  /** The vectors added, `size` at a time. @throws IvfError ERR_ARGUMENT */
  batches(size: number): Generator<VectorBatch, undefined> {
    return this.#core.batches(size)
  }

  /** Row numbers of the vectors in a cell. @throws IvfError ERR_ARGUMENT */
  members(cell: number): Uint32Array {
    checkInteger('cell', cell, 0, this.numCentroids - 1)
    return this.#core.kept?.members(cell, this.numCentroids) ?? new Uint32Array()
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#core.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * The same for product quantization: one k-means per subvector, over one stream of batches. Labels and scores have the
 * subvector first.
 */
export class SubvectorsMiniBatchKMeans {
  readonly numSubvectors: number
  readonly #core: MiniBatchCore

  /** dim must be a multiple of numSubvectors. Metric 'l2' by default here. @throws IvfError ERR_ARGUMENT */
  constructor(numCentroids: number, numSubvectors: number, options: MiniBatchKMeansOptions) {
    this.numSubvectors = checkInteger('numSubvectors', numSubvectors, 1, 65536)
    this.#core = new MiniBatchCore(numCentroids, { subspaces: numSubvectors, maxSteps: 1000, metric: 'l2' }, options)
  }

  get numCentroids(): number {
    return this.#core.numCentroids
  }

  /** numSubvectors × numCentroids × (dim / numSubvectors), a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#core.book().centroids.slice()
  }

  /** The convergence after each step, over all subvectors. */
  get history(): number[] {
    return [...this.#core.book().history]
  }

  /** numSubvectors × numVectors: the codes of the vectors added. */
  get labels(): Int32Array {
    return this.#core.kept?.labels() ?? new Int32Array()
  }

  get numVectors(): number {
    return this.#core.kept?.rows ?? 0
  }

  /** numVectors × dim, the vectors added, as they were given. */
  get vectors(): Float32Array {
    return this.#core.kept?.slice(0, this.numVectors) ?? new Float32Array()
  }

  /** As `MiniBatchKMeans.train`. */
  train(data: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#core.train(data, options)
  }

  /** As `MiniBatchKMeans.add`. */
  add(vectors: Vectors | VectorBatches, options: LongCallOptions = {}): Promise<void> {
    return this.#core.add(vectors, options)
  }

  /** numSubvectors × n labels. */
  predict(vectors: Vectors, options: LongCallOptions = {}): Promise<Int32Array> {
    return this.#core.predict(vectors, options)
  }

  /** numSubvectors × n × numCentroids scores. */
  predictScores(vectors: Vectors, options: LongCallOptions = {}): Promise<Float32Array> {
    return this.#core.predictScores(vectors, options)
  }

  /** ids.length × dim: vectors added, by their row numbers. @throws IvfError ERR_ARGUMENT, ERR_EMPTY, ERR_NOT_TRAINED */
  getVectors(ids: ArrayLike<number>): Float32Array {
    return this.#core.get(ids)
  }

  /** The vectors added, `size` at a time. @throws IvfError ERR_ARGUMENT */
  batches(size: number): Generator<VectorBatch, undefined> {
    return this.#core.batches(size)
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#core.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
