import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { topEigenvectors } from '../../src/algebra/eigen.js'
import { type Eigenvectors, symmetricEigenvectors } from '../../src/algebra/symmetric.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, numbers } from '../kernels/machine.js'
import { dot, eigenvaluesOf, times, unlikeOrthonormal, withEigenvalues } from './reference.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const DIMS = [1, 2, 3, 7, 16, 33, 100]

describe('all eigenvectors', () => {
  test.each(DIMS)('are those of the matrix: dim %i', async (dim) => {
    const matrix = symmetric(dim, dim)
    const found = await topEigenvectors(engine, matrix, dim, dim, 1)
    expectEigenvectors(matrix, dim, found, 3e-7)
    const wanted = eigenvaluesOf(matrix, dim)
    found.values.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-12 * dim))
  })

  test('are those of any matrix', async () => {
    const entries = fc.oneof(fc.double({ min: -1e3, max: 1e3, noNaN: true }), fc.constantFrom(0, 1, -1, 1e-9))
    const matrices = fc
      .integer({ min: 1, max: 9 })
      .chain((dim) => fc.array(entries, { minLength: dim * dim, maxLength: dim * dim }))
    await fc.assert(
      fc.asyncProperty(matrices, fc.constantFrom(1e-200, 1, 1e200), async (entries, size) => {
        const dim = Math.sqrt(entries.length)
        const matrix = Float64Array.from(entries, (_, i) => {
          const [row, column] = [Math.floor(i / dim), i % dim]
          return entries[Math.min(row, column) * dim + Math.max(row, column)]! * size
        })
        const found = await topEigenvectors(engine, matrix, dim, dim, 1)
        expect(unlikeOrthonormal(found.vectors, dim)).toBeLessThan(1e-6)
        const one = matrix.map((value) => value / size)
        expectEigenvectors(one, dim, { ...found, values: found.values.map((value) => value / size) }, 1e-6)
      }),
    )
  })

  test('some are the first of all', async () => {
    const matrix = symmetric(33, 4)
    const [all, some] = [
      await topEigenvectors(engine, matrix, 33, 33, 1),
      await topEigenvectors(engine, matrix, 33, 5, 1),
    ]
    expectSame(some.values, all.values.slice(0, 5))
    expectSame(some.vectors, all.vectors.slice(0, 5 * 33))
  })
})

const SPECTRA: Record<string, (i: number) => number> = {
  'slow power': (i) => (i + 1) ** -0.5,
  'a mean and a power': (i) => (i === 0 ? 40 : 1 / i),
  'steep power': (i) => (i + 1) ** -2,
  geometric: (i) => 0.9 ** i,
  'nearly flat': (i) => 1 + 0.5 * (1 - i / 500),
  equal: () => 1,
  'of low rank': (i) => (i < 20 ? 1 / (i + 1) : 0),
  zero: () => 0,
}

describe.each(Object.entries(SPECTRA))('a spectrum that is %s', (_, spectrum) => {
  test.each([
    [1, 1],
    [2, 1],
    [16, 16],
    [33, 12],
    [400, 64],
    [500, 30],
  ])('is captured: dim %i, %i of it', async (dim, count) => {
    const values = Float64Array.from({ length: dim }, (_, i) => spectrum(i))
    const matrix = withEigenvalues(values, uniform(dim))
    const found = await topEigenvectors(engine, matrix, dim, count, 1)
    expect(found.values.length).toBe(count)
    expect(found.vectors.length).toBe(count * dim)
    expect(unlikeOrthonormal(found.vectors, dim)).toBeLessThan(5e-7)
    const best = values.subarray(0, count).reduce((sum, value) => sum + value, 0)
    expect(captured(matrix, found.vectors, dim)).toBeGreaterThanOrEqual(best * (1 - 1e-4))
    for (let i = 0; i < count; i++) {
      const vector = found.vectors.subarray(i * dim, (i + 1) * dim)
      expect(Math.abs(dot(times(matrix, vector), vector) - found.values[i]!)).toBeLessThanOrEqual(1e-5 * values[0]!)
      if (i > 0) expect(found.values[i]).toBeLessThanOrEqual(found.values[i - 1]!)
    }
  })
})

describe('a few of many', () => {
  const DIM = 420
  const matrix = withEigenvalues(
    Float64Array.from({ length: DIM }, (_, i) => 0.8 ** i + 1e-3),
    uniform(3),
  )

  test('are the first of all', async () => {
    const wanted = await symmetricEigenvectors(matrix, DIM, 12, engine.pace())
    const found = await topEigenvectors(engine, matrix, DIM, 12, 1)
    for (let i = 0; i < 12; i++) {
      const own = found.vectors.subarray(i * DIM, (i + 1) * DIM)
      expect(Math.abs(dot(own, wanted.vectors.subarray(i * DIM, (i + 1) * DIM)))).toBeGreaterThan(1 - 1e-6)
      expect(found.values[i]).toBeCloseTo(wanted.values[i]!, 5)
    }
    expectEigenvectors(matrix, DIM, found, 1e-5)
  })

  test('are the same for the same seed, whatever the number of threads', async () => {
    const threaded = await createEngine({ threads: 2 })
    const [one, two, again] = [
      await topEigenvectors(engine, matrix, DIM, 100, 7),
      await topEigenvectors(threaded, matrix, DIM, 100, 7),
      await topEigenvectors(threaded, matrix, DIM, 100, 7),
    ]
    threaded.close()
    for (const other of [two, again]) {
      expectSame(other.vectors, one.vectors)
      expectSame(other.values, one.values)
    }
  })

  test('leave the matrix and the memory as they were', async () => {
    const [copy, before] = [matrix.slice(), engine.bytes]
    await topEigenvectors(engine, matrix, DIM, 10, 1)
    expectSame(matrix, copy)
    expect(engine.bytes).toBe(before)
  })
})

test('a matrix that is not finite has none', async () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    for (const dim of [3, 400]) {
      const matrix = new Float64Array(dim * dim).fill(1)
      matrix[5] = bad
      await expect(topEigenvectors(engine, matrix, dim, 2, 1)).rejects.toMatchObject({ code: 'ERR_NOT_FINITE' })
    }
  }
})

describe('while eigenvectors are looked for', () => {
  const matrix = withEigenvalues(
    Float64Array.from({ length: 768 }, (_, i) => 1 / (i + 1)),
    uniform(9),
  )

  test.each([40, 600])('others have their turn: %i of 768', async (count) => {
    let ticks = 0
    const timer = setInterval(() => ticks++, 1)
    await topEigenvectors(engine, matrix, 768, count, 1)
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(3)
  })

  test.each([40, 600])('they can be given up, and memory is given back: %i of 768', async (count) => {
    const before = engine.bytes
    const stop = new AbortController()
    const found = topEigenvectors(engine, matrix, 768, count, 1, { signal: stop.signal })
    setImmediate(() => stop.abort(new Error('enough')))
    await expect(found).rejects.toThrow('enough')
    expect(engine.bytes).toBe(before)
    const aborted = { signal: AbortSignal.abort(new Error('before')) }
    await expect(topEigenvectors(engine, matrix, 768, count, 1, aborted)).rejects.toThrow('before')
  })
})

function uniform(seed: number): () => number {
  const next = numbers(seed)
  return () => next() / 0x7fffffff - 1
}

function symmetric(dim: number, seed: number): Float64Array {
  const next = uniform(seed)
  const matrix = new Float64Array(dim * dim)
  for (let i = 0; i < dim; i++) for (let j = 0; j <= i; j++) matrix[i * dim + j] = matrix[j * dim + i] = next()
  return matrix
}

/** ‖A·v − λ·v‖ in parts of the largest entry, orthonormality, order and sign. */
function expectEigenvectors(matrix: Float64Array, dim: number, { values, vectors }: Eigenvectors, most: number): void {
  const size = matrix.reduce((most, value) => Math.max(most, Math.abs(value)), 0) * dim
  expect(unlikeOrthonormal(vectors, dim)).toBeLessThan(5e-7)
  values.forEach((value, i) => {
    const vector = vectors.subarray(i * dim, (i + 1) * dim)
    const gap = times(matrix, vector).map((x, k) => x - value * vector[k]!)
    expect(Math.sqrt(dot(gap, gap))).toBeLessThanOrEqual(most * size)
    if (i > 0) expect(value).toBeLessThanOrEqual(values[i - 1]!)
    const largest = vector.reduce((most, x) => (Math.abs(x) > Math.abs(most) ? x : most), 0)
    expect(largest).toBeGreaterThan(0)
  })
}

/** The trace of V·A·Vᵀ. */
function captured(matrix: Float64Array, vectors: Float32Array, dim: number): number {
  let sum = 0
  for (let i = 0; i < vectors.length; i += dim) {
    const vector = vectors.subarray(i, i + dim)
    sum += dot(times(matrix, vector), vector)
  }
  return sum
}
