import { crossProducts } from '../../algebra/cross-products.js'
import { randomRotation } from '../../algebra/rotation.js'
import { polarFactor } from '../../algebra/square.js'
import { allocCenters, type Centers, contribute, moveToMeans } from '../../clustering/centers.js'
import { assign } from '../../clustering/nearest.js'
import { seeded } from '../../clustering/random.js'
import type { Engine, Scratch } from '../../engine/engine.js'
import { copyOf, type Matrix } from '../../engine/vectors.js'
import { IvfError } from '../../errors.js'
import type { LongCallOptions } from '../../options.js'
import { checkCodebooks } from './size.js'
import { applyRotation, placeRotation } from './turn.js'

export interface RotationSettings {
  m: number
  k: number
  /** Rotations tried, each after the one before. */
  iterations: number
  /** Iterations of Lloyd's k-means for each of them. */
  lloydIterations: number
  /** Components that carry most of the variance side by side are better mixed first: 'random'. */
  start: 'identity' | 'random'
  seed: number
}

export const ROTATION_DEFAULTS: Readonly<Pick<RotationSettings, 'iterations' | 'lloydIterations' | 'start'>> = {
  iterations: 40,
  lloydIterations: 1,
  start: 'identity',
}

export interface Rotation {
  /** dim × dim, row-major, orthogonal: a vector x becomes R·x. */
  rotation: Float32Array
  /** The mean squared error of the sample under each rotation tried. */
  history: number[]
}

/** How much a rotation is held to the one before, so that directions without variance do not make it singular. */
const HELD = 1e-4

/**
 * The rotation under which product codes of these rows (of residuals, where codes are) lose least: codebooks and
 * rotation are bettered in turn (T. Ge, K. He, Q. Ke, J. Sun, "Optimized Product Quantization", 2013, the
 * non-parametric way). The best rotation for given codes is the orthogonal factor of X̂ᵀ·X. All rows are used.
 *
 * @throws IvfError ERR_DIM, ERR_TOO_FEW
 */
export async function trainRotation(
  engine: Engine,
  sample: Matrix,
  settings: RotationSettings,
  { signal, onProgress }: LongCallOptions,
): Promise<Rotation> {
  const { m, k, iterations, lloydIterations, start, seed } = settings
  const { dim, rows: count } = sample
  const width = checkCodebooks(dim, { m, k })
  if (count < k) {
    throw new IvfError('ERR_TOO_FEW', `${count} vectors cannot make ${k} codewords; give at least ${k} vectors`)
  }
  const rows = copyOf(sample)
  const history: number[] = []
  return engine.frame(async (scratch) => {
    const at = scratch.alloc(rows.byteLength)
    engine.floats(at, rows.length).set(rows)
    const training: Training = {
      ...{ engine, count, width, rows: at, original: rows, rotated: scratch.alloc(rows.byteLength), signal },
      labels: scratch.alloc(count * 4),
      spaces: Array.from({ length: m }, () => allocCenters(scratch, k, width)),
    }
    let rotation = start === 'random' ? await randomRotation(engine, dim, seed, { signal }) : identity(dim)
    for (let step = 0; step < iterations; step++) {
      signal?.throwIfAborted()
      await rotate(training, rotation)
      if (step === 0) await begin(training, seed)
      const coded = await engine.frame((own) => code(own, training, lloydIterations))
      history.push(coded.error / count)
      const better = await polarFactor(engine, await correlate(training, coded.rows, rotation), dim, { signal })
      onProgress?.({ phase: 'train', done: step + 1, total: iterations, delta: change(history) })
      if (!better) break
      rotation = better
    }
    return { rotation, history }
  })
}

function identity(dim: number): Float32Array {
  const matrix = new Float32Array(dim * dim)
  for (let i = 0; i < dim; i++) matrix[i * dim + i] = 1
  return matrix
}

interface Training {
  engine: Engine
  count: number
  width: number
  /** Address: count × dim, and the same outside. */
  rows: number
  original: Float32Array
  /** Address: m × count × width: the rotated rows, cut. */
  rotated: number
  labels: number
  spaces: Centers[]
  signal: AbortSignal | undefined
}

const MEANS = { normalize: false, halfNorm: true, countOffset: 0, normOffset: 0 }

async function rotate(
  { engine, count, width, rows, rotated, spaces, signal }: Training,
  rotation: Float32Array,
): Promise<void> {
  const dim = width * spaces.length
  await engine.frame(async (scratch) => {
    const panels = await placeRotation(engine, (bytes) => scratch.alloc(bytes), rotation, dim)
    const out = scratch.alloc(count * dim * 4)
    await applyRotation(engine, panels, rows, count, out, { signal })
    const from = engine.floats(out, count * dim)
    const to = engine.floats(rotated, count * dim)
    for (let i = 0; i < count * dim; i++) {
      const [row, j] = [Math.floor(i / dim), i % dim]
      to[(Math.floor(j / width) * count + row) * width + (j % width)] = from[i] as number
    }
  })
}

/** Codewords begin as subvectors of random rows. */
async function begin({ engine, count, width, rotated, spaces, signal }: Training, seed: number): Promise<void> {
  for (const [j, space] of spaces.entries()) {
    const k = space.table.count
    const own = engine.floats(rotated + j * count * width * 4, count * width)
    const sums = engine.floats(space.sums, k * width)
    seeded(seed + j)
      .sample(k, count)
      .forEach((row, n) => {
        sums.set(own.subarray(row * width, (row + 1) * width), n * width)
      })
    engine.floats(space.counts, k).fill(1)
    await moveToMeans(engine, space, MEANS, { signal })
  }
}

/** Betters the codewords. Returns what the rows become (count × dim) and their squared errors. */
async function code(
  scratch: Scratch,
  { engine, count, width, rotated, labels, spaces, signal }: Training,
  iterations: number,
): Promise<{ rows: Float32Array; error: number }> {
  const dim = width * spaces.length
  const coded = new Float32Array(count * dim)
  const distances = scratch.alloc(count * 4)
  let error = 0
  for (const [j, space] of spaces.entries()) {
    const { table, sums, counts, rows: words } = space
    const rows = rotated + j * count * width * 4
    for (let step = 0; ; step++) {
      await assign(engine, table, { rows, count }, { labels, distances }, { signal })
      if (step === iterations) break
      engine.floats(sums, table.count * width).fill(0)
      engine.floats(counts, table.count).fill(0)
      await contribute(engine, space, { rows, labels, count }, 1, { signal })
      await moveToMeans(engine, space, MEANS, { signal })
    }
    const [own, near, codebook] = [
      engine.floats(rows, count * width),
      engine.ints(labels, count),
      engine.floats(words, table.count * width),
    ]
    for (let t = 0; t < width; t++) {
      for (let i = 0; i < count; i++) {
        const word = codebook[(near[i] as number) * width + t] as number
        coded[i * dim + j * width + t] = word
        error += (word - (own[i * width + t] as number)) ** 2
      }
    }
  }
  return { rows: coded, error }
}

/** X̂ᵀ·X, and a little of the rotation that there is. coded: count × dim */
async function correlate(
  { engine, width, original, spaces, signal }: Training,
  coded: Float32Array,
  rotation: Float32Array,
): Promise<Float32Array> {
  const sums = await crossProducts(engine, coded, original, width * spaces.length, { signal })
  const scale = Math.sqrt(sums.reduce((sum, value) => sum + value * value, 0)) * HELD
  return Float32Array.from(sums, (value, i) => value + scale * (rotation[i] as number))
}

function change(history: readonly number[]): number {
  const [last, now] = [history.at(-2), history.at(-1) as number]
  return last === undefined || last === 0 ? 1 : Math.abs(last - now) / last
}
