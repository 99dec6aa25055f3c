import { afterAll, describe, expect, test } from 'vitest'
import { randomRotation } from '../../src/algebra/rotation.js'
import { distanceFromOne, multiply, polarFactor } from '../../src/algebra/square.js'
import { transposed } from '../../src/algebra/transposed.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions } from '../kernels/machine.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const DIMS = [1, 2, 7, 16, 33, 100]

describe('polarFactor', () => {
  test.each(DIMS)('is orthogonal and as near as the matrix allows: dim %i', async (dim) => {
    // R·P with P symmetric and positive has the factor R.
    const rotation = await randomRotation(engine, dim, dim)
    const root = fractions(dim * dim, dim)
    const positive = await multiply(engine, transposed(root, dim), root, dim)
    for (let i = 0; i < dim; i++) positive[i * dim + i]! += 0.1
    const found = await polarFactor(engine, await multiply(engine, rotation, positive, dim), dim)
    expect(await error(found!, dim)).toBeLessThan(1e-5)
    found!.forEach((value, i) => expect(Math.abs(value - rotation[i]!)).toBeLessThan(1e-3))
  })

  test('reaches singular values of 1 : 10,000, of any size', async () => {
    for (const size of [1e-12, 1, 1e12]) {
      const [left, right] = [await randomRotation(engine, 40, 1), await randomRotation(engine, 40, 2)]
      const wide = left.map((value, i) => value * 10 ** ((-4 * (i % 40)) / 39) * size)
      const found = await polarFactor(engine, await multiply(engine, wide, right, 40), 40)
      const wanted = await multiply(engine, left, right, 40)
      expect(await error(found!, 40)).toBeLessThan(1e-5)
      found!.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(5e-3))
    }
  })

  test('of a singular matrix there is none', async () => {
    expect(await polarFactor(engine, new Float32Array(9), 3)).toBeUndefined()
    expect(await polarFactor(engine, new Float32Array(9).fill(1), 3)).toBeUndefined()
    expect(await polarFactor(engine, new Float32Array(9).fill(Number.NaN), 3)).toBeUndefined()
  })
})

test.each(DIMS)('a random rotation is orthogonal and its seed’s: dim %i', async (dim) => {
  const rotation = await randomRotation(engine, dim, 5)
  expect(await error(rotation, dim)).toBeLessThan(1e-5)
  expectSame(await randomRotation(engine, dim, 5), rotation)
})

async function error(rotation: Float32Array, dim: number): Promise<number> {
  return distanceFromOne(await multiply(engine, transposed(rotation, dim), rotation, dim), dim)
}
