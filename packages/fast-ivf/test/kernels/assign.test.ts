import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { assigned, nearest, panelsOf, products, rowOf } from './reference.js'

const dims = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 1, max: 40 }) }, fc.integer({ min: 41, max: 1025 }))
const seeds = fc.integer({ min: 1, max: 1e6 })
const even = (most: number): fc.Arbitrary<number> => fc.integer({ min: 1, max: most }).map((n) => 2 * n)
const shape = {
  dim: dims,
  count: fc.integer({ min: 0, max: 19 }),
  centroids: fc.integer({ min: 1, max: 70 }),
  group: fc.constantFrom<number[]>(2, 4),
  block: fc.constantFrom(4, 8, 12, 64),
  step: even(6),
  seed: seeds,
  indexed: fc.boolean(),
  most: fc.constantFrom(1, 4),
  k: fc.integer({ min: 1, max: 80 }),
}
type Case = { [name in keyof typeof shape]: (typeof shape)[name] extends fc.Arbitrary<infer T> ? T : never }

describe.each(machines)('$level kernels', (m) => {
  test('assignRows finds the nearest centroid, of equals the first, for every dim, count and step', () => {
    const check = (c: Case): void => {
      const { table, rows, bias, indices, fields, labels, distances } = setUp(m, c, 1)
      m.run('assignRows', m.record('Assign', fields), Math.ceil(c.count / c.block))
      const expected = indices.map((i) => assigned(rowOf(rows, i), table, bias, c.centroids))
      expect([...m.ints(labels, c.count)]).toEqual(expected.map(({ slot }) => slot))
      if (fields.distances) expect([...m.floats(distances, c.count)]).toEqual(expected.map(({ distance }) => distance))
    }
    for (let dim = 1; dim <= 40; dim++) {
      check({
        dim,
        count: dim % 7,
        centroids: 3 * dim,
        group: dim % 2 ? 2 : 4,
        block: 4,
        step: 2,
        seed: dim,
        indexed: false,
        most: 4,
        k: 1,
      })
    }
    fc.assert(fc.property(fc.record(shape), check), { numRuns: 100 })
  })

  test('nearestCells finds the k nearest in order, even when there are fewer', () => {
    const check = (c: Case): void => {
      const { table, rows, bias, indices, fields, labels, distances } = setUp(m, c, c.k)
      m.run('nearestCells', m.record('Assign', { ...fields, distances }), Math.ceil(c.count / c.block))
      indices.forEach((index, i) => {
        const expected = nearest(rowOf(rows, index), table, bias, c.k, 0, c.centroids)
        const none = new Array<number>(c.k - expected.length)
        expect([...m.ints(labels + i * c.k * 4, c.k)]).toEqual([
          ...expected.map(({ slot }) => slot),
          ...none.fill(0xffffffff),
        ])
        const found = [...m.floats(distances + i * c.k * 4, c.k)]
        expect(found).toEqual([...expected.map(({ distance }) => distance), ...none.fill(Number.POSITIVE_INFINITY)])
      })
    }
    fc.assert(fc.property(fc.record(shape), check), { numRuns: 100 })
  })

  test('products gives all inner products', () => {
    const check = ({ dim, count, centroids: width, group, block, seed, spare }: Case & { spare: number }): void => {
      m.reset()
      const rows = { rows: wholes(count * dim, seed), dim }
      const columns = { rows: wholes(width * dim, seed + 1), dim }
      const out = productsOf(m, rows, columns, { count, width, group, block: group === 1 ? 1 : block, spare })
      expectSame(m.floats(out, count * width), products(rows, columns, count, width))
    }
    const groups = fc.constantFrom(1, 2, 4)
    const spare = fc.integer({ min: 0, max: 2 })
    fc.assert(fc.property(fc.record({ ...shape, group: groups, spare }), check), { numRuns: 100 })
  })

  test('every shape of tile gives the same bits', () => {
    const check = (dim: number, count: number, width: number, seed: number): void => {
      const rows = { rows: fractions(count * dim, seed), dim }
      const columns = { rows: fractions(width * dim, seed + 1), dim }
      const bits = [1, 2, 4].flatMap((group) =>
        [4, 8].flatMap((block) =>
          [0, 1, 3].map((spare) => {
            m.reset()
            const out = productsOf(m, rows, columns, { count, width, group, block: group === 1 ? 1 : block, spare })
            return m.ints(out, count * width)
          }),
        ),
      )
      for (const other of bits) expectSame(other, bits[0] as Uint32Array)
      const exact = products(rows, columns, count, width)
      const found = new Float32Array((bits[0] as Uint32Array).buffer)
      expect(found.findIndex((value, i) => !(Math.abs(value - (exact[i] as number)) < 1e-6 * (dim + 4)))).toBe(-1)
      // One row alone is not padded, so it takes the tiles of a single row.
      const [one, many] = [1, count].map((n) => distancesOf(m, rows, columns, n))
      expect(one?.[0]).toBe(many?.[0])
    }
    for (let dim = 1; dim <= 40; dim++) check(dim, 5, 17, dim)
    fc.assert(fc.property(dims, fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 50 }), seeds, check), {
      numRuns: 40,
    })
  })

  test('cells at NaN or infinite distances are never among the nearest', () => {
    m.reset()
    const table = { rows: new Float32Array([NaN, Infinity, -Infinity, 1, 2, 1]), dim: 1 }
    const rows = m.put([1])
    const [labels, distances, k] = [m.room(8), m.room(8), 8]
    const bias = m.put([0, Infinity, 0, 0, NaN, 0, ...new Array(10).fill(Infinity)])
    const fields = {
      rows,
      indices: 0,
      dim: 1,
      count: 1,
      block: 4,
      group: 2,
      panels: m.put(panelsOf(table, 2)),
      npanels: 2,
      step: 2,
      bias,
    }
    const scratch = m.room(4 * (1 + 16) + 16 * (k + 1))
    m.run('nearestCells', m.record('Assign', { ...fields, labels, distances, k, scratch, scratchStride: 0 }), 1)
    expect([...m.ints(labels, k)].slice(0, 3)).toEqual([3, 5, 0xffffffff])
  })
})

function setUp(m: Machine, { dim, count, centroids, group, block, step, seed, indexed, most }: Case, k: number) {
  m.reset()
  const all = indexed ? count + 5 : count
  const random = numbers(seed)
  const rows = { rows: wholes(all * dim, seed, most), dim }
  const table = { rows: wholes(centroids * dim, seed + 1, most), dim }
  const npanels = Math.ceil(centroids / 16) * 2
  const bias = wholes(npanels * 8, seed + 2).map((value, i) =>
    i >= centroids || random() % 9 === 0 ? Infinity : value / 2,
  )
  const indices = Array.from({ length: count }, (_, i) => (indexed ? random() % all : i))
  const labels = m.room(count * k)
  const distances = m.room(count * k)
  const stride = block * (4 * (dim + step * 8) + 16 * (k + 1))
  const fields = {
    rows: m.put(rows.rows),
    indices: indexed ? m.putInts(indices) : 0,
    dim,
    count,
    block,
    group,
    panels: m.put(panelsOf(table, npanels)),
    npanels,
    step,
    bias: m.put(bias),
    labels,
    distances: seed % 3 || k > 1 ? distances : 0,
    k,
    scratch: m.room(stride / 4),
    scratchStride: stride,
  }
  return { rows, table, bias, indices, labels, distances, fields }
}

interface Shape {
  count: number
  width: number
  group: number
  /** 1 where the group is: its tiles hold a single row. */
  block: number
  /** Pairs of panels beyond those needed. */
  spare: number
}

function productsOf(
  m: Machine,
  rows: { rows: Float32Array; dim: number },
  columns: { rows: Float32Array },
  { count, width, group, block, spare }: Shape,
): number {
  const { dim } = rows
  const npanels = Math.ceil(width / 16) * 2 + 2 * spare
  const out = m.room(count * width)
  const stride = 4 * block * (dim + npanels * 8)
  const fields = {
    rows: m.put(rows.rows),
    dim,
    count,
    block,
    group,
    panels: m.put(panelsOf({ ...columns, dim }, npanels)),
    npanels,
    width,
    out,
  }
  // The third lane: its scratch begins where the guards of the other two would be found written.
  const scratch = m.room(stride / 4) - 2 * stride
  const record = m.record('Products', { ...fields, scratch: scratch >>> 0, scratchStride: stride })
  m.run('products', record, Math.ceil(count / block), 2)
  return out
}

function distancesOf(
  m: Machine,
  rows: { rows: Float32Array; dim: number },
  columns: { rows: Float32Array },
  count: number,
): Float32Array {
  m.reset()
  const { dim } = rows
  const width = columns.rows.length / dim
  const npanels = Math.ceil(width / 16) * 2
  const bias = new Float32Array(npanels * 8).fill(Infinity).fill(0, 0, width)
  const [labels, distances] = [m.room(count), m.room(count)]
  const panels = m.put(panelsOf({ ...columns, dim }, npanels))
  const fields = {
    rows: m.put(rows.rows),
    indices: 0,
    dim,
    count,
    block: 64,
    group: 4,
    panels,
    npanels,
    step: npanels,
    bias: m.put(bias),
  }
  const scratch = m.room(64 * (dim + npanels * 8 + 2))
  m.run('assignRows', m.record('Assign', { ...fields, labels, distances, k: 1, scratch, scratchStride: 0 }), 1)
  return m.floats(distances, count)
}
