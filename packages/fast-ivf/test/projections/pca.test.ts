import { afterAll, describe, expect, test } from 'vitest'
import { type Matrix, toMatrix } from '../../src/engine/vectors.js'
import type { Metric } from '../../src/options.js'
import { pca } from '../../src/projections/pca/pca.js'
import type { ProjectionParameters } from '../../src/projections/projection.js'
import { createEngine } from '../../src/runtime.js'
import { crossOf, dot, eigenvaluesOf, times, unlikeOrthonormal } from '../algebra/reference.js'
import { expectSame, fractions } from '../kernels/machine.js'
import { mixture } from '../mixture.js'
import { refusal } from '../refusal.js'

const engine = await createEngine({ threads: 0 })
const threaded = await createEngine({ threads: 2 })
afterAll(() => {
  engine.close()
  threaded.close()
})

const SHAPES = [
  [1, 1],
  [2, 1],
  [3, 3],
  [7, 2],
  [16, 16],
  [33, 12],
  [48, 47],
] as const
const METRICS: Metric[] = ['cosine', 'ip', 'l2']

describe.each(METRICS)('for %s', (metric) => {
  test.each(SHAPES)('captures as much of the second moments as can be: dim %i, %i of it', async (dim, width) => {
    for (const centred of [false, true]) {
      const rows = mixture(700, dim, dim).map((value, i) => value + (i % dim === 0 ? 1 : 0))
      const found = await train(rows, dim, { width, centred }, metric)
      const about = centred || metric === 'l2'
      expect(found).toMatchObject({ word: `${centred ? 'PCAC' : 'PCA'}${width}`, metric, dim, width })
      expect(found.unit).toBe(metric === 'cosine')
      expect(unlikeOrthonormal(found.weight!, dim)).toBeLessThan(5e-7)
      const { mean, moments } = momentsOf(metric === 'cosine' ? units(rows, dim) : rows, dim, about)
      const best = eigenvaluesOf(moments, dim).slice(0, width)
      for (let i = 0; i < width; i++) {
        const own = found.weight!.subarray(i * dim, (i + 1) * dim)
        expect(Math.abs(dot(times(moments, own), own) - best[i]!)).toBeLessThan(1e-5 * best[0]!)
        if (about) expect(found.bias![i]).toBeCloseTo(-dot(own, mean), 5)
      }
      expect(found.bias === undefined).toBe(!about)
    }
  })
})

test.each([1, 2, 3, 7, 16, 33])(
  'of all components keeps distances under l2, and moves the mean to 0: dim %i',
  async (dim) => {
    const rows = fractions(100 * dim, dim).map((value) => 10 + value)
    const found = await train(rows, dim, { width: dim }, 'l2')
    const projected = rowsOf(rows, dim).map((row) => applied(found, row))
    for (let i = 0; i < 20; i++) {
      expect(Math.sqrt(squares(projected[i]!, projected[99 - i]!))).toBeCloseTo(
        Math.sqrt(squares(rowsOf(rows, dim)[i]!, rowsOf(rows, dim)[99 - i]!)),
        4,
      )
    }
    for (let j = 0; j < dim; j++) {
      expect(projected.reduce((sum, row) => sum + row[j]!, 0) / 100).toBeCloseTo(0, 4)
    }
  },
)

test('of many components finds those that are there, and nothing where nothing is', async () => {
  const dim = 400
  const [directions, shares] = [fractions(8 * dim, 1), fractions(600 * 8, 2)]
  const rows = new Float32Array(600 * dim)
  for (let i = 0; i < rows.length; i++) {
    for (let t = 0; t < 8; t++) {
      rows[i]! += shares[Math.floor(i / dim) * 8 + t]! * directions[t * dim + (i % dim)]!
    }
  }
  const found = await train(rows, dim, { width: 20 }, 'ip')
  expect(unlikeOrthonormal(found.weight!, dim)).toBeLessThan(5e-7)
  for (const row of rowsOf(rows, dim).slice(0, 50)) {
    const image = applied(found, row)
    expect(dot(image, image) / dot(row, row)).toBeCloseTo(1, 5)
  }
  const none = await train(new Float32Array(30 * dim), dim, { width: 20 }, 'cosine')
  expect(unlikeOrthonormal(none.weight!, dim)).toBeLessThan(5e-7)
})

test('is the same for the same seed, whatever the number of threads', async () => {
  const rows = mixture(5000, 64, 3)
  const one = await train(rows, 64, { width: 20 }, 'cosine')
  const two = await pca({ width: 20 }).train({ ...training(toMatrix(rows, 64, 'vectors'), 'cosine'), engine: threaded })
  expectSame(two.weight!, one.weight!)
  expect([engine.bytes, threaded.bytes]).toEqual([0, 0])
})

test('reads at most 65,536 vectors, drawn by the seed', async () => {
  let read = 0
  const sample: Matrix = {
    rows: 200_000,
    dim: 2,
    copy(from, to, target) {
      read += to - from
      for (let i = from; i < to; i++) target.set([Math.sin(i), 2 * Math.cos(i * i)], (i - from) * 2)
    },
  }
  const first = await pca({ width: 1 }).train(training(sample, 'l2'))
  expect(read).toBe(65_536)
  expectSame((await pca({ width: 1 }).train(training(sample, 'l2'))).weight!, first.weight!)
  expect((await pca({ width: 1 }).train({ ...training(sample, 'l2'), seed: 2 })).bias).not.toEqual(first.bias)
})

describe('refuses', () => {
  test('more components than vectors have', async () => {
    const { code, message } = await refusal(() => pca({ width: 512 }).width(256))
    expect(code).toBe('ERR_DIM')
    expect(message).toBe('PCA512 gives 512 components, but the vectors have 256; ask for at most 256')
    expect((await refusal(train(fractions(60, 1), 6, { width: 7 }, 'ip'))).code).toBe('ERR_DIM')
  })

  test('fewer vectors than components', async () => {
    const { code, message } = await refusal(train(fractions(60, 1), 12, { width: 8, centred: true }, 'ip'))
    expect(code).toBe('ERR_TOO_FEW')
    expect(message).toBe(
      '5 vectors cannot teach PCAC8, which needs at least 8; give more vectors, or ask for at most 5 components',
    )
    const none = await refusal(train(new Float32Array(0), 12, { width: 8 }, 'ip'))
    expect(none.message).toBe('0 vectors cannot teach PCA8, which needs at least 8; give more vectors')
  })

  test('a vector that is not finite, by its number', async () => {
    const rows = fractions(70 * 12, 1)
    rows[33 * 12 + 5] = Number.NaN
    const { code, message } = await refusal(train(rows, 12, { width: 8 }, 'cosine'))
    expect(code).toBe('ERR_NOT_FINITE')
    expect(message).toMatch(/^row 33 of vectors holds NaN at component 5/)
  })

  test('vectors whose squares add up to more than 32-bit floats hold', async () => {
    const { code, message } = await refusal(train(new Float32Array(70 * 12).fill(5e18), 12, { width: 8 }, 'ip'))
    expect(code).toBe('ERR_NOT_FINITE')
    expect(message).toBe('the squares of vectors add up to more than 32-bit floats hold; scale the vectors down')
  })

  test('to go on when told to stop', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    const sample = toMatrix(fractions(70 * 12, 1), 12, 'vectors')
    const stopped = pca({ width: 8 }).train({ ...training(sample, 'cosine'), options: { signal } })
    await expect(stopped).rejects.toThrow('enough')
    expect(engine.bytes).toBe(0)
  })
})

function training(sample: Matrix, metric: Metric) {
  return { engine, metric, dim: sample.dim, sample, centroids: undefined, seed: 1, options: {} }
}

function train(
  rows: Float32Array,
  dim: number,
  options: Parameters<typeof pca>[0],
  metric: Metric,
): Promise<ProjectionParameters> {
  return pca(options).train(training(toMatrix(rows, dim, 'vectors'), metric))
}

function applied({ weight, bias, dim, width }: ProjectionParameters, row: Float32Array): Float64Array {
  return Float64Array.from({ length: width }, (_, i) => {
    return dot(weight!.subarray(i * dim, (i + 1) * dim), row) + (bias?.[i] ?? 0)
  })
}

function rowsOf(rows: Float32Array, dim: number): Float32Array[] {
  return Array.from({ length: rows.length / dim }, (_, i) => rows.subarray(i * dim, (i + 1) * dim))
}

function units(rows: Float32Array, dim: number): Float64Array {
  return Float64Array.from(rowsOf(rows, dim).flatMap((row) => [...row].map((x) => x / Math.sqrt(dot(row, row)))))
}

function momentsOf(rows: ArrayLike<number>, dim: number, centred: boolean): { mean: number[]; moments: Float64Array } {
  const count = rows.length / dim
  const mean = Array.from({ length: dim }, (_, j) => {
    let sum = 0
    for (let i = 0; i < count; i++) sum += rows[i * dim + j]!
    return sum / count
  })
  const own = Float64Array.from(rows, (value, i) => value - (centred ? mean[i % dim]! : 0))
  return { mean, moments: crossOf(own, own, dim).map((sum) => sum / count) }
}

function squares(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const gaps = Array.from(a, (value, i) => value - b[i]!)
  return dot(gaps, gaps)
}
