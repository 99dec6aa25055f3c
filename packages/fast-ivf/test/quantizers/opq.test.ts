import { afterAll, describe, expect, test } from 'vitest'
import { randomRotation } from '../../src/algebra/rotation.js'
import { distanceFromOne, multiply } from '../../src/algebra/square.js'
import { transposed } from '../../src/algebra/transposed.js'
import { seeded } from '../../src/clustering/random.js'
import { toMatrix } from '../../src/engine/vectors.js'
import { LLOYD_DEFAULTS, trainCodebooksLloyd } from '../../src/quantizers/product/codebooks.js'
import { codeSize, decodeRows, encodeRows, placeCodebooks } from '../../src/quantizers/product/encode.js'
import { ROTATION_DEFAULTS, trainRotation } from '../../src/quantizers/product/opq.js'
import { applyRotation, placeRotation } from '../../src/quantizers/product/turn.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame } from '../kernels/machine.js'
import { mixture } from '../mixture.js'

const engine = await createEngine({ threads: 0 })
afterAll(() => engine.close())

const DIM = 32
const settings = { m: 8, k: 16, seed: 1, ...ROTATION_DEFAULTS }

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
