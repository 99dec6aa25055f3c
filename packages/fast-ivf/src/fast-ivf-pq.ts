import { toMatrix, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import type { IvfPlan } from './inverted-file.js'
import { KEEPS, type Keep } from './ivf/originals.js'
import { type FastIVFOptions, originalPlan, storedOptions } from './ivf-options.js'
import type { OpenOptions } from './life-options.js'
import type { Id } from './options.js'
import { product } from './quantizers/product/product.js'
import { RescoredFile } from './rescored-file.js'
import type { IndexFile } from './saved/file.js'
import type { SourceInput } from './storage/source.js'

/** Options of `FastIVFPQ`; the defaults are the original's. */
export interface FastIVFPQOptions extends FastIVFOptions {
  /** Codewords per subvector, 2 to 65,536; a code takes ⌈log₂⌉ of it bits. Default 128. */
  pqNumCentroids?: number
  /** Subvectors per vector; must divide dim. Default 32. */
  pqNumSubvectors?: number
  /** Rows per step of the codebooks' k-means. Default 128. */
  kmeansPqBatchSize?: number
  /** Convergence at which it stops. Default 5e-5. */
  kmeansPqTol?: number
  /** Steps at which it stops. Default 1000. */
  kmeansPqMaxSteps?: number
  /** Default of the search option. Default −1: all candidates. */
  rescoreNumSamples?: number
  /** In which form the vectors are kept for rescoring; 'none' keeps codes only. Default 'f32'. */
  keep?: Keep
  /** Codebooks to use instead of training some: pqNumSubvectors × pqNumCentroids × (dim / pqNumSubvectors). */
  codebooks?: Float32Array
}

/**
 * An inverted-file index of product codes (IVF-PQ without residuals; H. Jégou, M. Douze, C. Schmid, "Product
 * Quantization for Nearest Neighbor Search", 2011): each vector is cut into subvectors, and each subvector replaced by
 * the number of its nearest codeword, in as few bits as hold it. Scores are estimates of the metric; `rescore` makes
 * them exact. For cosine they come from the distance to the code (1 − ‖q − y‖²/2), which ranks as the original does.
 */
export class FastIVFPQ<I extends Id = number> extends RescoredFile<I> {
  readonly #options: FastIVFPQOptions

  /** @throws IvfError ERR_ARGUMENT; ERR_DIM when pqNumSubvectors does not divide dim */
  constructor(dim: number, options: FastIVFPQOptions) {
    super(planOf(dim, options), options)
    this.#options = options
  }

  /**
   * Opens a file that `save` has written: it answers to the last bit as the index that was saved.
   *
   * @param source a path, a URL, a Blob, bytes or a ByteSource
   * @throws IvfError as `FastIVF.open`
   */
  static open<I extends Id = number>(
    source: SourceInput | IndexFile,
    options: OpenOptions = {},
  ): Promise<FastIVFPQ<I>> {
    return FastIVFPQ.openAs<I, FastIVFPQ<I>>(
      'FastIVFPQ',
      source,
      options,
      ({ dim, nlist, metric, seed, keep, options }, life) => {
        return new FastIVFPQ<I>(dim, { ...options, nlist, metric, seed, keep, ...life })
      },
    )
  }

  protected face(): ReturnType<RescoredFile['face']> {
    const options = { ...storedOptions(this.#options), rescoreNumSamples: this.rescoreNumSamples }
    return { face: 'FastIVFPQ', spec: '', options }
  }

  /**
   * A trained, empty index of given centroids and codebooks.
   *
   * @param centroids nlist × dim; `dim` is needed when the array is flat
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY, ERR_ARGUMENT
   */
  static async fromCentroids<I extends Id = number>(
    centroids: Vectors,
    options: Omit<FastIVFPQOptions, 'nlist'> & { codebooks: Float32Array; dim?: number },
  ): Promise<FastIVFPQ<I>> {
    const matrix = toMatrix(centroids, options.dim ?? 0, 'centroids')
    if (matrix.rows === 0) throw new IvfError('ERR_EMPTY', 'centroids is empty; give at least one')
    const index = new FastIVFPQ<I>(matrix.dim, { ...options, nlist: matrix.rows })
    await index.adopt(matrix)
    return index
  }
}

function planOf(dim: number, options: FastIVFPQOptions): IvfPlan {
  const common = originalPlan(dim, options)
  const { codebooks } = options
  return {
    ...common,
    keep: checkOneOf('keep', options.keep ?? 'f32', KEEPS),
    quantizer: product({
      m: checkInteger('pqNumSubvectors', options.pqNumSubvectors ?? 32, 1, 65536),
      k: checkInteger('pqNumCentroids', options.pqNumCentroids ?? 128, 2, 65536),
      residual: false,
      opq: false,
      fastScan: false,
      training: codebooks
        ? { kind: 'given', codebooks }
        : {
            kind: 'minibatch',
            batchSize: checkInteger('kmeansPqBatchSize', options.kmeansPqBatchSize ?? 128, 1, 1 << 24),
            tol: checkNumber('kmeansPqTol', options.kmeansPqTol ?? 5e-5, 0),
            maxSteps: checkInteger('kmeansPqMaxSteps', options.kmeansPqMaxSteps ?? 1000, 1),
          },
    }),
  }
}
