import { allScores, type Codebook, nearestLabels } from './clustering/codebook.js'
import { type NextBatch, trainMiniBatch } from './clustering/minibatch.js'
import { randomBatches } from './clustering/sample.js'
import { asBatches, isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import { LazyEngine } from './lazy-engine.js'
import type { MiniBatchKMeansOptions } from './minibatch-kmeans.js'
import type { LongCallOptions } from './options.js'

/** What both classes share: settings, training, the vectors added. */
export class MiniBatchCore {
  readonly numCentroids: number
  readonly #subspaces: number
  readonly #settings: {
    historySize: number
    maxSteps: number
    tol: number
    minMaxRatioThreshold: number
    metric: 'cosine' | 'l2'
  }
  readonly #batchSize: number
  readonly #seed: number
  readonly #engine: LazyEngine
  #dim: number
  #book: Codebook | undefined
  #added: Added[] = []

  constructor(numCentroids: number, subspaces: number, options: MiniBatchKMeansOptions, maxSteps: number) {
    this.numCentroids = checkInteger('numCentroids', numCentroids, 1, 1 << 24)
    this.#subspaces = subspaces
    this.#batchSize = checkInteger('batchSize', options?.batchSize, 1, 1 << 24)
    this.#settings = {
      historySize: checkInteger('historySize', options.historySize ?? 10, 0, 1 << 16),
      maxSteps: checkInteger('maxSteps', options.maxSteps ?? maxSteps, 1),
      tol: checkNumber('tol', options.tol ?? 5e-5, 0),
      minMaxRatioThreshold: checkNumber('minMaxRatioThreshold', options.minMaxRatioThreshold ?? 0.005, 0, 1),
      metric: checkOneOf('metric', options.metric ?? 'cosine', ['cosine', 'l2']),
    }
    this.#seed = checkInteger('seed', options.seed ?? 1, 0, 0xffffffff)
    this.#dim = options.dim === undefined ? 0 : checkInteger('dim', options.dim, 1, 65536)
    this.#engine = new LazyEngine(options)
  }

  get rows(): number {
    return this.#added.reduce((sum, part) => sum + part.rows, 0)
  }

  async train(data: Vectors | VectorBatches, options: LongCallOptions): Promise<void> {
    options.signal?.throwIfAborted()
    const engine = await this.#engine.get()
    const source = isBatches(data) ? iterate(data) : undefined
    try {
      const first = source ? await source.next() : { value: data as Vectors }
      if (first.value === undefined)
        throw new IvfError('ERR_EMPTY', 'there are no batches to train on; give at least one')
      const matrix = toMatrix(first.value, this.#dim, 'vectors')
      const { dim } = matrix
      if (dim % this.#subspaces !== 0 || dim === 0) {
        throw new IvfError(
          'ERR_DIM',
          `dim ${dim} is not a multiple of ${this.#subspaces} subvectors; choose a divisor of ${dim}`,
        )
      }
      if (!source && matrix.rows < this.numCentroids) {
        throw new IvfError(
          'ERR_TOO_FEW',
          `${matrix.rows} vectors cannot make ${this.numCentroids} centroids; give at least ${this.numCentroids} vectors or ask for fewer centroids`,
        )
      }
      const next = source
        ? fromBatches(matrix, source, dim)
        : randomBatches(matrix, Math.min(this.#batchSize, matrix.rows), this.#seed)
      const [numCentroids, subspaces] = [this.numCentroids, this.#subspaces]
      const trained = await trainMiniBatch(engine, dim, next, { ...this.#settings, numCentroids, subspaces }, options)
      this.#dim = dim
      this.#book = { ...trained, numCentroids, subspaces, dim, metric: this.#settings.metric }
      this.#added = []
    } finally {
      await source?.return(undefined)
    }
  }

  async add(vectors: Vectors | VectorBatches, { signal, onProgress }: LongCallOptions): Promise<void> {
    const book = this.book()
    const engine = await this.#engine.get()
    const added: Added[] = []
    let done = 0
    for await (const batch of asBatches(vectors)) {
      signal?.throwIfAborted()
      const matrix = toMatrix(batch, book.dim, 'vectors')
      const labels = await nearestLabels(engine, book, matrix, signal)
      const kept = new Float32Array(matrix.rows * book.dim)
      matrix.copy(0, matrix.rows, kept)
      added.push({ rows: matrix.rows, vectors: kept, labels })
      done += matrix.rows
      onProgress?.({ phase: 'assign', done, total: isBatches(vectors) ? done : matrix.rows })
    }
    this.#added.push(...added)
  }

  async predict(vectors: Vectors, { signal }: LongCallOptions): Promise<Int32Array> {
    const book = this.book()
    return nearestLabels(await this.#engine.get(), book, toMatrix(vectors, book.dim, 'vectors'), signal)
  }

  async predictScores(vectors: Vectors, { signal }: LongCallOptions): Promise<Float32Array> {
    const book = this.book()
    return allScores(await this.#engine.get(), book, toMatrix(vectors, book.dim, 'vectors'), signal)
  }

  labels(): Int32Array {
    const { rows } = this
    const labels = new Int32Array(this.#subspaces * rows)
    let first = 0
    for (const part of this.#added) {
      for (let s = 0; s < this.#subspaces; s++)
        labels.set(part.labels.subarray(s * part.rows, (s + 1) * part.rows), s * rows + first)
      first += part.rows
    }
    return labels
  }

  vectors(): Float32Array {
    const all = new Float32Array(this.rows * this.#dim)
    let at = 0
    for (const { vectors } of this.#added) {
      all.set(vectors, at)
      at += vectors.length
    }
    return all
  }

  getVectors(ids: ArrayLike<number>): Float32Array {
    const dim = this.#dim
    const out = new Float32Array(ids.length * dim)
    for (let i = 0; i < ids.length; i++) {
      let row = checkInteger('id', ids[i], 0, this.rows - 1)
      const part = this.#added.find(({ rows }) => {
        const here = row < rows
        if (!here) row -= rows
        return here
      })
      out.set(part?.vectors.subarray(row * dim, (row + 1) * dim) ?? [], i * dim)
    }
    return out
  }

  book(): Codebook {
    if (!this.#book)
      throw new IvfError('ERR_NOT_TRAINED', 'the k-means is not trained yet; call and await train(data) first')
    return this.#book
  }

  close(): Promise<void> {
    return this.#engine.close()
  }
}

interface Added {
  rows: number
  vectors: Float32Array
  /** subspaces × rows */
  labels: Int32Array
}

async function* iterate(batches: VectorBatches): AsyncGenerator<Vectors, undefined> {
  for await (const batch of batches) yield batch
  return undefined
}

function fromBatches(first: Matrix, rest: AsyncIterator<Vectors>, dim: number): NextBatch {
  let begun = false
  return async () => {
    if (!begun) {
      begun = true
      return first
    }
    const { value, done } = await rest.next()
    return done ? undefined : toMatrix(value as Vectors, dim, 'vectors')
  }
}
