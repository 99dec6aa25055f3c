import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { dot, panelsOf, rowOf, type Table } from './reference.js'

const f = Math.fround
const SPECK = f(1e-15)
const shape = {
  dim: fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 600 })),
  width: fc.integer({ min: 1, max: 70 }),
  count: fc.integer({ min: 0, max: 19 }),
  group: fc.constantFrom<number[]>(2, 4),
  block: fc.constantFrom<number[]>(4, 8, 12, 64),
  seed: fc.integer({ min: 1, max: 1e6 }),
  mapped: fc.boolean(),
  bias: fc.boolean(),
  unit: fc.boolean(),
  norms: fc.boolean(),
}
type Case = { [name in keyof typeof shape]: (typeof shape)[name] extends fc.Arbitrary<infer T> ? T : never }
const plain = { group: 2, block: 4, mapped: true, bias: false, unit: true, norms: true } as const

describe.each(machines)('$level kernels', (m) => {
  test('projectRows is an affine map, then a division by the norm, and tells the first bad row of each lane', () => {
    const check = (c: Case): void => {
      m.reset()
      const { rows, weight, bias, width } = inputs(c)
      const { record, out, norms, bad, items } = place(m, c, rows, weight, bias, width)
      // The first items on one lane, the rest on another.
      const half = Math.floor(items / 2)
      m.exports.projectRows(record, half, items, 1)
      m.run('projectRows', record, half)
      const [found, squares] = [m.floats(out, c.count * width), m.floats(norms, c.count)]
      const lowest = [0xffffffff, 0xffffffff]
      for (let i = 0; i < c.count; i++) {
        const { row, norm } = projected(rowOf(rows, i), weight, bias, width, c.unit)
        expect([squares[i]], `row ${i}`).toEqual([c.norms ? (norm ?? NaN) : NaN])
        if (norm !== undefined) expectSame(found.subarray(i * width, (i + 1) * width), row)
        const lane = i < half * c.block ? 0 : 1
        if (norm === undefined) lowest[lane] = Math.min(lowest[lane]!, i)
      }
      expect([...m.ints(bad, 32)]).toEqual(new Array(32).fill(0xffffffff).with(0, lowest[0]).with(16, lowest[1]))
      expectSame(m.floats(rows.at, rows.rows.length), rows.rows)
    }
    for (let dim = 1; dim <= 40; dim++) {
      const same = { group: dim % 2 ? 2 : 4, block: 4, seed: dim, bias: dim % 3 === 0, unit: false, norms: true }
      check({ ...same, dim, width: 41 - dim, count: dim % 9, mapped: true })
      check({ ...same, dim, width: dim, count: dim % 9, mapped: false })
    }
    fc.assert(fc.property(fc.record(shape), check), { numRuns: 200 })
  })

  test('a row alone becomes, to the last bit, what it becomes among others, whatever the tile', () => {
    for (const [dim, width, count] of [
      [3, 1, 5],
      [17, 9, 7],
      [128, 33, 11],
      [300, 64, 6],
    ] as const) {
      for (const unit of [true, false]) {
        const [rows, weight, bias] = [fractions(count * dim, dim), fractions(width * dim, 2), fractions(width, 3)]
        const all = (group: number, block: number): Float32Array =>
          run(m, { rows, weight, bias, dim, width, unit, group, block }).out
        const whole = all(2, 8)
        expectSame(all(4, 8), whole)
        expectSame(all(4, 4), whole)
        for (let i = 0; i < count; i++) {
          const alone = rows.subarray(i * dim, (i + 1) * dim)
          const { out } = run(m, { rows: alone, weight, bias, dim, width, unit, group: 2, block: 4 })
          expectSame(out, whole.subarray(i * width, (i + 1) * width))
        }
      }
    }
  })

  test('a row of which nothing is left becomes a speck, not zero: its cosine is 0, but it has one', () => {
    // Both rows are orthogonal to all that is kept; the third is zero itself.
    const rows = Float32Array.of(0, 0, 3, 0, 0, -1e-18, 0, 0, 0)
    const weight = Float32Array.of(1, 0, 0, 0, 1, 0)
    for (const [map, width] of [
      [weight, 2],
      [undefined, 2],
      [undefined, 1],
    ] as const) {
      const shape = { rows, weight: map, bias: undefined, dim: 3, width, group: 4, block: 4 }
      const { out, norms } = run(m, { ...shape, unit: true })
      const none = new Array(width).fill(0)
      expect([...out]).toEqual([...none.with(0, SPECK), ...none.with(0, SPECK), ...none])
      expect([...norms]).toEqual([f(SPECK * SPECK), f(SPECK * SPECK), 0])
      expect(norms[0]).toBeGreaterThan(0)
      const plain = run(m, { ...shape, unit: false })
      expect([...plain.out, ...plain.norms]).toEqual(new Array(3 * width + 3).fill(0))
    }
  })

  test('rows that become tiny, or very long, still get length 1', () => {
    const dim = 20
    for (const size of [1e-42, 1e-38, 1e-30, 1e-18, 1.1e-15, 0.9e-15, 1e-6, 1e6, 1e18]) {
      const rows = fractions(3 * dim, 5)
      const weight = fractions(7 * dim, 6).map((value) => value * size)
      const { out, norms } = run(m, { rows, weight, bias: undefined, dim, width: 7, unit: true, group: 2, block: 4 })
      expect([...norms]).toEqual([1, 1, 1])
      for (let i = 0; i < 3; i++) {
        const exact = Array.from({ length: 7 }, (_, j) => sum(rows.subarray(i * dim), weight.subarray(j * dim), dim))
        const length = Math.hypot(...exact)
        // Of the smallest numbers a few bits are there.
        exact.forEach((value, j) => expect(out[i * 7 + j]).toBeCloseTo(value / length, size < 1e-40 ? 1 : 4))
      }
    }
  })

  test('a row of any size keeps its direction, and only zero is zero, whatever is added', () => {
    for (const size of [1e-22, 1e-25, 1e-38, 1e-44]) {
      const rows = Float32Array.of(size, 0, -size, 0, 0, 0)
      const shape = { rows, weight: undefined, dim: 3, unit: true, group: 2, block: 4 }
      const { out, norms } = run(m, { ...shape, bias: undefined, width: 3 })
      ;[Math.SQRT1_2, 0, -Math.SQRT1_2, 0, 0, 0].forEach((value, i) => expect(out[i]).toBeCloseTo(value, 6))
      expect([...norms]).toEqual([1, 0])
      const added = run(m, { ...shape, bias: Float32Array.of(2, 0), width: 2 })
      expect([...added.out, ...added.norms]).toEqual([1, 0, 0, 0, 1, 0])
    }
  })

  test('a row that overflows is told, and no other', () => {
    const rows = Float32Array.of(1, 1e18, 1, 1e18, 1, 1, 1, -1e18)
    const weight = Float32Array.of(1, 1e10)
    for (const unit of [true, false]) {
      const { out, bad } = run(m, { rows, weight, bias: undefined, dim: 2, width: 1, unit, group: 2, block: 4 })
      expect(bad).toBe(0)
      expect(out[2]).toBe(unit ? 1 : f(1 + 1e10))
    }
    // The bias alone may be too much.
    const shifted = { rows, weight: undefined, bias: Float32Array.of(3e19), dim: 2, width: 1 }
    expect(run(m, { ...shifted, unit: true, group: 2, block: 4 }).bad).toBe(0)
    expect(run(m, { ...shifted, bias: Float32Array.of(1e18), unit: false, group: 2, block: 4 }).bad).toBe(0xffffffff)
  })

  test('compareCells gives bias − ⟨query, centroid⟩ for each cell of each query', () => {
    const any = fc.record({ ...shape, nprobe: fc.integer({ min: 1, max: 9 }), nlist: fc.integer({ min: 1, max: 30 }) })
    fc.assert(
      fc.property(any, ({ dim, count, nprobe, nlist, seed, bias: biased }) => {
        m.reset()
        const random = numbers(seed)
        const queries = { rows: wholes(count * dim, seed), dim }
        const centroids = { rows: wholes(nlist * dim, seed + 1), dim }
        const biases = wholes(nlist, seed + 2, 100)
        const cells = Uint32Array.from({ length: count * nprobe }, () => random() % nlist)
        const out = m.room(count * nprobe)
        const record = m.record('CellPairs', {
          ...{ queries: m.put(queries.rows), dim, cells: m.putInts(cells), nprobe, out },
          ...{ centroids: m.put(centroids.rows), bias: biased ? m.put(biases) : 0 },
        })
        m.run('compareCells', record, count)
        const expected = Float32Array.from(cells, (cell, i) => {
          const product = dot(rowOf(queries, Math.floor(i / nprobe)), rowOf(centroids, cell))
          return (biased ? biases[cell]! : 0) - product
        })
        expectSame(m.floats(out, count * nprobe), expected)
      }),
      { numRuns: 100 },
    )
  })
})

function inputs({ dim, width: wanted, count, seed, mapped, bias }: Case) {
  const random = numbers(seed)
  const width = mapped ? wanted : Math.min(wanted, dim)
  const rows = { rows: wholes(count * dim, seed, 2), dim, at: 0 }
  for (let i = 0; i < count; i++) {
    if (random() % 7 === 0) rowOf(rows, i).fill(0)
    if (random() % 9 === 0) rowOf(rows, i)[random() % dim] = [NaN, Infinity, -Infinity, 3e38][random() % 4]!
  }
  const weight = mapped ? { rows: wholes(width * dim, seed + 1, 2), dim } : undefined
  // Some rows of the map are zero, so that of some vectors nothing is left.
  if (weight && random() % 3 === 0) weight.rows.fill(0, 0, (random() % (width + 1)) * dim)
  return { rows, weight, bias: bias ? wholes(width, seed + 2) : undefined, width }
}

/** What is to become of a row; no norm: it is a bad one. */
function projected(
  source: Float32Array,
  weight: Table | undefined,
  bias: Float32Array | undefined,
  width: number,
  unit: boolean,
): { row: Float32Array; norm: number | undefined } {
  const row = Float32Array.from({ length: width }, (_, j) => {
    return f((weight ? dot(source, rowOf(weight, j)) : source[j]!) + (bias?.[j] ?? 0))
  })
  const norm = dot(row, row)
  if (!(norm < Infinity)) return { row, norm: undefined }
  if (!unit) return { row, norm }
  if (source.every((value) => value === 0)) return { row: row.fill(0), norm: 0 }
  if (norm > 0) {
    const scale = f(1 / f(Math.sqrt(norm)))
    return { row: row.map((value) => value * scale), norm: 1 }
  }
  row[0] = SPECK
  return { row, norm: f(SPECK * SPECK) }
}

function place(
  m: Machine,
  { dim, count, group, block, unit, norms: wanted }: Omit<Case, 'width' | 'seed' | 'mapped' | 'bias'>,
  rows: Table & { at: number },
  weight: Table | undefined,
  bias: Float32Array | undefined,
  width: number,
) {
  const npanels = Math.ceil(width / 16) * 2
  const [out, norms, bad] = [m.room(count * width), m.room(count), m.room(32)]
  const lane = weight ? block * (dim + npanels * 8) : 4
  rows.at = m.put(rows.rows)
  const record = m.record('Project', {
    ...{ rows: rows.at, dim, count, block, group, npanels, width, unit: +unit, out, bad },
    panels: weight ? m.put(panelsOf(weight, npanels)) : 0,
    bias: bias ? m.put(bias) : 0,
    norms: wanted ? norms : 0,
    ...{ scratch: m.room(2 * lane), scratchStride: lane * 4 },
  })
  return { record, out, norms, bad, items: Math.ceil(count / block) }
}

interface Run {
  rows: Float32Array
  weight: Float32Array | undefined
  bias: Float32Array | undefined
  dim: number
  width: number
  unit: boolean
  group: number
  block: number
}

function run(m: Machine, { rows, weight, bias, dim, width, ...rest }: Run) {
  m.reset()
  const count = rows.length / dim
  const map = weight && { rows: weight, dim }
  const placed = place(m, { ...plain, ...rest, dim, count }, { rows, dim, at: 0 }, map, bias, width)
  m.run('projectRows', placed.record, placed.items)
  const [out, norms] = [m.floats(placed.out, count * width), m.floats(placed.norms, count)]
  return { out, norms, bad: m.ints(placed.bad, 1)[0] }
}

function sum(a: Float32Array, b: Float32Array, dim: number): number {
  let all = 0
  for (let k = 0; k < dim; k++) all += a[k]! * b[k]!
  return all
}
