import { afterAll, describe, expect, test } from 'vitest'
import { orthonormalRows } from '../../src/algebra/orthonormal.js'
import { orthonormalBlocks } from '../../src/algebra/orthonormal-blocks.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions } from '../kernels/machine.js'
import { refusal } from '../refusal.js'
import { dot, unlikeOrthonormal } from './reference.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const SHAPES = [
  [1, 1],
  [1, 2],
  [2, 2],
  [3, 7],
  [16, 16],
  [33, 33],
  [70, 100],
  [130, 130],
] as const

const ways = {
  orthonormalRows: (rows: Float32Array, dim: number, seed = 1) => orthonormalRows(rows, dim, seed, engine.pace()),
  orthonormalBlocks: (rows: Float32Array, dim: number, seed = 1) =>
    orthonormalBlocks(engine, rows, dim, seed, engine.pace(), {}),
}

describe.each(Object.entries(ways))('%s', (name, orthonormal) => {
  const exact = name === 'orthonormalRows' ? 3e-7 : 2e-6

  test.each(SHAPES)('makes rows orthonormal, each within those up to it: %i × %i', async (count, dim) => {
    const rows = fractions(count * dim, count)
    const found = await orthonormal(rows, dim)
    expect(unlikeOrthonormal(found, dim)).toBeLessThan(exact)
    for (let i = 0; i < count; i++) {
      // What row i has along later rows is nothing; along its own it is positive.
      const row = rows.subarray(i * dim, (i + 1) * dim)
      const along = Array.from({ length: count }, (_, j) => dot(row, found.subarray(j * dim, (j + 1) * dim)))
      expect(along[i]).toBeGreaterThan(0)
      for (const later of along.slice(i + 1)) expect(Math.abs(later)).toBeLessThan(3e-6 * Math.sqrt(dim))
    }
  })

  test.each(SHAPES)('replaces rows in which nothing is new: %i × %i', async (count, dim) => {
    const first = fractions(dim, 3)
    const same = Float32Array.from({ length: count * dim }, (_, i) => first[i % dim]! * (1 + Math.floor(i / dim)))
    for (const rows of [same, new Float32Array(count * dim), new Float32Array(count * dim).fill(1e-38)]) {
      expect(unlikeOrthonormal(await orthonormal(rows, dim), dim)).toBeLessThan(exact)
    }
  })

  test('tells rows apart that are nearly one', async () => {
    const [first, rest] = [fractions(60, 1), fractions(50 * 60, 2)]
    const rows = rest.map((value, i) => first[i % 60]! + value * 1e-3)
    expect(unlikeOrthonormal(await orthonormal(rows, 60), 60)).toBeLessThan(exact)
  })

  test('gives the same for the same seed', async () => {
    const zeros = new Float32Array(40 * 50)
    expectSame(await orthonormal(zeros, 50, 3), await orthonormal(zeros, 50, 3))
    expect(await orthonormal(zeros, 50, 4)).not.toEqual(await orthonormal(zeros, 50, 3))
  })

  test('refuses more rows than there are components', async () => {
    const { code, message } = await refusal(orthonormal(new Float32Array(12), 3))
    expect(code).toBe('ERR_DIM')
    expect(message).toBe('4 rows of 3 components cannot be orthogonal; give at most 3')
  })
})
