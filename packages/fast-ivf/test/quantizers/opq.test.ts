import { afterAll, describe, expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { LLOYD_DEFAULTS, trainCodebooksLloyd } from '../../src/quantizers/product/codebooks.js'
import { codeSize, decodeRows, encodeRows, placeCodebooks } from '../../src/quantizers/product/encode.js'
import {
  applyRotation,
  placeRotation,
  ROTATION_DEFAULTS,
  randomRotation,
  trainRotation,
} from '../../src/quantizers/product/opq.js'
import { distanceFromOne, multiply, polarFactor, transposed } from '../../src/quantizers/product/square.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions } from '../kernels/machine.js'
import { mixture } from '../mixture.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const DIMS = [1, 2, 7, 16, 33, 100]
const DIM = 32
const settings = { m: 8, k: 16, seed: 1, ...ROTATION_DEFAULTS }

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

describe('trainRotation', () => {
  const rows = mixed(mixture(3000, DIM, 3, 20), 5)

  test.each(['identity', 'random'] as const)('lowers the error of product codes, starting from: %s', async (start) => {
    const { rotation, history } = await trainRotation(engine, toMatrix(rows, DIM, 'rows'), { ...settings, start }, {})
    expect(await error(rotation, DIM)).toBeLessThan(1e-5)
    expect(history.length).toBe(settings.iterations)
    expect(history.at(-1)).toBeLessThan(history[0]!)
    expect(await lossOf(await rotated(rows, rotation))).toBeLessThan(0.93 * (await lossOf(rows)))
  })

  test('gives the same for the same seed', async () => {
    const train = async (): Promise<Float32Array> =>
      (await trainRotation(engine, toMatrix(rows, DIM, 'rows'), { ...settings, iterations: 3, start: 'random' }, {}))
        .rotation
    expectSame(await train(), await train())
  })

  test('of rows that lack directions is still a rotation', async () => {
    const flat = rows.map((value, i) => (i % DIM < 20 ? 0 : value))
    const { rotation } = await trainRotation(engine, toMatrix(flat, DIM, 'rows'), settings, {})
    expect(await error(rotation, DIM)).toBeLessThan(1e-5)
    const zeros = toMatrix(new Float32Array(64 * DIM), DIM, 'rows')
    expect(await error((await trainRotation(engine, zeros, settings, {})).rotation, DIM)).toBe(0)
  })

  test('keeps norms and gives its memory back', async () => {
    const before = engine.bytes
    const rotation = await randomRotation(engine, DIM, 8)
    const out = await rotated(rows, rotation)
    for (let i = 0; i < rows.length; i += DIM) {
      expect(Math.hypot(...out.subarray(i, i + DIM))).toBeCloseTo(Math.hypot(...rows.subarray(i, i + DIM)), 3)
    }
    expect(engine.bytes).toBe(before)
  })

  test('refuses what does not fit', async () => {
    const train = (own: object): Promise<unknown> =>
      trainRotation(engine, toMatrix(rows, DIM, 'rows'), { ...settings, ...own }, {})
    await expect(train({ m: 5 })).rejects.toMatchObject({ code: 'ERR_DIM' })
    await expect(train({ k: 3001 })).rejects.toMatchObject({ code: 'ERR_TOO_FEW' })
    const aborted = AbortSignal.abort(new Error('enough'))
    await expect(trainRotation(engine, toMatrix(rows, DIM, 'rows'), settings, { signal: aborted })).rejects.toThrow(
      'enough',
    )
  })
})

async function error(rotation: Float32Array, dim: number): Promise<number> {
  return distanceFromOne(await multiply(engine, transposed(rotation, dim), rotation, dim), dim)
}

/** The components mixed, so that subspaces share what they know. */
function mixed(rows: Float32Array, seed: number): Float32Array {
  const random = seeded(seed)
  const weights = Float32Array.from({ length: DIM * DIM }, () => random.below(2001) / 1000 - 1)
  return rows.map((_, i) => {
    const [row, to] = [i - (i % DIM), i % DIM]
    let sum = 0
    for (let t = 0; t < DIM; t++) sum += rows[row + t]! * weights[to * DIM + t]!
    return sum
  })
}

function rotated(rows: Float32Array, rotation: Float32Array): Promise<Float32Array> {
  return engine.frame(async (scratch) => {
    const [at, out] = [scratch.alloc(rows.byteLength), scratch.alloc(rows.byteLength)]
    engine.floats(at, rows.length).set(rows)
    const panels = await placeRotation(engine, (bytes) => scratch.alloc(bytes), rotation, DIM)
    await applyRotation(engine, panels, at, rows.length / DIM, out)
    return engine.floats(out, rows.length).slice()
  })
}

/** The squared error of product codes of these rows. */
async function lossOf(rows: Float32Array): Promise<number> {
  const { m, k, seed } = settings
  const books = await trainCodebooksLloyd(engine, toMatrix(rows, DIM, 'rows'), { m, k, seed, ...LLOYD_DEFAULTS }, {})
  return engine.frame(async (scratch) => {
    const count = rows.length / DIM
    const placed = placeCodebooks(engine, (bytes) => scratch.alloc(bytes), books)
    const [at, codes] = [scratch.alloc(rows.byteLength), scratch.alloc(count * codeSize(m, placed.bits))]
    engine.floats(at, rows.length).set(rows)
    const coded = { rows: at, count, cells: 0, centroids: 0, codes }
    await encodeRows(engine, placed, coded, 'none')
    await decodeRows(engine, placed, coded)
    return engine.floats(at, rows.length).reduce((sum, value, i) => sum + (value - rows[i]!) ** 2, 0)
  })
}
