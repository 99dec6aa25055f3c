import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { addToSums, inPanels, means, rowOf } from './reference.js'

const dims = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 1025 }))
const seeds = fc.integer({ min: 1, max: 1e6 })
const counts = fc.integer({ min: 1, max: 30 })

describe.each(machines)('$level kernels', (m) => {
  test('addToSums adds in the order of the rows, whatever the width of an item', () => {
    const any = fc.record({
      dim: dims,
      count: fc.integer({ min: 0, max: 30 }),
      centroids: counts,
      seed: seeds,
      sign: fc.constantFrom(1, -1),
      listed: fc.boolean(),
    })
    fc.assert(
      fc.property(any, fc.constantFrom(4, 32, 7, 2000), ({ dim, count, centroids, seed, sign, listed }, width) => {
        m.reset()
        const random = numbers(seed)
        const rows = { rows: fractions((count + 3) * dim, seed), dim }
        const sums = { rows: fractions(centroids * dim, seed + 1), dim }
        const indices = Array.from({ length: count }, (_, i) => (listed ? random() % (count + 3) : i))
        const labels = indices.map(() => random() % centroids)
        const at = m.put(sums.rows)
        const fields = {
          rows: m.put(rows.rows),
          indices: listed ? m.putInts(indices) : 0,
          labels: m.putInts(labels),
          count,
          dim,
          sign,
          width,
          sums: at,
        }
        m.run('addToSums', m.record('Sums', fields), Math.ceil(dim / width))
        addToSums(sums, rows, indices, labels, sign)
        // The very bits, of fractions too: an addition is never fused with anything.
        expectSame(m.floats(at, centroids * dim), sums.rows)
      }),
      { numRuns: 100 },
    )
  })

  test('means moves centroids with members, normalizes them, and writes them as panels', () => {
    const any = fc.record({
      dim: dims,
      count: counts,
      seed: seeds,
      normalize: fc.boolean(),
      halfNorm: fc.boolean(),
      countOffset: fc.constantFrom(0, 1, 1e-6),
      normOffset: fc.constantFrom(0, 1e-6),
    })
    fc.assert(
      fc.property(any, (c) => compare(m, c, wholes, 0)),
      { numRuns: 100 },
    )
    for (let dim = 1; dim <= 40; dim++)
      compare(
        m,
        { dim, count: 9, seed: dim, normalize: true, halfNorm: true, countOffset: 0, normOffset: 0 },
        wholes,
        0,
      )
    fc.assert(
      fc.property(any, (c) => compare(m, c, fractions, 1e-5)),
      { numRuns: 50 },
    )
  })

  test('a sum of zeros becomes a centroid of zeros, not of NaN', () => {
    compare(
      m,
      { dim: 6, count: 3, seed: 1, normalize: true, halfNorm: true, countOffset: 0, normOffset: 0 },
      (length) => new Float32Array(length),
      0,
    )
  })
})

interface Case {
  dim: number
  count: number
  seed: number
  normalize: boolean
  halfNorm: boolean
  countOffset: number
  normOffset: number
}

function compare(
  m: Machine,
  { dim, count, seed, ...settings }: Case,
  draw: (length: number, seed: number) => Float32Array,
  tolerance: number,
): void {
  m.reset()
  const random = numbers(seed)
  const padded = Math.ceil(count / 8) * 8
  const sums = { rows: draw(count * dim, seed), dim }
  const table = { rows: new Float32Array(padded * dim), dim }
  table.rows.set(wholes(count * dim, seed + 1))
  const tally = Float32Array.from({ length: count }, () => random() % 4)
  const rows = m.put(table.rows)
  const [panels, bias] = [m.room(padded * dim), m.room(padded)]
  const fields = {
    ...settings,
    normalize: +settings.normalize,
    halfNorm: +settings.halfNorm,
    sums: m.put(sums.rows),
    counts: m.put(tally),
    count,
    dim,
    rows,
    panels,
    bias,
  }
  m.run('means', m.record('Means', fields), padded / 8)
  const biases = means(table, sums, tally, settings)
  near(m.floats(rows, padded * dim), table.rows, tolerance)
  // The norm of a row of quotients is a sum of inexact numbers.
  near(m.floats(bias, count), biases, 1e-5)
  expect(m.floats(bias + count * 4, padded - count).every(Number.isNaN)).toBe(true)
  const packed = m.floats(panels, padded * dim)
  const moved = { rows: m.floats(rows, padded * dim), dim }
  for (let c = 0; c < padded; c++)
    expect(rowOf(moved, c).every((value, k) => packed[inPanels(c, k, dim)] === value)).toBe(true)
}

function near(found: Float32Array, expected: Float32Array, tolerance: number): void {
  if (tolerance === 0) expectSame(found, expected)
  const far = found.findIndex(
    (value, i) => !(Math.abs(value - (expected[i] as number)) <= tolerance * (1 + Math.abs(expected[i] as number))),
  )
  expect(far, `${found[far]} for ${expected[far]}`).toBe(-1)
}
