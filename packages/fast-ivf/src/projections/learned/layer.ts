import { lanesOf } from '../../clustering/nearest.js'
import { seeded } from '../../clustering/random.js'
import type { Engine, Scratch } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { PANEL } from '../../engine/panels.js'

/** A dense layer that learns. Widths are multiples of 16; what is beyond the real ones is zero and stays so. */
export interface Layer {
  readonly units: number
  readonly width: number
  /** Address: units × width, and after it the moments likewise. */
  readonly weights: number
  /** Address: units, and after it the moments likewise; or 0. */
  readonly bias: number
  /** Address: the weights' rows in panels. */
  readonly panels: number
  /** Address: the weights' columns in panels; or 0. */
  readonly columns: number
}

/** Rows of a batch with the change of the loss, and what the layer took in. */
export interface Gradient {
  /** Address: count × units. */
  delta: number
  count: number
  /** Address: columns of the inputs in panels. */
  inputs: number
}

/** Keras' and everybody's defaults for Adam. */
const ADAM = { decay1: 0.9, decay2: 0.999, epsilon: 1e-7 }
const UNITS = 16 // per item
/** Of one weight, in multiply-adds: a root and a division. */
const ADAM_COST = 40

/** The next multiple of 16, as tiles want widths. */
export function rounded(width: number): number {
  return Math.ceil(width / 16) * 16
}

export function allocLayer(
  scratch: Scratch,
  units: number,
  width: number,
  { bias, columns }: { bias: boolean; columns: boolean },
): Layer {
  return {
    units,
    width,
    weights: scratch.zeros(3 * units * width),
    bias: bias ? scratch.zeros(3 * units) : 0,
    panels: scratch.zeros(units * width),
    columns: columns ? scratch.zeros(units * width) : 0,
  }
}

/** Fills the layer with weights (rows of `width` numbers each; the rest stays zero). */
export async function setWeights(engine: Engine, layer: Layer, weights: Float32Array, width: number): Promise<void> {
  const target = engine.floats(layer.weights, layer.units * layer.width)
  for (let row = 0; row * width < weights.length; row++) {
    target.set(weights.subarray(row * width, (row + 1) * width), row * layer.width)
  }
  await engine.frame((scratch) => {
    const record = recordOf(scratch, layer, { delta: 0, count: 0, inputs: 0 }, 0, 0)
    return engine.run({ kernel: 'placeLayer', record, count: Math.ceil(layer.units / UNITS) }, { cost: 0 })
  })
}

/** The weights (units × width) without what is beyond these. */
export function getWeights(engine: Engine, layer: Layer, units: number, width: number): Float32Array {
  const from = engine.floats(layer.weights, layer.units * layer.width)
  const weights = new Float32Array(units * width)
  for (let row = 0; row < units; row++) {
    weights.set(from.subarray(row * layer.width, row * layer.width + width), row * width)
  }
  return weights
}

/** units × width numbers within ±√(6 / (units + width)) (X. Glorot, Y. Bengio, 2010). */
export function glorot(units: number, width: number, seed: number): Float32Array {
  const random = seeded(seed)
  const limit = Math.sqrt(6 / (units + width))
  return Float32Array.from({ length: units * width }, () => (random.below(1 << 24) / (1 << 23) - 1) * limit)
}

/** One step of Adam; `step` counts from 1. */
export async function learn(
  engine: Engine,
  layer: Layer,
  gradient: Gradient,
  rate: number,
  step: number,
  options: RunOptions,
): Promise<void> {
  const { units, width } = layer
  const { decay1, decay2 } = ADAM
  const now = (rate * Math.sqrt(1 - decay2 ** step)) / (1 - decay1 ** step)
  const cost = units * width * (gradient.count + ADAM_COST)
  await engine.frame((scratch) => {
    const record = recordOf(scratch, layer, gradient, now, cost)
    return engine.run({ kernel: 'updateLayer', record, count: Math.ceil(units / UNITS) }, { cost, ...options })
  })
}

function recordOf(scratch: Scratch, layer: Layer, gradient: Gradient, rate: number, cost: number): number {
  const { width } = layer
  const bytes = 4 * UNITS * (gradient.count + width)
  const group = scratch.engine.tileRows
  return scratch.record('Layer', {
    ...{ ...layer, ...gradient, ...ADAM, rate, block: UNITS, group },
    ...lanesOf(scratch, cost, bytes),
  })
}

/** Floats of `width` columns of `count` rows in panels. */
export function columnFloats(count: number, width: number): number {
  return Math.ceil(width / PANEL) * PANEL * count
}
