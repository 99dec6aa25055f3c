import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { crossProducts } from '../../src/algebra/cross-products.js'
import { secondMoments } from '../../src/algebra/moments.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions, wholes } from '../kernels/machine.js'
import { refusal } from '../refusal.js'
import { crossOf } from './reference.js'

const engine = await createEngine({ threads: 0 })
const threaded = await createEngine({ threads: 2 })
afterAll(() => {
  engine.close()
  threaded.close()
})

const DIMS = [1, 2, 3, 7, 16, 33, 100]
const plain = { normalize: false, centred: false, name: 'rows' }

describe('crossProducts', () => {
  test('is the sum of outer products', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 90 }), fc.integer({ min: 1, max: 40 }), async (count, dim) => {
        const [x, y] = [wholes(count * dim, count + dim), wholes(count * dim, 1)]
        expectSame(
          (await crossProducts(engine, x, y, dim)).map((value) => value + 0),
          crossOf(x, y, dim),
        )
      }),
      { numRuns: 40 },
    )
  })

  test('goes on over chunks, and does not change with threads', async () => {
    const [x, y] = [fractions(5000 * 100, 1), fractions(5000 * 100, 2)]
    const found = await crossProducts(engine, x, y, 100)
    crossOf(x, y, 100).forEach((value, i) => expect(Math.abs(found[i]! - value)).toBeLessThan(1e-3))
    expectSame(await crossProducts(threaded, x, y, 100), found)
  })
})

describe('secondMoments', () => {
  test.each(DIMS)('are means of products, symmetric: dim %i', async (dim) => {
    const rows = fractions(300 * dim, dim)
    const { mean, products } = await secondMoments(engine, toMatrix(rows, dim, 'rows'), plain)
    crossOf(rows, rows, dim).forEach((sum, i) => expect(products[i]).toBeCloseTo(sum / 300, 5))
    meanOf(rows, dim).forEach((value, j) => expect(mean[j]).toBeCloseTo(value, 12))
    for (let i = 0; i < dim; i++) {
      expectSame(
        products.slice(i * dim, (i + 1) * dim),
        Array.from({ length: dim }, (_, j) => products[j * dim + i]!),
      )
    }
  })

  test.each(DIMS)('are about the mean, however long that is: dim %i', async (dim) => {
    // Sorted, so that the first chunk's mean is not that of all.
    const rows = fractions(5000 * dim, dim).map((value, i) => 1000 + value + Math.floor(i / dim) / 2500)
    const { mean, products } = await secondMoments(engine, toMatrix(rows, dim, 'rows'), { ...plain, centred: true })
    const wanted = meanOf(rows, dim)
    wanted.forEach((value, j) => expect(Math.abs(mean[j]! - value)).toBeLessThan(1e-5))
    const centred = Float64Array.from(rows, (value, i) => value - wanted[i % dim]!)
    crossOf(centred, centred, dim).forEach((sum, i) => expect(products[i]).toBeCloseTo(sum / 5000, 4))
  })

  test('are those of rows of length 1 when asked', async () => {
    const rows = fractions(50 * 7, 1).map((value, i) => value * (1 + (i % 11)))
    rows.fill(0, 7, 14) // has no direction
    const { products } = await secondMoments(engine, toMatrix(rows, 7, 'rows'), { ...plain, normalize: true })
    expect([0, 1, 2, 3, 4, 5, 6].reduce((sum, i) => sum + products[i * 8]!, 0)).toBeCloseTo(49 / 50, 5)
  })

  test('do not change with threads, and memory is given back', async () => {
    const matrix = toMatrix(fractions(3000 * 200, 4), 200, 'rows')
    for (const centred of [false, true]) {
      const [one, two] = [
        await secondMoments(engine, matrix, { ...plain, centred }),
        await secondMoments(threaded, matrix, { ...plain, centred }),
      ]
      expectSame(two.products, one.products)
      expectSame(two.mean, one.mean)
    }
    expect([engine.bytes, threaded.bytes]).toEqual([0, 0])
  })

  test('refuse a row that is not finite, and stop when told', async () => {
    const rows = fractions(40 * 7, 1)
    rows[12 * 7 + 3] = Number.NaN
    const { code, message } = await refusal(secondMoments(engine, toMatrix(rows, 7, 'rows'), plain))
    expect(code).toBe('ERR_NOT_FINITE')
    expect(message).toMatch(/^row 12 of rows holds NaN/)
    const aborted = { ...plain, signal: AbortSignal.abort(new Error('enough')) }
    await expect(secondMoments(engine, toMatrix(new Float32Array(70), 7, 'rows'), aborted)).rejects.toThrow('enough')
  })
})

function meanOf(rows: Float32Array, dim: number): Float64Array {
  const sums = new Float64Array(dim)
  rows.forEach((value, i) => {
    sums[i % dim]! += value
  })
  return sums.map((sum) => (sum * dim) / rows.length)
}
