import { lanesOf } from '../../clustering/nearest.js'
import { seeded } from '../../clustering/random.js'
import type { Engine, Scratch } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import type { Matrix } from '../../engine/vectors.js'
import { placeProjection, projected } from '../place.js'
import type { ProjectionParameters, ProjectionTraining } from '../projection.js'
import { allocBatch, type Batch, loadBatch } from './batch.js'
import { cellsOf } from './cells.js'
import { allocLayer, columnFloats, getWeights, glorot, type Layer, learn, rounded, setWeights } from './layer.js'
import { checkWeights, notFinite } from './loss.js'
import { epochSteps, type Schedule } from './schedule.js'
import { ofVectors, type Standard, standardOf } from './standard.js'

export const DROPOUT = 0.2
export const SMOOTHING = 0.01
const TOP = 10
const REPORTS = 10 // per epoch
const ROWS = 16 // per item

/**
 * The original's network: dropout, a dense layer of `width`, ReLU, a dense layer that tells the cell by softmax; the
 * cross-entropy with smoothed labels is lowered by Adam. The first layer without its ReLU is the projection.
 *
 * @throws IvfError ERR_NOT_FINITE
 */
export async function trainSupervised(
  training: ProjectionTraining,
  word: string,
  settings: Schedule,
): Promise<ProjectionParameters> {
  const { engine, metric, dim, sample, seed, options } = training
  const { signal } = options
  const { width, batchSize, epochs, learningRate } = settings
  const stepsPerEpoch = epochSteps(settings, sample.rows)
  const { labels, nlist } = await cellsOf(training, sample)
  const standard = standardOf(metric, sample, seed)
  return engine.frame(async (scratch) => {
    const network = await allocNetwork(scratch, { dim, width, classes: nlist, batchSize, standard, seed })
    const next = passes(sample.rows, seed)
    const rows = new Uint32Array(batchSize)
    const total = epochs * stepsPerEpoch
    for (let epoch = 0; epoch < epochs; epoch++) {
      const sums = { loss: 0, right: 0, near: 0 }
      for (let i = 0; i < stepsPerEpoch; i++) {
        signal?.throwIfAborted()
        for (let j = 0; j < rows.length; j++) rows[j] = next()
        const step = epoch * stepsPerEpoch + i
        const told = await trainNetwork(engine, network, sample, rows, labels, learningRate, step + 1, { signal })
        if (!Number.isFinite(told.loss)) throw notFinite(told.loss, step, learningRate)
        sums.loss += told.loss
        sums.right += told.right
        sums.near += told.near
        if ((i + 1) % Math.ceil(stepsPerEpoch / REPORTS) !== 0 && i + 1 < stepsPerEpoch) continue
        const seen = (i + 1) * batchSize
        options.onProgress?.({
          ...{ phase: 'compress', done: step + 1, total, epoch: epoch + 1 },
          ...{ loss: sums.loss / (i + 1), accuracy: sums.right / seen, top10Accuracy: sums.near / seen },
        })
      }
    }
    const { first } = network
    const [weight, bias] = [getWeights(engine, first, width, dim), engine.floats(first.bias, width).slice()]
    checkWeights(weight, learningRate)
    checkWeights(bias, learningRate)
    const unit = metric === 'cosine'
    const plain = { word, metric, dim, width, ...ofVectors(weight, bias, standard), unit }
    if (unit) return plain
    return { ...plain, ...ofVectors(weight, bias, standard, await shrinkage(engine, plain, network.batch, standard)) }
  })
}

/** Two dense layers, and memory of a step. */
export interface Network {
  readonly batch: Batch
  readonly classes: number
  readonly first: Layer
  readonly second: Layer
  readonly hidden: number
  readonly delta1: number
  readonly delta2: number
  readonly labels: number
  readonly losses: number
  readonly ranks: number
  /** Of the components that go. */
  readonly seed: number
}

export interface NetworkShape {
  dim: number
  width: number
  classes: number
  batchSize: number
  standard: Standard
  seed: number
}

export async function allocNetwork(scratch: Scratch, shape: NetworkShape): Promise<Network> {
  const { dim, width, classes, batchSize: count, standard, seed } = shape
  const { engine } = scratch
  const [inputs, middle, outputs] = [rounded(dim), rounded(width), rounded(classes)]
  const first = allocLayer(scratch, middle, inputs, { bias: true, columns: false })
  const second = allocLayer(scratch, outputs, middle, { bias: true, columns: true })
  await setWeights(engine, first, glorot(width, dim, seed), dim)
  await setWeights(engine, second, glorot(classes, width, (seed ^ 0x6a09e667) >>> 0), width)
  const whole = Math.ceil(count / 4) * 4
  return {
    ...{ classes, first, second, seed },
    batch: allocBatch(scratch, count, dim, standard, { panels: false }),
    hidden: scratch.alloc(columnFloats(count, middle) * 4),
    delta1: scratch.alloc(whole * middle * 4),
    delta2: scratch.alloc(whole * outputs * 4),
    labels: scratch.alloc(count * 4),
    losses: scratch.alloc(count * 8),
    ranks: scratch.alloc(count * 4),
  }
}

/** One batch of rows of the sample; returns the mean loss and how many rows were told right, and among the ten likeliest. */
export async function trainNetwork(
  engine: Engine,
  network: Network,
  sample: Matrix,
  rows: Uint32Array,
  labels: ArrayLike<number>,
  learningRate: number,
  step: number,
  options: RunOptions,
): Promise<{ loss: number; right: number; near: number }> {
  const { batch, first, second, delta1, delta2, hidden } = network
  const { count } = batch
  const dropout = { rate: DROPOUT, seed: (network.seed + step * count * batch.width) >>> 0 }
  await loadBatch(engine, batch, sample, rows, dropout, options)
  const own = engine.ints(network.labels, count)
  rows.forEach((row, i) => {
    own[i] = labels[row] as number
  })
  await classify(engine, network, options)
  await learn(engine, second, { delta: delta2, count, inputs: hidden }, learningRate, step, options)
  await learn(engine, first, { delta: delta1, count, inputs: batch.columns }, learningRate, step, options)
  const told = engine.floats(network.losses, count * 2)
  let [loss, right, near] = [0, 0, 0]
  engine.ints(network.ranks, count).forEach((rank, i) => {
    loss += Math.log(told[2 * i] as number) - (told[2 * i + 1] as number)
    if (rank === 0) right++
    if (rank < TOP) near++
  })
  return { loss: loss / count, right, near }
}

async function classify(engine: Engine, network: Network, options: RunOptions): Promise<void> {
  const { batch, first, second, classes, hidden, delta1, delta2, labels, losses, ranks } = network
  const { count, width: dim, rows } = batch
  const [width, outputs] = [first.units, second.units]
  // An exponential costs what some multiply-adds cost.
  const cost = count * (width * (dim + 2 * outputs) + 16 * outputs)
  await engine.frame((scratch) => {
    const record = scratch.record('Network', {
      ...{ rows, dim, count, block: ROWS, group: engine.tileRows, labels },
      ...{ weights1: first.panels, bias1: first.bias, width },
      ...{ weights2: second.panels, columns2: second.columns, bias2: second.bias, outputs, classes },
      ...{ smoothing: SMOOTHING, hidden, delta1, delta2, losses, ranks },
      ...lanesOf(scratch, cost, 4 * ROWS * (Math.max(dim, width, outputs) + width)),
    })
    return engine.run({ kernel: 'classifyRows', record, count: Math.ceil(count / ROWS) }, { cost, ...options })
  })
}

/** Rows in random order, all of them once before any comes again. */
function passes(count: number, seed: number): () => number {
  const random = seeded((seed ^ 0x3c6ef372) >>> 0)
  let order = new Uint32Array(0)
  let at = 0
  return () => {
    if (at === order.length) {
      order = random.sample(count, count) as Uint32Array<ArrayBuffer>
      at = 0
    }
    return order[at++] as number
  }
}

/** What makes projected vectors as long as vectors are, so that scores are of their size: by the last batch. */
function shrinkage(
  engine: Engine,
  parameters: ProjectionParameters,
  { loaded, count, dim }: Batch,
  { mean }: Standard,
): Promise<number> {
  return engine.frame(async (scratch) => {
    const place = await placeProjection(engine, (bytes) => scratch.alloc(bytes), parameters)
    const out = await projected(scratch, place, loaded, count, { name: 'vectors' })
    const [before, after] = [spread(loaded, dim), spread(out, parameters.width)]
    return before > 0 && after > 0 ? Math.sqrt(before / after) : 1

    function spread(at: number, width: number): number {
      const rows = engine.floats(at, count * width)
      const [sums, squares] = [new Float64Array(width), new Float64Array(width)]
      rows.forEach((value, i) => {
        sums[i % width] = (sums[i % width] as number) + value
        squares[i % width] = (squares[i % width] as number) + value * value
      })
      const all = squares.reduce((sum, square) => sum + square, 0)
      // About the mean for l2, whose distances do not see it; of equal rows mere rounding is left, of either sign.
      const about = mean ? sums.reduce((left, sum) => left - sum ** 2 / count, all) : all
      return about > 1e-12 * all ? about : 0
    }
  })
}
