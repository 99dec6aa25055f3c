import { lanesOf } from '../../clustering/nearest.js'
import type { Engine, Scratch } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { recordSize } from '../../engine/layout.js'
import type { Matrix } from '../../engine/vectors.js'
import { allocBatch, type Batch, loadBatch } from './batch.js'
import { columnFloats, type Layer, learn, rounded } from './layer.js'
import type { Standard } from './standard.js'

const ROWS = 16 // per item
const SHARE = recordSize('Share') / 4 // floats

/** Memory of a step. */
export interface Learner {
  readonly batch: Batch
  readonly width: number
  readonly unit: boolean
  readonly squared: boolean
  readonly made: number
  readonly madePanels: number
  readonly madeColumns: number
  readonly lengths: number
  readonly before: number
  readonly after: number
  readonly shares: number
  readonly delta: number
}

/** `count` rows of a batch, a multiple of 16; `unit`: likeness is the cosine; `squared`: minus half the squared distance. */
export interface LearnerShape {
  count: number
  dim: number
  width: number
  unit: boolean
  squared: boolean
}

export function allocLearner(scratch: Scratch, shape: LearnerShape, standard: Standard): Learner {
  const { count, dim, unit, squared } = shape
  const width = rounded(shape.width)
  return {
    batch: allocBatch(scratch, count, dim, standard, { panels: true }),
    ...{ width, unit, squared },
    made: scratch.alloc(count * width * 4),
    madePanels: scratch.alloc(count * width * 4),
    madeColumns: scratch.alloc(columnFloats(count, width) * 4),
    lengths: scratch.alloc(count * recordSize('Length')),
    before: scratch.alloc(count * count * 4),
    after: scratch.alloc(count * count * 4),
    shares: scratch.alloc(count * SHARE * 4),
    delta: scratch.alloc(count * width * 4),
  }
}

/** How a step is taken. */
export interface Step {
  /** What likeness is multiplied by in exponents. */
  sharpness: number
  rate: number
  /** Counted from 1. */
  number: number
}

/**
 * One step with these rows of the sample; returns the loss. Each row gives the others shares that rise with the
 * exponential of their likeness; the loss is the relative entropy of these shares before the map to those after
 * (G. Hinton, S. Roweis, "Stochastic Neighbor Embedding", 2002, with a linear map and one sharpness for all).
 */
export async function takeStep(
  engine: Engine,
  learner: Learner,
  layer: Layer,
  sample: Matrix,
  rows: Uint32Array,
  { sharpness, rate, number }: Step,
  options: RunOptions,
): Promise<number> {
  const { batch, delta } = learner
  await loadBatch(engine, batch, sample, rows, undefined, options)
  await runPairs(engine, learner, layer, sharpness, ['embedRows', 'comparePairs', 'matchPairs'], options)
  await learn(engine, layer, { delta, count: batch.count, inputs: batch.columns }, rate, number, options)
  const shares = engine.floats(learner.shares, batch.count * SHARE)
  let loss = 0
  for (let at = 0; at < shares.length; at += SHARE) {
    const [most, sum, mostAfter, sumAfter, gap] = shares.subarray(at, at + SHARE) as unknown as Numbers
    loss += sharpness * (gap + mostAfter - most) + Math.log(sumAfter / sum)
  }
  return loss / batch.count
}

type Numbers = [number, number, number, number, number]

/** count × count likenesses of these rows, a row's own very low; a copy. */
export async function likenesses(
  engine: Engine,
  learner: Learner,
  layer: Layer,
  sample: Matrix,
  rows: Uint32Array,
  options: RunOptions,
): Promise<Float32Array> {
  const { batch, before } = learner
  await loadBatch(engine, batch, sample, rows, undefined, options)
  await runPairs(engine, learner, layer, 1, ['embedRows', 'comparePairs'], options)
  return engine.floats(before, batch.count ** 2).slice()
}

async function runPairs(
  engine: Engine,
  { batch, width, unit, squared, ...own }: Learner,
  layer: Layer,
  sharpness: number,
  kernels: readonly ('embedRows' | 'comparePairs' | 'matchPairs')[],
  options: RunOptions,
): Promise<void> {
  const { count, width: dim, rows, panels } = batch
  const costs = { embedRows: dim * width, comparePairs: count * (dim + width + 16), matchPairs: count * (width + 32) }
  const most = count * Math.max(...Object.values(costs))
  await engine.frame(async (scratch) => {
    const record = scratch.record('Pairs', {
      ...{ rows, panels, dim, count, block: ROWS, group: engine.tileRows, weights: layer.panels, width },
      ...{ unit: unit ? 1 : 0, squared: squared ? 1 : 0, sharpness, ...own },
      ...lanesOf(scratch, most, 4 * ROWS * (Math.max(dim, width, count) + count)),
    })
    for (const kernel of kernels) {
      await engine.run({ kernel, record, count: count / ROWS }, { cost: count * costs[kernel], ...options })
    }
  })
}
