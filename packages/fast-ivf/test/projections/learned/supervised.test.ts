import { afterAll, expect, test } from 'vitest'
import { seeded } from '../../../src/clustering/random.js'
import { toMatrix } from '../../../src/engine/vectors.js'
import { getWeights, glorot } from '../../../src/projections/learned/layer.js'
import {
  allocNetwork,
  DROPOUT,
  type Network,
  SMOOTHING,
  trainNetwork,
} from '../../../src/projections/learned/supervised.js'
import { createEngine } from '../../../src/runtime.js'
import { mixture } from '../../mixture.js'
import { classify, gradientOf, type PlainNetwork, plainLayer, type Rows, stays, trainStep } from './reference.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const standard = { normalize: false, mean: undefined, scale: 1 }
const SHAPES = [
  { dim: 16, width: 16, classes: 16, batchSize: 16 },
  { dim: 5, width: 3, classes: 7, batchSize: 9 },
  { dim: 33, width: 17, classes: 31, batchSize: 22 },
  { dim: 48, width: 20, classes: 40, batchSize: 1 },
]

test.each(SHAPES)('twenty steps are those of a plain network: %o', async (shape) => {
  const { dim, width, classes, batchSize } = shape
  const [sample, labels] = data(200, dim, classes)
  const plain = plainNetwork(shape)
  await engine.frame(async (scratch) => {
    const network = await allocNetwork(scratch, { ...shape, standard, seed: 4 })
    const random = seeded(9)
    for (let step = 1; step <= 20; step++) {
      const rows = Uint32Array.from({ length: batchSize }, () => random.below(200))
      const told = await trainNetwork(engine, network, toMatrix(sample, dim, 'x'), rows, labels, 0.005, step, {})
      const own = [...rows].map((row) => labels[row]!)
      const expected = trainStep(plain, dropped(sample, rows, dim, step), own, 0.005, step)
      expect(told.loss).toBeCloseTo(expected.loss, 4)
      if (step > 3) continue // later a nearly equal pair may change places
      expect(told.right).toBe(expected.ranks.filter((rank) => rank === 0).length)
      expect(told.near).toBe(expected.ranks.filter((rank) => rank < 10).length)
    }
    // Adam divides by the size of gradients: what is nearly 0 may go either way, so most agree closely, all roughly.
    near(getWeights(engine, network.first, width, dim), plain.first.weights.flat())
    near(getWeights(engine, network.second, classes, width), plain.second.weights.flat())
    near(engine.floats(network.second.bias, classes), plain.second.bias)
  })
})

test('gradients are those of finite differences', async () => {
  const shape = { dim: 7, width: 5, classes: 6, batchSize: 12 }
  const { dim, batchSize } = shape
  const [sample, labels] = data(40, dim, 6)
  const rows = Uint32Array.from({ length: batchSize }, (_, i) => 3 * i)
  const own = [...rows].map((row) => labels[row]!)
  const plain = plainNetwork(shape)
  const inputs = dropped(sample, rows, dim, 1)
  const { hidden } = classify(plain, inputs, own)
  await engine.frame(async (scratch) => {
    const network = await allocNetwork(scratch, { ...shape, standard, seed: 4 })
    // Without a step, so that deltas belong to the weights that there are.
    await trainNetwork(engine, network, toMatrix(sample, dim, 'x'), rows, labels, 0, 1, {})
    const found = [
      { layer: plain.first, ...gradientOf(deltas(network, 'delta1', 5, batchSize), inputs) },
      { layer: plain.second, ...gradientOf(deltas(network, 'delta2', 6, batchSize), hidden) },
    ]
    const step = 1e-5
    const slope = (numbers: number[], j: number): number => {
      const was = numbers[j]!
      numbers[j] = was + step
      const up = classify(plain, inputs, own).loss
      numbers[j] = was - step
      const down = classify(plain, inputs, own).loss
      numbers[j] = was
      return (up - down) / (2 * step)
    }
    for (const { layer, weights, bias } of found) {
      layer.weights.forEach((unit, i) => {
        for (let j = 0; j < unit.length; j++) expect(weights[i]![j]).toBeCloseTo(slope(unit, j), 6)
      })
      for (let i = 0; i < layer.bias.length; i++) expect(bias[i]).toBeCloseTo(slope(layer.bias, i), 6)
    }
  })
})

test('what is beyond the real widths stays zero', async () => {
  const shape = { dim: 5, width: 3, classes: 7, batchSize: 9 }
  const [sample, labels] = data(50, 5, 7)
  await engine.frame(async (scratch) => {
    const network = await allocNetwork(scratch, { ...shape, standard, seed: 4 })
    const rows = Uint32Array.from({ length: 9 }, (_, i) => i)
    for (let step = 1; step < 5; step++) {
      await trainNetwork(engine, network, toMatrix(sample, 5, 'x'), rows, labels, 0.01, step, {})
    }
    const second = engine.floats(network.second.weights, 16 * 16)
    expect([...second.subarray(7 * 16)].every((value) => value === 0)).toBe(true)
    for (let row = 0; row < 7; row++) {
      expect([...second.subarray(row * 16 + 3, row * 16 + 16)].every((value) => value === 0)).toBe(true)
    }
  })
})

test('a loss that is not finite is told', async () => {
  const shape = { dim: 5, width: 3, classes: 7, batchSize: 9 }
  const [sample, labels] = data(50, 5, 7)
  const rows = Uint32Array.from({ length: 9 }, (_, i) => i)
  await engine.frame(async (scratch) => {
    const network = await allocNetwork(scratch, { ...shape, standard, seed: 4 })
    let loss = 0
    for (let step = 1; step < 9; step++) {
      loss = (await trainNetwork(engine, network, toMatrix(sample, 5, 'x'), rows, labels, 1e30, step, {})).loss
    }
    expect(Number.isFinite(loss)).toBe(false)
  })
})

type Shape = (typeof SHAPES)[number]

function plainNetwork({ dim, width, classes }: Shape): PlainNetwork {
  return {
    first: plainLayer(glorot(width, dim, 4), width, dim),
    second: plainLayer(glorot(classes, width, (4 ^ 0x6a09e667) >>> 0), classes, width),
    smoothing: SMOOTHING,
  }
}

function data(count: number, dim: number, classes: number): [Float32Array, Uint32Array] {
  const random = seeded(5)
  return [mixture(count, dim, 3), Uint32Array.from({ length: count }, () => random.below(classes))]
}

/** The rows as the network sees them in a step. */
function dropped(sample: Float32Array, rows: Uint32Array, dim: number, step: number): Rows {
  const width = Math.ceil(dim / 16) * 16
  const seed = (4 + step * rows.length * width) >>> 0
  return [...rows].map((row, i) =>
    Array.from(sample.subarray(row * dim, (row + 1) * dim), (value, j) =>
      stays(seed, i, j, width, DROPOUT) ? value / (1 - DROPOUT) : 0,
    ),
  )
}

function deltas(network: Network, name: 'delta1' | 'delta2', units: number, count: number): Rows {
  const stride = Math.ceil(units / 16) * 16
  const all = engine.floats(network[name], count * stride)
  return Array.from({ length: count }, (_, i) => [...all.subarray(i * stride, i * stride + units)])
}

function near(found: Float32Array, expected: number[]): void {
  const gaps = Array.from(found, (value, i) => Math.abs(value - expected[i]!)).sort((a, b) => a - b)
  expect(gaps.length).toBe(expected.length)
  expect(gaps[Math.floor(gaps.length * 0.95)]).toBeLessThan(1e-3)
  expect(gaps.at(-1)).toBeLessThan(0.1)
}
