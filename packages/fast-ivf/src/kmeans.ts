import { allScores, type Codebook, nearestLabels } from './clustering/codebook.js'
import { trainLloyd } from './clustering/lloyd.js'
import { toMatrix, type Vectors } from './engine/vectors.js'
import { checkInteger, checkOneOf, IvfError } from './errors.js'
import { LazyEngine } from './lazy-engine.js'
import type { LongCallOptions } from './options.js'
import type { RuntimeOptions } from './runtime.js'

/** Options of `KMeans`. */
export interface KMeansOptions extends RuntimeOptions {
  /** Default 10: more change the centroids little and search less. */
  iterations?: number
  /** Vectors sampled per centroid. Default 100. */
  pointsPerCentroid?: number
  /** 'cosine' keeps centroids of norm 1 (spherical k-means). Default 'l2'. */
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
  readonly #engine: LazyEngine
  #dim: number
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
    this.#engine = new LazyEngine(options)
  }

  /** numCentroids × dim, a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#trained().centroids.slice()
  }

  /** The mean distance to the nearest centroid at each iteration, up to a constant: it falls. */
  get history(): number[] {
    return [...this.#trained().history]
  }

  /**
   * Finds the centroids; training again starts afresh.
   *
   * @param vectors n × dim, n ≥ numCentroids
   * @throws IvfError ERR_TOO_FEW, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  async train(vectors: Vectors, options: LongCallOptions = {}): Promise<void> {
    const matrix = toMatrix(vectors, this.#dim, 'vectors')
    options.signal?.throwIfAborted()
    const { numCentroids, metric } = this
    const trained = await trainLloyd(
      await this.#engine.get(),
      matrix,
      { ...this.#options, numCentroids, metric },
      options,
    )
    this.#dim = matrix.dim
    this.#book = { ...trained, subspaces: 1, numCentroids, dim: matrix.dim, metric }
  }

  /** The nearest centroid of each vector. @param vectors n × dim @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE */
  async predict(vectors: Vectors, options: LongCallOptions = {}): Promise<Int32Array> {
    const book = this.#trained()
    return nearestLabels(await this.#engine.get(), book, toMatrix(vectors, book.dim, 'vectors'), options.signal)
  }

  /** n × numCentroids: the cosine (larger is nearer) or squared L2 distance (smaller is nearer) to each centroid. */
  async predictScores(vectors: Vectors, options: LongCallOptions = {}): Promise<Float32Array> {
    const book = this.#trained()
    return allScores(await this.#engine.get(), book, toMatrix(vectors, book.dim, 'vectors'), options.signal)
  }

  /** Frees the memory. */
  close(): Promise<void> {
    return this.#engine.close()
  }

  #trained(): Codebook {
    if (!this.#book)
      throw new IvfError('ERR_NOT_TRAINED', 'the k-means is not trained yet; call and await train(vectors) first')
    return this.#book
  }
}
