import { allScores, type Codebook, nearestLabels } from './clustering/codebook.js'
import { toMatrix, type Vectors } from './engine/vectors.js'
import { checkInteger, checkOneOf, IvfError } from './errors.js'
import type { LongCallOptions } from './options.js'
import type { RuntimeOptions } from './runtime.js'
import { Session } from './session.js'

/** Options of `KMeans`. */
export interface KMeansOptions extends RuntimeOptions {
  /** Default 10: more change the centroids little and search less. */
  iterations?: number
  /** Vectors sampled per centroid. Default 100. */
  pointsPerCentroid?: number
  /** 'cosine' keeps centroids of norm 1 (spherical k-means); a vector of zeros is then labelled 0. Default 'l2'. */
  metric?: 'cosine' | 'l2'
  /** Default 1. */
  seed?: number
  /** Components per vector; needed when vectors are flat arrays. */
  dim?: number
}

/**
 * Lloyd's k-means on a random sample, each assignment one matrix product; empty cells take half of a large one.
 * The trainer to prefer where the original's mini-batches are not wanted: several times faster at the same quality.
 */
export class KMeans {
  readonly numCentroids: number
  readonly metric: 'cosine' | 'l2'
  readonly #options: { iterations: number; pointsPerCentroid: number; seed: number }
  readonly #session: Session
  /** As the options tell it, or 0: each training finds it out. */
  readonly #dim: number
  #book: Codebook | undefined

  /** @throws IvfError ERR_ARGUMENT */
  constructor(numCentroids: number, options: KMeansOptions = {}) {
    this.numCentroids = checkInteger('numCentroids', numCentroids, 1, 1 << 24)
    this.metric = checkOneOf('metric', options.metric ?? 'l2', ['cosine', 'l2'])
    this.#options = {
      iterations: checkInteger('iterations', options.iterations ?? 10, 1),
      pointsPerCentroid: checkInteger('pointsPerCentroid', options.pointsPerCentroid ?? 100, 1),
      seed: checkInteger('seed', options.seed ?? 1, 0, 0xffffffff),
    }
    this.#dim = options.dim === undefined ? 0 : checkInteger('dim', options.dim, 1, 65536)
    this.#session = new Session(options)
  }

  /** numCentroids × dim, a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#trained().centroids.slice()
  }

  /**
   * The mean distance to the nearest centroid before each iteration moved them, over the vectors that it saw: squared
   * L2, or 1 − cosine. It falls, but for steps where an iteration sees more vectors than the one before.
   */
  get history(): number[] {
    return [...this.#trained().history]
  }

  /**
   * Finds the centroids; training again starts afresh. Only the vectors of the sample are read.
   *
   * @param vectors n × dim, n ≥ numCentroids
   * @throws IvfError ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  train(vectors: Vectors, options: LongCallOptions = {}): Promise<void> {
    return this.#session.write(async (engine) => {
      options.signal?.throwIfAborted()
      const matrix = toMatrix(vectors, this.#dim, 'vectors')
      if (matrix.rows === 0)
        throw new IvfError('ERR_EMPTY', 'there are no vectors to train on; give at least numCentroids of them')
      const { numCentroids, metric } = this
      const { trainLloyd } = await import('./clustering/lloyd.js')
      const trained = await trainLloyd(engine, matrix, { ...this.#options, numCentroids, metric }, options)
      options.signal?.throwIfAborted()
      this.#book = { ...trained, subspaces: 1, numCentroids, dim: matrix.dim, metric }
    })
  }

  /** n labels: the nearest centroid of each vector. @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE */
  predict(vectors: Vectors, { signal }: LongCallOptions = {}): Promise<Int32Array> {
    return this.#session.read(async (engine) => {
      const book = this.#trained()
      signal?.throwIfAborted()
      return nearestLabels(engine, book, toMatrix(vectors, book.dim, 'vectors'), { signal })
    })
  }

  /** n × numCentroids: the cosine (larger is nearer) or squared L2 distance (smaller is nearer) to each centroid. */
  predictScores(vectors: Vectors, { signal }: LongCallOptions = {}): Promise<Float32Array> {
    return this.#session.read(async (engine) => {
      const book = this.#trained()
      signal?.throwIfAborted()
      return allScores(engine, book, toMatrix(vectors, book.dim, 'vectors'), { signal })
    })
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #trained(): Codebook {
    if (!this.#book)
      throw new IvfError('ERR_NOT_TRAINED', 'the k-means is not trained yet; call and await train(vectors) first')
    return this.#book
  }
}
