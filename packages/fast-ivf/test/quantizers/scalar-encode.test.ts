import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rotatedWidth } from '../../src/quantizers/rotation/rotation.js'
import { createScalarCode, decodeScalar, encodeScalar } from '../../src/quantizers/scalar/encode.js'
import { lloydMax, type ScalarBits, scalarLevels } from '../../src/quantizers/scalar/levels.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, machines, numbers } from '../kernels/machine.js'
import { BITS, DIMS, encoded, encodeRows, minus, norm, normals } from './scalar-reference.js'

test('levels are those of the least squared error', () => {
  // As algorithms.md §10.1.2 gives them.
  const figures: Record<number, number[]> = {
    1: [0.798],
    2: [0.453, 1.51],
    3: [0.245, 0.756, 1.344, 2.152],
    4: [0.128, 0.388, 0.657, 0.942, 1.256, 1.618, 2.069, 2.733],
  }
  for (const [bits, upper] of Object.entries(figures)) {
    const { levels, thresholds } = lloydMax(Number(bits))
    upper.forEach((level, i) => expect(Math.abs((levels[upper.length + i] as number) - level)).toBeLessThan(6e-4))
    expect(levels).toEqual(levels.map((level) => -level).reverse())
    expect(thresholds[upper.length - 1]).toBe(0)
  }
  expect(lloydMax(5).levels.at(-1)).toBeCloseTo(3.2607, 3)
})

test('whole levels reach 127, and thresholds lie between them', () => {
  expect([...scalarLevels(1).levels.subarray(0, 2)]).toEqual([-1, 1])
  expect([...scalarLevels(2).levels.subarray(0, 4)]).toEqual([-127, -38, 38, 127])
  expect([...scalarLevels(4).levels.subarray(8)]).toEqual([6, 18, 31, 44, 58, 75, 96, 127])
  for (const bits of [1, 2, 4]) {
    const { levels, thresholds } = scalarLevels(bits)
    expect(thresholds.length).toBe(2 ** bits - 1)
    expect(levels.slice(0, 2 ** bits)).toEqual(levels.slice(0, 2 ** bits).sort())
    const exact = lloydMax(bits).thresholds
    thresholds.forEach((threshold, i) => expect(Math.abs(threshold - (exact[i] as number))).toBeLessThan(0.02))
  }
})

const cases = fc.record({
  dim: fc.oneof(fc.constantFrom(...DIMS), fc.integer({ min: 1, max: 300 })),
  bits: fc.constantFrom(...BITS),
  count: fc.integer({ min: 0, max: 20 }),
  block: fc.constantFrom(1, 7, 64),
  seed: fc.nat(1e6),
  halfNorm: fc.boolean(),
  dropZero: fc.boolean(),
  size: fc.constantFrom(1, 1, 1e-42, 1e-30, 1e-18, 1e-12, 1e12, 1e17, 3e18),
})

/** Rotated rows about 3 centroids; some zero, some on their centroid. */
function data(width: number, count: number, size: number, seed: number) {
  const random = numbers(seed + 1)
  const centroids = normals(3 * width, seed + 2).map((value) => (value * size) / Math.sqrt(width))
  const rows = normals(count * width, seed + 3).map((value) => (value * size) / Math.sqrt(width))
  const cells = Array.from({ length: count }, () => random() % 3)
  cells.forEach((cell, i) => {
    const row = rows.subarray(i * width, (i + 1) * width)
    const kind = random() % 8
    if (kind === 0) row.fill(0)
    if (kind === 1) row.set(centroids.subarray(cell * width, (cell + 1) * width))
    if (kind === 2) row[random() % width] = size
  })
  const row = (i: number) => rows.subarray(i * width, (i + 1) * width)
  const centroid = (i: number) => centroids.subarray((cells[i] ?? 0) * width, ((cells[i] ?? 0) + 1) * width)
  return { rows, cells, centroids, row, centroid }
}

describe.each(machines)('$level kernels', (m) => {
  test('a code row is what plain code makes of it, to the last bit, and holds no NaN', () => {
    fc.assert(
      fc.property(cases, ({ dim, bits, count, block, seed, halfNorm, dropZero, size }) => {
        m.reset()
        const width = rotatedWidth(dim)
        const { rows, cells, centroids, row, centroid } = data(width, count, size, seed)
        const levels = scalarLevels(bits)
        const e = { bits, halfNorm, dropZero }
        const { codes } = encodeRows(m, rows, cells, centroids, levels, e, block)
        codes.forEach((code, i) => {
          const expected = encoded(row(i), centroid(i), levels, e)
          expectSame(code.values, expected.values)
          const [found, wanted] = [code, expected].map((c) => [c.add, c.scale, c.sigma, c.sum])
          expect(found?.map((value) => value && value + 0)).toEqual(wanted?.map((value) => value && value + 0))
          expect(found?.some(Number.isNaN)).toBe(false)
        })
      }),
      { numRuns: 200 },
    )
  })

  test('a residual of zero has the scale 0, a zero row of cosine is never an answer', () => {
    for (const bits of BITS) {
      m.reset()
      const [centroid, zero] = [normals(32, 5), new Float32Array(32)]
      const rows = Float32Array.of(...centroid, ...zero)
      const levels = scalarLevels(bits)
      for (const halfNorm of [true, false]) {
        const e = { bits, halfNorm, dropZero: !halfNorm }
        const { codes } = encodeRows(m, rows, [0, 0], centroid, levels, e)
        expect(codes[0]).toMatchObject({ scale: 0, sigma: 0 })
        expect(Math.abs(codes[0]?.add ?? 1)).toBe(0)
        if (halfNorm) expect(codes[1]?.add).toBeLessThan(Infinity)
        else expect(codes[1]).toMatchObject({ add: Infinity, scale: 0, sigma: 0, ...(bits > 1 ? { sum: 0 } : {}) })
      }
    }
  })

  test('rows as far out as 32-bit floats reach have finite factors', () => {
    for (const bits of BITS) {
      for (const halfNorm of [true, false]) {
        m.reset()
        const [row, centroid] = [1, 2].map((seed) => normals(64, seed)) as [Float32Array, Float32Array]
        const [a, b] = [norm(row), norm(centroid)]
        const [rows, centroids] = [row.map((v) => (v / a) * 1.8e19), centroid.map((v) => (v / b) * 1.8e19)]
        const opposite = [...rows, ...centroids.map((v) => -v)]
        const e = { bits, halfNorm, dropZero: false }
        const { codes } = encodeRows(m, Float32Array.from(opposite), [0, 0], centroids, scalarLevels(bits), e)
        for (const { add, scale, sigma } of codes) expect([add, scale, sigma].every(Number.isFinite)).toBe(true)
      }
    }
  })

  test('decoding gives centroid + scale · x̄, which errs as sigma says and not along the residual', () => {
    fc.assert(
      fc.property(cases, ({ dim, bits, count, block, seed }) => {
        m.reset()
        const width = rotatedWidth(dim)
        const { rows, cells, centroids, row, centroid } = data(width, count, 1, seed)
        const levels = scalarLevels(bits)
        const e = { bits, halfNorm: false, dropZero: true }
        const { bytes, codes } = encodeRows(m, rows, cells, centroids, levels, e, block)
        const out = m.room(count * width)
        const fields = {
          codes: m.putInts(new Uint32Array(bytes.buffer)),
          codeSize: bytes.length / Math.max(1, count),
          cells: m.putInts(cells),
          centroids: m.put(centroids),
          width,
          bits,
          levels: m.putInts(new Uint32Array(levels.levels.buffer)),
          count,
          block,
          out,
        }
        m.run('decodeScalar', m.record('DecodeScalar', fields), Math.ceil(count / block))
        codes.forEach(({ x, add, scale, sigma }, i) => {
          const found = m.floats(out + i * width * 4, width)
          if (add === Infinity) return expectSame(found, new Float32Array(width))
          const c = centroid(i)
          expectSame(
            found,
            c.map((value, k) => value + Math.fround(scale * (x[k] as number))),
          )
          const r = minus(row(i), c)
          const error = minus(found, row(i))
          expect(Math.abs(error.reduce((all, value, k) => all + value * (r[k] as number), 0))).toBeLessThan(1e-5)
          // 32-bit sums leave a doubt of some 1e-7 in cos².
          const doubt = Math.abs(norm(error) ** 2 - sigma ** 2 * (width - 1))
          expect(doubt).toBeLessThanOrEqual(1e-6 * norm(r) ** 2)
        })
      }),
      { numRuns: 60 },
    )
  })

  test('both builds give the same bytes', () => {
    for (const dim of DIMS) {
      for (const bits of BITS) {
        const [first, own] = [machines[0] ?? m, m].map((each) => {
          each.reset()
          const { rows, cells, centroids } = data(rotatedWidth(dim), 30, 1, dim)
          const e = { bits, halfNorm: true, dropZero: true }
          return encodeRows(each, rows, cells, centroids, scalarLevels(bits), e).bytes
        })
        expectSame(own ?? [], first ?? [])
      }
    }
  })
})

test.each([1, 2, 4, 8] satisfies ScalarBits[])(
  '%i bits encoded and decoded by engines, on threads or not',
  async (bits) => {
    const [width, count] = [96, 9000]
    const { rows, cells, centroids, row } = data(width, count, 1, 8)
    const outcomes = await Promise.all(
      [0, 2].map(async (threads) => {
        const engine = await createEngine({ threads })
        const outcome = await engine.frame(async (scratch) => {
          const code = createScalarCode(engine, (bytes) => scratch.alloc(bytes), width, bits)
          expect(code.codeSize).toBe((width * bits) / 8 + 4 * code.nfactors)
          const at = scratch.alloc(rows.byteLength)
          const [labels, table] = [scratch.alloc(count * 4), scratch.alloc(centroids.byteLength)]
          const [out, back] = [scratch.alloc(count * code.codeSize), scratch.alloc(rows.byteLength)]
          engine.floats(at, rows.length).set(rows)
          engine.ints(labels, count).set(cells)
          engine.floats(table, centroids.length).set(centroids)
          const common = { count, cells: labels, centroids: table }
          await encodeScalar(engine, code, { rows: at, ...common }, out, { halfNorm: true, dropZero: false })
          await decodeScalar(engine, code, { rows: out, ...common }, back)
          expect(norm(minus(engine.floats(back, width), row(0)))).toBeLessThan(2)
          return engine.ints(out, (count * code.codeSize) / 4).slice()
        })
        engine.close()
        return outcome
      }),
    )
    expectSame(outcomes[1] ?? [], outcomes[0] ?? [])
  },
)
