import { afterAll, describe, expect, test } from 'vitest'
import { toMatrix } from '../../../src/engine/vectors.js'
import { allocLayer, getWeights, rounded, setWeights } from '../../../src/projections/learned/layer.js'
import { allocLearner, type LearnerShape, takeStep } from '../../../src/projections/learned/likeness.js'
import { sharpnessOf } from '../../../src/projections/learned/sharpness.js'
import { standardOf } from '../../../src/projections/learned/standard.js'
import { createEngine } from '../../../src/runtime.js'
import { fractions } from '../../kernels/machine.js'
import { mixture } from '../../mixture.js'
import { adam, dissimilarity, dot, gradientOf, plainLayer, type Rows } from './reference.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const METRICS = ['cosine', 'ip', 'l2'] as const
const SHAPES = [
  { count: 16, dim: 6, width: 3 },
  { count: 32, dim: 17, width: 16 },
  { count: 48, dim: 33, width: 20 },
]

describe.each(METRICS)('by %s', (metric) => {
  const kind = { unit: metric === 'cosine', squared: metric === 'l2', sharpness: 3 }

  test.each(SHAPES)('loss and gradients are those of finite differences: %o', async (shape) => {
    const { count, dim, width } = shape
    const sample = mixture(100, dim, 2)
    const weights = fractions(width * dim, 7)
    await engine.frame(async (scratch) => {
      const { loss, delta, inputs } = await step(scratch, { ...shape, ...kind }, sample, weights, 0)
      const plain = plainLayer(weights, width, dim).weights
      expect(loss).toBeCloseTo(dissimilarity(plain, inputs, kind), 4)
      const found = gradientOf(delta, inputs).weights
      const size = Math.sqrt(found.flat().reduce((sum, g) => sum + g * g, 0) / found.flat().length)
      for (let at = 0; at < width * dim; at += Math.ceil((width * dim) / 60)) {
        const [i, j] = [Math.floor(at / dim), at % dim]
        const was = plain[i]![j]!
        plain[i]![j] = was + 1e-5
        const up = dissimilarity(plain, inputs, kind)
        plain[i]![j] = was - 1e-5
        const down = dissimilarity(plain, inputs, kind)
        plain[i]![j] = was
        expect(Math.abs(found[i]![j]! - (up - down) / 2e-5)).toBeLessThan(2e-3 * size)
      }
      expect(delta.length).toBe(count)
    })
  })

  test('a step is one of Adam along the gradient', async () => {
    const [count, dim, width] = [32, 17, 16]
    const weights = fractions(width * dim, 7)
    await engine.frame(async (scratch) => {
      const shape = { count, dim, width, ...kind }
      const { delta, inputs, after } = await step(scratch, shape, mixture(100, dim, 2), weights, 0.01)
      const plain = plainLayer(weights, width, dim)
      adam(plain, gradientOf(delta, inputs), 0.01, 1)
      plain.weights.flat().forEach((value, i) => expect(Math.abs(after[i]! - value)).toBeLessThan(1e-4))
    })
  })
})

test('the sharpness is where on the mean an eighth of the rows are neighbours', () => {
  const [count, spread] = [64, 0.05]
  const likenesses = fractions(count * count, 3).map((value) => value * spread)
  for (let i = 0; i < count; i++) likenesses[i * count + i] = -3e38
  const sharpness = sharpnessOf(likenesses, count)
  const entropies = Array.from({ length: count }, (_, i) => {
    const shares = [...likenesses.subarray(i * count, (i + 1) * count)].map((x) => Math.exp(sharpness * x))
    const sum = shares.reduce((all, share) => all + share, 0)
    return -shares.reduce((all, share) => all + (share > 0 ? (share / sum) * Math.log(share / sum) : 0), 0)
  })
  expect(Math.exp(entropies.reduce((sum, value) => sum + value, 0) / entropies.length)).toBeCloseTo(count / 8, 0)
  // It does not depend on the unit.
  expect(
    sharpnessOf(
      likenesses.map((x) => (x < -1 ? x : 100 * x)),
      count,
    ) * 100,
  ).toBeCloseTo(sharpness, -1)
})

test('rows by l2 lie about their mean, and by ip and l2 their mean squared length is 1', () => {
  const sample = mixture(500, 9, 3).map((value, i) => 100 * value + (i % 9))
  for (const metric of ['ip', 'l2'] as const) {
    const { mean, scale, normalize } = standardOf(metric, toMatrix(sample, 9, 'x'), 1)
    expect(normalize).toBe(false)
    const rows = rowsOf(sample, 9).map((row) => row.map((value, j) => (value - (mean?.[j] ?? 0)) * scale))
    const length = rows.reduce((sum, row) => sum + dot(row, row), 0) / rows.length
    expect(length).toBeCloseTo(1, 4)
    const middle = rows.reduce((sum, row) => sum + row[8]!, 0) / rows.length
    if (metric === 'l2') expect(middle).toBeCloseTo(0, 4)
  }
  const same = new Float32Array(90).fill(3)
  expect(standardOf('l2', toMatrix(same, 9, 'x'), 1).scale).toBe(1)
})

/** One step; `rate` 0 leaves the weights. */
async function step(
  scratch: Parameters<typeof allocLearner>[0],
  { sharpness, ...shape }: LearnerShape & { sharpness: number },
  sample: Float32Array,
  weights: Float32Array,
  rate: number,
) {
  const { count, dim, width, unit, squared } = shape
  const matrix = toMatrix(sample, dim, 'x')
  const standard = standardOf(unit ? 'cosine' : squared ? 'l2' : 'ip', matrix, 1)
  const learner = allocLearner(scratch, shape, standard)
  const layer = allocLayer(scratch, rounded(width), rounded(dim), { bias: false, columns: false })
  await setWeights(engine, layer, weights, dim)
  const rows = Uint32Array.from({ length: count }, (_, i) => 2 * i)
  const loss = await takeStep(engine, learner, layer, matrix, rows, { sharpness, rate, number: 1 }, {})
  const read = (at: number, stride: number, length: number): Rows => {
    const all = engine.floats(at, count * stride)
    return Array.from({ length: count }, (_, i) => [...all.subarray(i * stride, i * stride + length)])
  }
  return {
    loss,
    delta: read(learner.delta, rounded(width), width),
    inputs: read(learner.batch.rows, rounded(dim), dim),
    after: getWeights(engine, layer, width, dim),
  }
}

function rowsOf(data: Float32Array, dim: number): Rows {
  return Array.from({ length: data.length / dim }, (_, i) => [...data.subarray(i * dim, (i + 1) * dim)])
}
