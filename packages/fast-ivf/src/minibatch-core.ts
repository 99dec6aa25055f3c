import { readBatches } from './clustering/batches.js'
import { allScores, type Codebook, nearestLabels } from './clustering/codebook.js'
import { KeptVectors, type Part } from './clustering/kept.js'
import type { BatchSource, MiniBatchSettings } from './clustering/minibatch.js'
import { randomBatches } from './clustering/sample.js'
import type { Engine } from './engine/engine.js'
import { checkFinite } from './engine/load.js'
import {
  asBatches,
  copyOf,
  isBatches,
  type Matrix,
  toMatrix,
  type VectorBatches,
  type Vectors,
} from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import type { MiniBatchKMeansOptions } from './minibatch-kmeans.js'
import type { LongCallOptions } from './options.js'
import { Session } from './session.js'

/** Vectors that were added, as every call takes them. */
export interface VectorBatch {
  /** dims[0] × dims[1], row-major. */
  data: Float32Array
  dims: [rows: number, dim: number]
}

/** What differs between the two classes. */
export interface MiniBatchDefaults {
  subspaces: number
  maxSteps: number
  metric: 'cosine' | 'l2'
}

/** What both classes share: settings, training, the vectors added. */
export class MiniBatchCore {
  readonly numCentroids: number
  readonly #settings: MiniBatchSettings
  readonly #batchSize: number
  readonly #seed: number
  /** As the options tell it, or 0: each training finds it out. */
  readonly #dim: number
  readonly #session: Session
  #state: { book: Codebook; kept: KeptVectors } | undefined

  constructor(numCentroids: number, defaults: MiniBatchDefaults, options: MiniBatchKMeansOptions) {
    this.numCentroids = checkInteger('numCentroids', numCentroids, 1, 1 << 24)
    this.#batchSize = checkInteger('batchSize', options?.batchSize, 1, 1 << 24)
    this.#settings = {
      numCentroids,
      subspaces: defaults.subspaces,
      historySize: checkInteger('historySize', options.historySize ?? 10, 0, 1 << 16),
      maxSteps: checkInteger('maxSteps', options.maxSteps ?? defaults.maxSteps, 1),
      tol: checkNumber('tol', options.tol ?? 5e-5, 0),
      minMaxRatioThreshold: checkNumber('minMaxRatioThreshold', options.minMaxRatioThreshold ?? 0.005, 0, 1),
      metric: checkOneOf('metric', options.metric ?? defaults.metric, ['cosine', 'l2']),
    }
    this.#seed = checkInteger('seed', options.seed ?? 1, 0, 0xffffffff)
    this.#dim = options.dim === undefined ? 0 : checkInteger('dim', options.dim, 1, 65536)
    if (this.#dim) this.#checkDim(this.#dim)
    this.#session = new Session(options)
  }

  get kept(): KeptVectors | undefined {
    return this.#state?.kept
  }

  train(data: Vectors | VectorBatches, options: LongCallOptions): Promise<void> {
    return this.#session.write(async (engine) => {
      options.signal?.throwIfAborted()
      const { subspaces, metric } = this.#settings
      const reader = isBatches(data) ? readBatches(data, this.#dim, options.signal) : undefined
      try {
        const [source, dim] = reader
          ? await this.#fromBatches(reader)
          : await this.#fromArray(engine, data as Vectors, options)
        const { trainMiniBatch } = await import('./clustering/minibatch.js')
        const trained = await trainMiniBatch(engine, dim, source, this.#settings, options)
        options.signal?.throwIfAborted()
        this.#state = {
          book: { ...trained, numCentroids: this.numCentroids, subspaces, dim, metric },
          kept: new KeptVectors(dim, subspaces),
        }
      } finally {
        await reader?.return(undefined)
      }
    })
  }

  add(data: Vectors | VectorBatches, options: LongCallOptions): Promise<void> {
    return this.#session.write(async (engine) => {
      const { signal } = options
      signal?.throwIfAborted()
      const { book, kept } = this.#trained()
      const parts: Part[] = []
      const whole = isBatches(data) ? undefined : toMatrix(data, book.dim, 'vectors')
      let done = 0
      const onRows = (rows: number): void =>
        options.onProgress?.({ phase: 'assign', done: done + rows, total: whole?.rows ?? done + rows })
      for await (const matrix of whole ? [whole] : readBatches(asBatches(data), book.dim, signal)) {
        const vectors = copyOf(matrix)
        const labels = await nearestLabels(engine, book, keeping(matrix, vectors), { signal, onRows })
        parts.push({ rows: matrix.rows, vectors, labels })
        done += matrix.rows
      }
      signal?.throwIfAborted()
      kept.push(parts)
    })
  }

  predict(vectors: Vectors, { signal }: LongCallOptions): Promise<Int32Array> {
    return this.#session.read(async (engine) => {
      const book = this.book()
      signal?.throwIfAborted()
      return nearestLabels(engine, book, toMatrix(vectors, book.dim, 'vectors'), { signal })
    })
  }

  predictScores(vectors: Vectors, { signal }: LongCallOptions): Promise<Float32Array> {
    return this.#session.read(async (engine) => {
      const book = this.book()
      signal?.throwIfAborted()
      return allScores(engine, book, toMatrix(vectors, book.dim, 'vectors'), { signal })
    })
  }

  book(): Codebook {
    return this.#trained().book
  }

  get(ids: ArrayLike<number>): Float32Array {
    return this.#trained().kept.get(ids)
  }

  batches(size: number): Generator<VectorBatch, undefined> {
    return batchesOf(this.#trained().kept, checkInteger('size', size, 1), this.book().dim)
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #fromBatches(reader: AsyncGenerator<Matrix, undefined>): Promise<[BatchSource, number]> {
    let first = (await reader.next()).value
    if (!first)
      throw new IvfError(
        'ERR_EMPTY',
        'there are no vectors in the batches to train on; give at least numCentroids of them',
      )
    this.#checkDim(first.dim)
    const next = async (): Promise<Matrix | undefined> => {
      const matrix = first ?? (await reader.next()).value
      first = undefined
      return matrix
    }
    return [{ next, ahead: false }, first.dim]
  }

  async #fromArray(engine: Engine, data: Vectors, { signal }: LongCallOptions): Promise<[BatchSource, number]> {
    const matrix = toMatrix(data, this.#dim, 'vectors')
    if (matrix.rows === 0)
      throw new IvfError('ERR_EMPTY', 'there are no vectors to train on; give at least numCentroids of them')
    this.#checkDim(matrix.dim)
    if (matrix.rows < this.numCentroids) {
      throw new IvfError(
        'ERR_TOO_FEW',
        `${matrix.rows} vectors cannot make ${this.numCentroids} centroids; give at least ${this.numCentroids} vectors or ask for fewer centroids`,
      )
    }
    // Before the long work, and not only the rows that are drawn.
    await checkFinite(engine, matrix, 'vectors', signal)
    return [randomBatches(matrix, this.#batchSize, this.#seed), matrix.dim]
  }

  #checkDim(dim: number): void {
    const { subspaces } = this.#settings
    if (dim % subspaces !== 0)
      throw new IvfError(
        'ERR_DIM',
        `dim ${dim} cannot be cut into ${subspaces} equal subvectors; choose a numSubvectors that divides ${dim}`,
      )
  }

  #trained(): { book: Codebook; kept: KeptVectors } {
    if (!this.#state)
      throw new IvfError('ERR_NOT_TRAINED', 'the k-means is not trained yet; call and await train(data) first')
    return this.#state
  }
}

function* batchesOf(kept: KeptVectors, size: number, dim: number): Generator<VectorBatch, undefined> {
  for (let from = 0; from < kept.rows; from += size) {
    const to = Math.min(from + size, kept.rows)
    yield { data: kept.slice(from, to), dims: [to - from, dim] }
  }
  return undefined
}

/** The same rows, read from the copy that is kept. */
function keeping(matrix: Matrix, vectors: Float32Array): Matrix {
  const { dim } = matrix
  return { ...matrix, copy: (from, to, target) => target.set(vectors.subarray(from * dim, to * dim)) }
}
