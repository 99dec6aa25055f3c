import { describe, expect, test } from 'vitest'
import { rotatedWidth, signsOf } from '../../src/quantizers/rotation/rotation.js'
import { scalarLevels } from '../../src/quantizers/scalar/levels.js'
import { machines } from '../kernels/machine.js'
import { BITS, encodeRows, inner, minus, norm, normals, rotateRows } from './scalar-reference.js'

const m = machines.at(-1) as (typeof machines)[number]

/** Vectors of length 1, one after the other. */
function units(count: number, dim: number, seed: number): Float32Array {
  const rows = normals(count * dim, seed)
  for (let i = 0; i < count; i++) {
    const row = rows.subarray(i * dim, (i + 1) * dim)
    const length = norm(row)
    row.forEach((value, k) => {
      row[k] = value / length
    })
  }
  return rows
}

function moments(values: readonly number[]): { mean: number; deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return { mean, deviation: Math.sqrt(values.reduce((all, value) => all + (value - mean) ** 2, 0) / values.length) }
}

/** Noise in units of 1/√dim, and how far it may be off: those of the theory; of 8 bits, the widest component's 127th over √12. */
const NOISE = { 1: [0.755, 0.02], 2: [0.365, 0.01], 4: [0.098, 0.003], 8: [0.007, 0.001] } as const

describe.each(BITS)('%i bits', (bits) => {
  const levels = scalarLevels(bits)

  test.each([128, 256, 768])('the error of dim %i is sigma · ‖q − c‖, of the size that is known', (dim) => {
    m.reset()
    const [count, nq] = [150, 60]
    const signs = signsOf(rotatedWidth(dim), dim)
    const centroid = units(1, dim, 1).map((value) => value / 2)
    const residuals = units(count, dim, 2)
    const rows = residuals.map((value, i) => value + (centroid[i % dim] as number))
    const rotated = (v: Float32Array): Float32Array => rotateRows(m, v, dim, signs)
    const [c, queries] = [
      rotated(centroid),
      rotated(units(nq, dim, 3).map((v, i) => v + (centroid[i % dim] as number))),
    ]
    const x = rotated(rows)
    const e = { bits, halfNorm: false, dropZero: true }
    const { codes } = encodeRows(m, x, new Array(count).fill(0), c, levels, e)
    const errors: number[] = []
    const standard: number[] = []
    for (let j = 0; j < nq; j++) {
      const q = queries.subarray(j * c.length, (j + 1) * c.length)
      const apart = norm(minus(q, c))
      codes.forEach((code, i) => {
        const estimate = code.add - inner(q, c) - code.scale * inner(code.x, q)
        const error = estimate + inner(q, x.subarray(i * c.length, (i + 1) * c.length))
        errors.push(error)
        standard.push(error / (code.sigma * apart))
      })
    }
    const [noise, off] = NOISE[bits]
    expect(Math.abs(moments(errors).deviation * Math.sqrt(dim) - noise)).toBeLessThan(off)
    expect(Math.abs(moments(standard).deviation - 1)).toBeLessThan(0.05)
    // Errors are normal: 1.9 standard errors are passed by 5.7 % of them.
    const passed = standard.filter((value) => Math.abs(value) > 1.9).length / standard.length
    expect(passed).toBeGreaterThan(0.045)
    expect(passed).toBeLessThan(0.07)
  })

  test.each([
    { dim: 3, halfNorm: true },
    { dim: 33, halfNorm: false },
    { dim: 100, halfNorm: true },
  ])('over rotations, the mean estimate is the distance: %o', ({ dim, halfNorm }) => {
    const [x, c, q] = [units(1, dim, 5), units(1, dim, 6), units(1, dim, 7)] as [
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const all = Float32Array.of(...x, ...c, ...q)
    const width = rotatedWidth(dim)
    const truth = (halfNorm ? inner(x, x) / 2 : 0) - inner(q, x)
    const near = (halfNorm ? inner(c, c) / 2 : 0) - inner(q, c)
    const errors = Array.from({ length: 400 }, (_, seed) => {
      m.reset()
      const turned = rotateRows(m, all, dim, signsOf(width, seed))
      const part = (i: number): Float32Array => turned.subarray(i * width, (i + 1) * width)
      const e = { bits, halfNorm, dropZero: false }
      const [code] = encodeRows(m, part(0), [0], part(1), levels, e).codes
      if (!code) throw new Error('no code')
      return code.add + near - code.scale * inner(code.x, part(2)) - truth
    })
    const { mean, deviation } = moments(errors)
    expect(Math.abs(mean)).toBeLessThan((3.5 * deviation) / Math.sqrt(errors.length) + 1e-6)
    expect(deviation).toBeGreaterThan(0)
  })
})
