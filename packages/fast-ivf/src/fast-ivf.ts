import { closedOnFailure } from './engine/closing.js'
import { toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { IvfError } from './errors.js'
import { InvertedFile } from './inverted-file.js'
import type { Rescore } from './ivf/rows.js'
import {
  type FastIVFOptions,
  originalPlan,
  type SearchOptions,
  type SearchTold,
  searchSettings,
  storedOptions,
} from './ivf-options.js'
import type { AddOptions, OpenOptions } from './life-options.js'
import type { Id } from './options.js'
import { flat } from './quantizers/flat/flat.js'
import type { SearchResult } from './result.js'
import type { IndexFile } from './saved/file.js'
import type { SourceInput } from './storage/source.js'

/**
 * An inverted-file index of the vectors themselves (IVF-Flat): space is divided into `nlist` cells by the original's
 * mini-batch k-means, and a query is compared with the vectors of its `nprobe` nearest cells only. Queries of a batch
 * are grouped by cell, so that each visit is one matrix product.
 *
 * A vector of zeros has no cosine: with metric 'cosine' it is accepted and counted, but never an answer, and a query
 * of zeros has no answers.
 */
export class FastIVF<I extends Id = number> extends InvertedFile<I> {
  readonly #options: FastIVFOptions

  /** @throws IvfError ERR_ARGUMENT */
  constructor(dim: number, options: FastIVFOptions) {
    super({ ...originalPlan(dim, options), quantizer: flat, keep: 'none' }, options)
    this.#options = options
  }

  /**
   * Opens a file that `save` has written: it answers to the last bit as the index that was saved.
   *
   * @param source a path, a URL, a Blob, bytes or a ByteSource
   * @throws IvfError ERR_NOT_FOUND; ERR_FORMAT for a file that is damaged or of another kind; ERR_MEMORY; the signal's
   *   reason
   */
  static open<I extends Id = number>(source: SourceInput | IndexFile, options: OpenOptions = {}): Promise<FastIVF<I>> {
    return FastIVF.openAs<I, FastIVF<I>>('FastIVF', source, options, ({ dim, nlist, metric, seed, options }, life) => {
      return new FastIVF<I>(dim, { ...options, nlist, metric, seed, ...life })
    })
  }

  protected face(): ReturnType<InvertedFile['face']> {
    return { face: 'FastIVF', spec: `IVF${this.nlist},Flat`, options: storedOptions(this.#options) }
  }

  /**
   * A trained, empty index of given centroids.
   *
   * @param centroids nlist × dim; `dim` is needed when the array is flat
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY
   */
  static async fromCentroids<I extends Id = number>(
    centroids: Vectors,
    options: Omit<FastIVFOptions, 'nlist'> & { dim?: number } = {},
  ): Promise<FastIVF<I>> {
    const matrix = toMatrix(centroids, options.dim ?? 0, 'centroids')
    if (matrix.rows === 0) throw new IvfError('ERR_EMPTY', 'centroids is empty; give at least one')
    const index = new FastIVF<I>(matrix.dim, { ...options, nlist: matrix.rows })
    return closedOnFailure(index, async () => {
      await index.adopt(matrix)
      return index
    })
  }

  /**
   * Trains on the vectors **and adds them**, as the original does. Training again starts afresh: it replaces what was
   * trained and added before, once it has succeeded.
   *
   * From batches, the first 256 · nlist vectors (at least 65,536) are the training sample: give them in random order.
   *
   * @param vectors n × dim, n ≥ nlist
   * @throws IvfError ERR_ID, ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  train(vectors: Vectors | VectorBatches, options: AddOptions<I> = {}): Promise<void> {
    return this.trainOn(vectors, options)
  }

  protected usualRescore(): Rescore {
    return { kind: 'none' }
  }

  /**
   * The k nearest vectors of each query, nearest first, among the cells it visits. With fewer than k vectors there
   * the counts are lower.
   *
   * @param queries nq × dim, or a single vector
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT; the signal's reason
   */
  async search(queries: Vectors, options: SearchOptions<I> = {}): Promise<SearchResult<I>> {
    return this.searchWith(queries, this.settings(options), options)
  }

  /** @internal */
  settings(options: SearchOptions<I>): SearchTold {
    return { ...searchSettings(this, options, 100), rescore: { kind: 'none' }, confidence: false }
  }
}
