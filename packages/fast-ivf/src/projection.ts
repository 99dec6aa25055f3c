import { checkFinite, chunkRows } from './engine/load.js'
import { copyOf, isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkOneOf, IvfError, show } from './errors.js'
import { collectBatches } from './ivf/batches.js'
import { projectRows } from './ivf/project.js'
import { checkMetric } from './ivf-options.js'
import type { LongCallOptions, Metric } from './options.js'
import { placeProjection } from './projections/place.js'
import type { ProjectionParameters } from './projections/projection.js'
import { kinds, projectionOf } from './projections/registry.js'
import type { RuntimeOptions } from './runtime.js'
import { Session } from './session.js'
import { canonical } from './spec.js'
import type { SourceInput } from './storage/source.js'

/** Options of `Projection.train`. */
export interface ProjectionOptions extends RuntimeOptions, LongCallOptions {
  /**
   * Which projection, with the components it gives: `AE64` learns to keep near vectors near; `NET64` is the
   * original's network; `PCA64` and `PCAC64` (centred for every metric) are principal components; `RR64` is random and
   * orthogonal; `T64` takes the first components, for Matryoshka embeddings; `L2norm` divides by the norm.
   */
  spec: string
  /** What projected vectors are compared by. Default 'cosine': then they have length 1. */
  metric?: Metric
  /** Components per vector; needed when the vectors are a flat array or batches. */
  dim?: number
  /** Default 1. */
  seed?: number
}

/** A dense layer from elsewhere. */
export interface DenseLayer {
  /** The weight as a matrix: { data, dims } as a reader of npy files gives it, or an array of rows. */
  weight: Vectors
  /** One number per component of what comes out. */
  bias?: ArrayLike<number>
  /**
   * How the weight lies: 'out-in' as PyTorch's `nn.Linear` has it (a row per component of what comes out), 'in-out' as
   * Keras' `Dense` kernel has it (a row per component of what goes in). There is no default: a square one tells nothing.
   */
  layout: 'out-in' | 'in-out'
  /** What projected vectors are compared by. Default 'cosine': vectors are normalized before and after. */
  metric?: Metric
}

/**
 * What is done to vectors before they are stored: they become shorter. An affine map, learned or not; after it, for
 * cosine, vectors are divided by their norm. It can be used alone (`apply`), given to `CompressedFastIVF`, and kept as a
 * safetensors file: `weight` (width × dim, as PyTorch has it) and `bias` (width), as far as there are any.
 */
export class Projection {
  /** Its name in a spec: `AE64`. */
  readonly spec: string
  readonly metric: Metric
  /** Components of the vectors that it takes. */
  readonly dim: number
  /** Components of what it gives. */
  readonly width: number
  /** What it is made of. */
  readonly parameters: ProjectionParameters
  readonly #session: Session

  private constructor(parameters: ProjectionParameters, runtime: RuntimeOptions) {
    this.parameters = parameters
    this.spec = parameters.word
    this.metric = parameters.metric
    this.dim = parameters.dim
    this.width = parameters.width
    this.#session = new Session(runtime)
  }

  /** A projection of parameters that another one has. */
  static of(parameters: ProjectionParameters, runtime: RuntimeOptions = {}): Projection {
    return new Projection(parameters, runtime)
  }

  /**
   * Learns from a sample.
   *
   * @param sample n × dim; of batches the first 65,536 vectors, or 8 MB if those are more
   * @throws IvfError ERR_ARGUMENT; ERR_DIM when more components are asked for than there are; ERR_TOO_FEW, ERR_EMPTY,
   *   ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  static async train(sample: Vectors | VectorBatches, options: ProjectionOptions): Promise<Projection> {
    const { signal, onProgress } = options ?? {}
    const plan = typeof options?.spec === 'string' ? projectionOf(canonical(options.spec.trim())) : undefined
    if (!plan) {
      const words = kinds.map((kind) => kind.words).join(', ')
      throw new IvfError('ERR_ARGUMENT', `spec is ${show(options?.spec)}, which is none of ${words}`)
    }
    const metric = checkMetric(options.metric)
    const seed = checkInteger('seed', options.seed ?? 1, 0, 0xffffffff)
    const session = new Session(options)
    try {
      const matrix = await sampleOf(sample, options)
      const { dim } = matrix
      plan.width(dim)
      const parameters = await session.read(async (engine) => {
        await checkFinite(engine, matrix, 'vectors', signal)
        const training = { engine, metric, dim, sample: matrix, centroids: undefined, seed }
        return plan.train({ ...training, options: { signal, onProgress } })
      })
      return new Projection(parameters, options)
    } finally {
      await session.close()
    }
  }

  /**
   * A projection of a trained dense layer.
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT
   */
  static fromDense({ weight, bias, layout, metric }: DenseLayer, runtime: RuntimeOptions = {}): Projection {
    checkOneOf('layout', layout, ['out-in', 'in-out'])
    const matrix = toMatrix(weight, 0, 'weight')
    const rows = copyOf(matrix)
    const [width, dim] = layout === 'out-in' ? [matrix.rows, matrix.dim] : [matrix.dim, matrix.rows]
    if (rows.length === 0) throw new IvfError('ERR_EMPTY', 'weight is empty; give a matrix')
    if (bias && bias.length !== width) {
      throw new IvfError(
        'ERR_DIM',
        `bias holds ${bias.length} numbers, but the layer gives ${width} components (layout '${layout}'); is the weight the other way round?`,
      )
    }
    const own = layout === 'out-in' ? rows : turned(rows, dim, width)
    const added = bias ? Float32Array.from(bias) : undefined
    for (const [name, numbers] of Object.entries({ weight: own, bias: added })) {
      const i = numbers?.findIndex((value) => !Number.isFinite(value)) ?? -1
      if (i >= 0)
        throw new IvfError('ERR_NOT_FINITE', `${name} holds ${numbers?.[i]}; was the layer trained to its end?`)
    }
    const nearness = checkMetric(metric)
    const parameters = { word: `DENSE${width}`, metric: nearness, dim, width, weight: own, bias: added }
    return new Projection({ ...parameters, unit: nearness === 'cosine' }, runtime)
  }

  /**
   * Reads what `toSafetensors` has written, or any file that holds a dense layer as `weight` (width × dim) and `bias`.
   *
   * @param source a path, a URL, a Blob or bytes
   * @throws IvfError ERR_NOT_FOUND, ERR_FORMAT, ERR_NOT_FINITE
   */
  static async fromSafetensors(source: SourceInput, runtime: RuntimeOptions = {}): Promise<Projection> {
    const { fromSafetensors } = await import('./projection-file.js')
    return new Projection(await fromSafetensors(source), runtime)
  }

  /** The bytes of a safetensors file: read back, they project to the last bit alike. Python's safetensors reads it, too. */
  async toSafetensors(): Promise<Uint8Array<ArrayBuffer>> {
    const { toSafetensors } = await import('./projection-file.js')
    return toSafetensors(this.parameters)
  }

  /**
   * What becomes of the vectors: n × width, row-major.
   *
   * @param vectors n × dim, or a single vector
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY, ERR_CLOSED; the signal's reason
   */
  async apply(vectors: Vectors, { signal }: Pick<LongCallOptions, 'signal'> = {}): Promise<Float32Array> {
    const matrix = toMatrix(vectors, this.dim, 'vectors')
    return this.#session.read((engine) =>
      engine.frame(async (scratch) => {
        const place = await placeProjection(engine, (bytes) => scratch.alloc(bytes), this.parameters, signal)
        return projectRows(engine, place, matrix, { signal })
      }),
    )
  }

  /** Frees the memory when the calls in progress have ended; later calls of `apply` reject with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#session.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const SAMPLE = 65536

async function sampleOf(sample: Vectors | VectorBatches, options: ProjectionOptions): Promise<Matrix> {
  if (!isBatches(sample)) {
    const matrix = toMatrix(sample, options.dim ?? 0, 'vectors')
    if (matrix.dim > 0) return matrix
    throw new IvfError('ERR_EMPTY', 'there are no vectors to learn from, not even their dim; give some')
  }
  const dim = checkInteger('dim', options.dim, 1, 65536)
  const parts = collectBatches(sample, dim, Math.max(SAMPLE, chunkRows(dim)), options.signal)
  try {
    const first = (await parts.next()).value
    if (first) return first
    throw new IvfError('ERR_EMPTY', 'there are no vectors to learn from')
  } finally {
    await parts.return(undefined)
  }
}

/** rows × columns becomes columns × rows. */
function turned(matrix: Float32Array, rows: number, columns: number): Float32Array {
  return Float32Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] as number)
}
