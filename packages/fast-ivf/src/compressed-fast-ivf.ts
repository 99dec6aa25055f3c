import { toMatrix, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import type { IvfPlan } from './inverted-file.js'
import { KEEPS, type Keep } from './ivf/originals.js'
import { type FastIVFOptions, originalPlan, storedOptions } from './ivf-options.js'
import type { OpenOptions } from './life-options.js'
import type { Id, Metric } from './options.js'
import type { Projection } from './projection.js'
import { given } from './projections/given.js'
import { similarity, supervised } from './projections/learned/learned.js'
import { SIMILARITY_DEFAULTS, SUPERVISED_DEFAULTS } from './projections/learned/schedule.js'
import { pca } from './projections/pca/pca.js'
import type { ProjectionPlan } from './projections/projection.js'
import { random } from './projections/random/random.js'
import { flat } from './quantizers/flat/flat.js'
import { RescoredFile } from './rescored-file.js'
import type { IndexFile } from './saved/file.js'
import type { SourceInput } from './storage/source.js'

/** How vectors are made shorter. */
export type Compressor = 'similarity' | 'supervised' | 'pca' | 'random'

/** Options of `CompressedFastIVF`; the defaults are the original's but for `compressor`. */
export interface CompressedFastIVFOptions extends FastIVFOptions {
  /** Components of compressed vectors; at most dim. */
  compressionNdim: number
  /**
   * 'similarity': a linear map that learns to keep near vectors near (after stochastic neighbor embedding; G. Hinton,
   * S. Roweis, 2002). 'supervised': the original's network, which learns to tell cells apart (dropout, dense, ReLU,
   * softmax). 'pca': principal components. 'random': a random orthogonal map. Default 'similarity', which finds most; the
   * original has 'supervised'.
   */
  compressor?: Compressor
  /**
   * Vectors per step of learning. Default 128, the original's, for 'supervised'; 256 for 'similarity', at most 4,096,
   * 32 from a cell.
   */
  compressorBatchSize?: number
  /**
   * Steps after which progress is told; −1: one pass over the vectors. Default 2000, the original's, for 'supervised';
   * 100 for 'similarity'.
   */
  compressorStepsPerEpoch?: number
  /** Default 10. */
  compressorEpochs?: number
  /** Step size of Adam. Default 0.005, the original's, for 'supervised'; 0.002, falling to 0, for 'similarity'. */
  compressorLearningRate?: number
  /** Default of the search option. Default −1: all candidates. */
  rescoreNumSamples?: number
  /** In which form the vectors are kept for rescoring; 'none' keeps compressed ones only. Default 'f32'. */
  keep?: Keep
  /** A projection to use instead of training one. */
  projection?: Projection
}

/**
 * An inverted-file index of compressed vectors: cells are chosen with the vectors themselves, candidates scored by what
 * a projection makes of them, shorter and so scanned faster. Scores are estimates of the metric; `rescore` makes them
 * exact.
 */
export class CompressedFastIVF<I extends Id = number> extends RescoredFile<I> {
  /** Components of compressed vectors. */
  readonly compressionNdim: number
  readonly #options: CompressedFastIVFOptions

  /** @throws IvfError ERR_ARGUMENT; ERR_DIM when compressionNdim is more than dim */
  constructor(dim: number, options: CompressedFastIVFOptions) {
    super(planOf(dim, options), options)
    this.compressionNdim = options.compressionNdim
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
  ): Promise<CompressedFastIVF<I>> {
    const face = 'CompressedFastIVF'
    return CompressedFastIVF.openAs<I, CompressedFastIVF<I>>(
      face,
      source,
      options,
      ({ dim, nlist, metric, seed, keep, options }, life) => {
        const { compressionNdim } = options as unknown as CompressedFastIVFOptions
        return new CompressedFastIVF<I>(dim, { ...options, compressionNdim, nlist, metric, seed, keep, ...life })
      },
    )
  }

  protected face(): ReturnType<RescoredFile['face']> {
    const options = { ...storedOptions(this.#options), rescoreNumSamples: this.rescoreNumSamples }
    return { face: 'CompressedFastIVF', spec: '', options }
  }

  /**
   * A trained, empty index of given centroids and a given projection.
   *
   * @param centroids nlist × dim; `dim` is needed when the array is flat
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_EMPTY, ERR_ARGUMENT
   */
  static async fromCentroids<I extends Id = number>(
    centroids: Vectors,
    options: Omit<CompressedFastIVFOptions, 'nlist' | 'compressionNdim'> & { projection: Projection; dim?: number },
  ): Promise<CompressedFastIVF<I>> {
    const matrix = toMatrix(centroids, options?.dim ?? 0, 'centroids')
    if (matrix.rows === 0) throw new IvfError('ERR_EMPTY', 'centroids is empty; give at least one')
    if (!options?.projection) {
      throw new IvfError(
        'ERR_ARGUMENT',
        'projection is missing; give one, as Projection.train or fromSafetensors makes it',
      )
    }
    const compressionNdim = options.projection.width
    const index = new CompressedFastIVF<I>(matrix.dim, { ...options, nlist: matrix.rows, compressionNdim })
    await index.adopt(matrix)
    return index
  }
}

/** All pairs of a batch of 'similarity' are compared. */
const LARGEST_BATCH = 4096

const COMPRESSORS = ['similarity', 'supervised', 'pca', 'random'] as const satisfies Compressor[]

function planOf(dim: number, options: CompressedFastIVFOptions): IvfPlan {
  const common = originalPlan(dim, options)
  return {
    ...common,
    keep: checkOneOf('keep', options.keep ?? 'f32', KEEPS),
    quantizer: flat,
    projection: { plan: projectionOf(options, common.metric), beforeCells: false },
  }
}

function projectionOf(options: CompressedFastIVFOptions, metric: Metric): ProjectionPlan {
  const width = checkInteger('compressionNdim', options.compressionNdim, 1, 65536)
  const { projection } = options
  if (projection) {
    if (projection.metric !== metric) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `the projection ${projection.spec} was trained for metric '${projection.metric}', the index has '${metric}'; make them equal`,
      )
    }
    if (projection.width === width) return given(projection.parameters)
    throw new IvfError(
      'ERR_DIM',
      `compressionNdim is ${width}, but the given projection ${projection.spec} gives ${projection.width} components; make them equal`,
    )
  }
  const compressor = checkOneOf('compressor', options.compressor ?? 'similarity', COMPRESSORS)
  if (compressor === 'pca') return pca({ width })
  if (compressor === 'random') return random({ width })
  const [defaults, largest] =
    compressor === 'supervised' ? [SUPERVISED_DEFAULTS, 65536] : [SIMILARITY_DEFAULTS, LARGEST_BATCH]
  const schedule = {
    width,
    batchSize: checkInteger('compressorBatchSize', options.compressorBatchSize ?? defaults.batchSize, 1, largest),
    stepsPerEpoch: checkSteps(options.compressorStepsPerEpoch ?? defaults.stepsPerEpoch),
    epochs: checkInteger('compressorEpochs', options.compressorEpochs ?? defaults.epochs, 1, 1 << 24),
    learningRate: checkNumber('compressorLearningRate', options.compressorLearningRate ?? defaults.learningRate, 0),
  }
  return compressor === 'supervised' ? supervised(schedule) : similarity(schedule)
}

/** @throws IvfError ERR_ARGUMENT */
function checkSteps(steps: number): number {
  return steps === -1 ? -1 : checkInteger('compressorStepsPerEpoch', steps, 1, 1 << 24)
}
