import { trainLloyd } from '../../clustering/lloyd.js'
import { trainMiniBatch } from '../../clustering/minibatch.js'
import { randomBatches, sampleRows } from '../../clustering/sample.js'
import type { Engine } from '../../engine/engine.js'
import { copyOf, type Matrix } from '../../engine/vectors.js'
import { IvfError } from '../../errors.js'
import type { LongCallOptions } from '../../options.js'
import { type CodebookSize, checkCodebooks } from './size.js'

/** What subvectors are replaced with: k codewords for each of m subspaces. */
export interface Codebooks {
  readonly m: number
  readonly k: number
  /** Components of a subvector: dim / m. */
  readonly width: number
  /** m × k × width */
  readonly words: Float32Array
}

export interface MiniBatchCodebookSettings extends CodebookSize {
  batchSize: number
  maxSteps: number
  tol: number
  historySize: number
  minMaxRatioThreshold: number
  seed: number
}

/** The original's settings, but for m and k. */
export const MINI_BATCH_DEFAULTS: Readonly<Omit<MiniBatchCodebookSettings, 'm' | 'k' | 'seed'>> = {
  batchSize: 128,
  maxSteps: 1000,
  tol: 5e-5,
  historySize: 10,
  minMaxRatioThreshold: 0.005,
}

export interface LloydCodebookSettings extends CodebookSize {
  iterations: number
  pointsPerCodeword: number
  seed: number
}

export const LLOYD_DEFAULTS: Readonly<Pick<LloydCodebookSettings, 'iterations' | 'pointsPerCodeword'>> = {
  iterations: 10,
  pointsPerCodeword: 256,
}

/** The original's way: one mini-batch k-means per subspace over the same batches. @throws IvfError ERR_DIM, ERR_TOO_FEW */
export async function trainCodebooksMiniBatch(
  engine: Engine,
  matrix: Matrix,
  { m, k, batchSize, seed, ...settings }: MiniBatchCodebookSettings,
  options: LongCallOptions,
): Promise<Codebooks> {
  const width = checkCodebooks(matrix.dim, { m, k })
  checkEnough(matrix, k)
  const { centroids } = await trainMiniBatch(
    engine,
    matrix.dim,
    randomBatches(matrix, batchSize, seed),
    { ...settings, numCentroids: k, subspaces: m, metric: 'l2' },
    options,
  )
  return { m, k, width, words: centroids }
}

/** Lloyd's k-means in each subspace, over one sample of the rows. @throws IvfError ERR_DIM, ERR_TOO_FEW */
export async function trainCodebooksLloyd(
  engine: Engine,
  matrix: Matrix,
  { m, k, iterations, pointsPerCodeword, seed }: LloydCodebookSettings,
  { signal, onProgress }: LongCallOptions,
): Promise<Codebooks> {
  const width = checkCodebooks(matrix.dim, { m, k })
  checkEnough(matrix, k)
  const sample = copyOf(sampleRows(matrix, k * pointsPerCodeword, seed))
  const words = new Float32Array(m * k * width)
  for (let j = 0; j < m; j++) {
    const { centroids } = await trainLloyd(
      engine,
      columns(sample, matrix.dim, j * width, width),
      { numCentroids: k, iterations, pointsPerCentroid: pointsPerCodeword, metric: 'l2', seed: (seed + j) >>> 0 },
      {
        signal,
        onProgress: (step) => onProgress?.({ ...step, done: j * iterations + step.done, total: m * iterations }),
      },
    )
    words.set(centroids, j * k * width)
  }
  return { m, k, width, words }
}

function checkEnough({ rows }: Matrix, k: number): void {
  if (rows >= k) return
  throw new IvfError(
    'ERR_TOO_FEW',
    `${rows} vectors cannot make ${k} codewords; give at least ${k} vectors or ask for fewer codewords`,
  )
}

/** Components first … first + width of row-major data, as rows. */
function columns(data: Float32Array, dim: number, first: number, width: number): Matrix {
  return {
    rows: data.length / dim,
    dim: width,
    copy(from, to, target) {
      for (let i = from; i < to; i++) {
        const at = i * dim + first
        for (let t = 0; t < width; t++) target[(i - from) * width + t] = data[at + t] as number
      }
    },
  }
}
