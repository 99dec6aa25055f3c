import { describe, expect, test } from 'vitest'
import { recordSize } from '../../src/engine/layout.js'
import { dissimilarity, dot, type Rows } from '../projections/learned/reference.js'
import { columnsOf, expectClose, rowsOf } from './learning.js'
import { expectSame, fractions, type Machine, machines } from './machine.js'
import { panelsOf } from './reference.js'

const SHAPES = [
  { count: 16, dim: 16, width: 16, group: 2, block: 16 },
  { count: 32, dim: 48, width: 16, group: 4, block: 8 },
  { count: 48, dim: 16, width: 32, group: 4, block: 32 },
  { count: 64, dim: 64, width: 48, group: 2, block: 24 },
]
const KINDS = [
  { unit: true, squared: false },
  { unit: false, squared: false },
  { unit: false, squared: true },
]
const cases = SHAPES.flatMap((shape) => KINDS.map((kind) => ({ ...shape, ...kind })))

describe.each(machines)('$level kernels', (m) => {
  test.each(cases)('likenesses, their shares and the loss are those of plain code: %o', (shape) => {
    const { rows, weights, made, before, after, shares, ...found } = step(m, shape, 3)
    const { unit, squared, count, width } = shape
    const plain = rows.map((row) => weights.map((w) => dot(w, row)))
    if (unit) plain.forEach((row, i) => (plain[i] = row.map((value) => value / Math.sqrt(dot(row, row)))))
    expectClose(made, plain.flat(), 1e-5)
    expectSame(found.columns, columnsOf(made, count, width))
    expectSame(found.panels, panelsOf({ rows: made, dim: width }, count / 8))
    expectClose(before, likenesses(rows, squared), 2e-5)
    expectClose(after, likenesses(plain, squared), 2e-5)
    const loss = shares.map(([most, sum, mostAfter, sumAfter, gap]) => {
      return 3 * (gap! + mostAfter! - most!) + Math.log(sumAfter! / sum!)
    })
    // Relative entropy is never negative.
    for (const own of loss) expect(own).toBeGreaterThan(-1e-4)
    const mean = loss.reduce((all, own) => all + own, 0) / count
    expect(mean).toBeCloseTo(dissimilarity(weights, rows, { unit, squared, sharpness: 3 }), 4)
  })

  test.each(SHAPES)(
    'by squares rows pull each other evenly: what the whole batch changes by is nothing: %o',
    (shape) => {
      for (const sharpness of [0.1, 3, 40]) {
        const { delta } = step(m, { ...shape, unit: false, squared: true }, sharpness)
        const [sums, sizes] = [new Float64Array(shape.width), new Float64Array(shape.width)]
        delta.forEach((value, i) => {
          sums[i % shape.width]! += value
          sizes[i % shape.width]! += Math.abs(value)
        })
        expect(Math.max(...sizes)).toBeGreaterThan(0)
        const most = Math.max(...sizes)
        for (const sum of sums) expect(Math.abs(sum)).toBeLessThan(1e-5 * most)
      }
    },
  )

  test.each(SHAPES)('what cosine changes by is across each row: %o', (shape) => {
    const { delta, made } = step(m, { ...shape, unit: true, squared: false }, 5)
    const own = rowsOf(made, shape.width)
    for (const [i, row] of rowsOf(delta, shape.width).entries()) {
      expect(Math.abs(dot(row, own[i]!))).toBeLessThan(1e-5 * Math.sqrt(dot(row, row)) + 1e-7)
    }
  })

  test.each(KINDS)('a map that keeps all likenesses changes nothing: %o', (kind) => {
    const shape = { count: 32, dim: 16, width: 16, group: 2, block: 16, ...kind }
    const identity = Float32Array.from({ length: 256 }, (_, i) => (i % 17 === 0 ? 1 : 0))
    const { delta, shares } = step(m, shape, 4, kind.unit ? normalized : undefined, identity)
    for (const value of delta) expect(Math.abs(value)).toBeLessThan(1e-6)
    for (const [most, sum, mostAfter, sumAfter, gap] of shares) {
      expect(4 * (gap! + mostAfter! - most!) + Math.log(sumAfter! / sum!)).toBeCloseTo(0, 5)
    }
  })

  test.each(KINDS)('equal rows, zero rows and any sharpness leave numbers: %o', (kind) => {
    const shape = { count: 32, dim: 16, width: 16, group: 4, block: 16, ...kind }
    const odd: ((rows: Float32Array) => Float32Array)[] = [
      (rows) => rows.map((_, i) => rows[i % 16]!),
      (rows) => rows.map((value, i) => (i < 256 ? rows[i % 16]! : value)),
      (rows) => rows.fill(0),
      (rows) => rows.fill(0, 0, 256),
      (rows) => rows.map((value) => value * 1e4),
    ]
    for (const change of odd) {
      for (const sharpness of [1e-6, 1, 1e6]) {
        const { delta, shares } = step(m, shape, sharpness, change)
        expect(delta.every(Number.isFinite)).toBe(true)
        for (const [most, sum, mostAfter, sumAfter, gap] of shares) {
          const loss = sharpness * (gap! + mostAfter! - most!) + Math.log(sumAfter! / sum!)
          expect(loss, `sharpness ${sharpness}`).toSatisfy(Number.isFinite)
        }
      }
    }
  })
})

interface Shape {
  count: number
  dim: number
  width: number
  group: number
  block: number
  unit: boolean
  squared: boolean
}

/** The three kernels, one after the other. */
function step(
  m: Machine,
  { count, dim, width, group, block, unit, squared }: Shape,
  sharpness: number,
  change: (rows: Float32Array) => Float32Array = (rows) => rows,
  weights = fractions(width * dim, 8).map((value) => value / 2),
) {
  m.reset()
  const rows = change(fractions(count * dim, 4))
  const room = { made: m.room(count * width), madePanels: m.room(count * width), madeColumns: m.room(count * width) }
  const share = recordSize('Share') / 4
  const out = {
    ...{ lengths: m.room((count * recordSize('Length')) / 4), shares: m.room(count * share) },
    ...{ before: m.room(count * count), after: m.room(count * count), delta: m.room(count * width) },
  }
  const record = m.record('Pairs', {
    ...{ rows: m.put(rows), panels: m.put(panelsOf({ rows, dim }, count / 8)), dim, count, block, group },
    ...{
      weights: m.put(panelsOf({ rows: weights, dim }, width / 8)),
      width,
      unit: +unit,
      squared: +squared,
      sharpness,
    },
    ...{ ...room, ...out, scratch: m.room(block * (Math.max(dim, width, count) + count)), scratchStride: 0 },
  })
  for (const kernel of ['embedRows', 'comparePairs', 'matchPairs'] as const) {
    m.run(kernel, record, Math.ceil(count / block))
  }
  return {
    ...{ rows: rowsOf(rows, dim), weights: rowsOf(weights, dim), made: m.floats(room.made, count * width) },
    ...{ panels: m.floats(room.madePanels, count * width), columns: m.floats(room.madeColumns, count * width) },
    ...{ before: m.floats(out.before, count * count), after: m.floats(out.after, count * count) },
    shares: rowsOf(m.floats(out.shares, count * share), share),
    delta: m.floats(out.delta, count * width),
  }
}

function normalized(rows: Float32Array): Float32Array {
  const units = rowsOf(rows, 16).map((row) => row.map((value) => value / Math.sqrt(dot(row, row))))
  return Float32Array.from(units.flat())
}

/** count × count; of a row with itself as low as can be. */
function likenesses(rows: Rows, squared: boolean): number[] {
  return rows.flatMap((x, i) =>
    rows.map((y, j) => {
      if (i === j) return -3.4028234663852886e38
      return squared ? dot(x, y) - (dot(x, x) + dot(y, y)) / 2 : dot(x, y)
    }),
  )
}
