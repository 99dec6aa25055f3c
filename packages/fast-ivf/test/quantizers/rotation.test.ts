import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createRotation,
  type Rotation,
  rotate,
  rotatedWidth,
  signsOf,
  unrotate,
} from '../../src/quantizers/rotation/rotation.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions, type Machine, machines } from '../kernels/machine.js'
import { DIMS, inner, norm, normals, rotated, rotateRows } from './scalar-reference.js'

const cases = fc.record({
  dim: fc.oneof(fc.constantFrom(...DIMS), fc.integer({ min: 1, max: 300 })),
  count: fc.integer({ min: 0, max: 20 }),
  block: fc.constantFrom(1, 7, 64),
  seed: fc.nat(1e6),
})

function rowsOf(flat: Float32Array, width: number): Float32Array[] {
  return Array.from({ length: flat.length / width }, (_, i) => flat.subarray(i * width, (i + 1) * width))
}

/** The widest difference; NaN where there is one. */
function gap(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return Math.max(0, ...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))))
}

function unrotateRows(m: Machine, turned: Float32Array, dim: number, signs: Float32Array): Float32Array {
  const width = signs.length / 4
  const count = turned.length / width
  const out = m.room(count * dim)
  const lanes = { scratch: m.room(width * 2), scratchStride: width * 4 }
  const fields = { rows: m.put(turned), dim, width, count, block: 7, signs: m.put(signs), origin: 0, out, ...lanes }
  m.run('unrotateRows', m.record('Rotate', fields), Math.ceil(count / 7), 1)
  return m.floats(out, count * dim)
}

describe.each(machines)('$level kernels', (m) => {
  test('a rotated row is what plain code makes of it, and is turned back', () => {
    fc.assert(
      fc.property(cases, ({ dim, count, block, seed }) => {
        m.reset()
        const rows = fractions(count * dim, seed + 1)
        const signs = signsOf(rotatedWidth(dim), seed)
        const width = signs.length / 4
        const turned = rotateRows(m, rows, dim, signs, block)
        rowsOf(rows, dim).forEach((row, i) => {
          const expected = rotated(row, signs)
          expect(gap(turned.subarray(i * width, (i + 1) * width), expected)).toBeLessThanOrEqual(norm(row) * 1e-6)
        })
        expect(gap(unrotateRows(m, turned, dim, signs), rows)).toBeLessThan(1e-5)
      }),
      { numRuns: 60 },
    )
  })

  test.each(DIMS)('norms and inner products of dim %i stay as they are', (dim) => {
    m.reset()
    const rows = normals(12 * dim, dim)
    const signs = signsOf(rotatedWidth(dim), dim)
    const before = rowsOf(rows, dim)
    const after = rowsOf(rotateRows(m, rows, dim, signs), signs.length / 4)
    before.forEach((a, i) =>
      before.forEach((b, j) => {
        const change = inner(after[i] ?? [], after[j] ?? []) - inner(a, b)
        expect(Math.abs(change)).toBeLessThanOrEqual(1e-6 * norm(a) * norm(b))
      }),
    )
  })

  test('both builds give the same bits', () => {
    for (const dim of DIMS) {
      const signs = signsOf(rotatedWidth(dim), 3)
      const [first, own] = [machines[0] ?? m, m].map((each) => {
        each.reset()
        const turned = rotateRows(each, normals(5 * dim, dim), dim, signs)
        return { turned, back: unrotateRows(each, turned, dim, signs) }
      })
      expectSame(own?.turned ?? [], first?.turned ?? [])
      expectSame(own?.back ?? [], first?.back ?? [])
    }
  })

  test('rows of any size keep their norm, to the last one whose square is a 32-bit float', () => {
    for (const dim of DIMS) {
      for (const size of [0, 1e-40, 1e-30, 1e-18, 1, 1e18, 1.8e19]) {
        m.reset()
        const row = normals(dim, dim)
        const length = norm(row)
        const scaled = row.map((value) => (value / length) * size)
        const [turned] = rowsOf(rotateRows(m, scaled, dim, signsOf(rotatedWidth(dim), 1)), rotatedWidth(dim))
        const found = norm(turned ?? [])
        expect(Math.abs(found - norm(scaled))).toBeLessThanOrEqual(size * 1e-6 + 1e-42)
      }
    }
  })

  test('a row of its own width is turned in place', () => {
    m.reset()
    const signs = signsOf(64, 9)
    const rows = normals(3 * 64, 4)
    const expected = rotateRows(m, rows, 64, signs)
    const at = m.put(rows)
    const common = { dim: 64, width: 64, count: 3, block: 64, signs: m.put(signs), scratch: 0, scratchStride: 0 }
    m.run('rotateRows', m.sparse('Rotate', { rows: at, out: at, ...common }), 1)
    expectSame(m.floats(at, rows.length), expected)
  })
})

test('about an origin, rows are turned as what is left of them, and come back', async () => {
  const engine = await createEngine({ threads: 0 })
  for (const dim of [3, 33, 64, 100]) {
    const [origin, rows] = [normals(dim, 1), normals(5 * dim, 2)]
    const left = rows.map((value, i) => value - (origin[i % dim] as number))
    await engine.frame(async (scratch) => {
      const [one, two] = [origin, undefined].map((from) =>
        createRotation(engine, (n) => scratch.alloc(n), dim, 4, from),
      )
      const turned = await Promise.all(
        (
          [
            [one, rows],
            [two, left],
          ] as const
        ).map(async ([rotation, from]) => {
          const width = rotatedWidth(dim)
          const [at, out, back] = [scratch.alloc(5 * dim * 4), scratch.alloc(5 * width * 4), scratch.alloc(5 * dim * 4)]
          engine.floats(at, 5 * dim).set(from)
          await rotate(engine, rotation as Rotation, at, 5, out)
          await unrotate(engine, rotation as Rotation, out, 5, back)
          expect(gap(engine.floats(back, 5 * dim), from)).toBeLessThan(1e-5)
          return engine.floats(out, 5 * width).slice()
        }),
      )
      expectSame(turned[0] as Float32Array, turned[1] as Float32Array)
    })
  }
  engine.close()
})

test('one component is spread over all, as chance would', () => {
  const m = machines[0] as Machine
  for (const dim of [32, 100, 256, 768]) {
    const width = rotatedWidth(dim)
    let fourth = 0
    let most = 0
    for (let seed = 0; seed < 40; seed++) {
      m.reset()
      const row = new Float32Array(dim)
      row[(seed * 7) % dim] = Math.sqrt(width)
      const turned = rotateRows(m, row, dim, signsOf(width, seed))
      fourth += turned.reduce((all, value) => all + value ** 4, 0) / width / 40
      most = Math.max(most, ...turned.map(Math.abs))
    }
    // Of a normal distribution 3, and of 40 · 768 numbers the largest is about 4.3.
    expect(fourth).toBeGreaterThan(2.5)
    expect(fourth).toBeLessThan(3.3)
    expect(most).toBeLessThan(5.5)
  }
})

test('a rotation comes from its seed, and threads change nothing', async () => {
  const outcomes = await Promise.all(
    [
      { seed: 1, threads: 0 },
      { seed: 1, threads: 2 },
      { seed: 2, threads: 0 },
    ].map(async ({ seed, threads }) => {
      const engine = await createEngine({ threads })
      const [dim, count] = [100, 8000]
      const outcome = await engine.frame(async (scratch) => {
        const rotation = createRotation(engine, (bytes) => scratch.alloc(bytes), dim, seed)
        const [rows, back] = [scratch.alloc(count * dim * 4), scratch.alloc(count * dim * 4)]
        const out = scratch.alloc(count * rotation.width * 4)
        const data = normals(count * dim, 1)
        engine.floats(rows, data.length).set(data)
        await rotate(engine, rotation, rows, count, out)
        await unrotate(engine, rotation, out, count, back)
        expect(gap(engine.floats(back, 10_000), data)).toBeLessThan(1e-5)
        return engine.floats(out, count * rotation.width).slice()
      })
      engine.close()
      return outcome
    }),
  )
  const [alone, threaded, other] = outcomes as [Float32Array, Float32Array, Float32Array]
  expectSame(threaded, alone)
  expect(inner(other, alone) / norm(other) / norm(alone)).toBeLessThan(0.2)
})
