import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { rotatedWidth } from '../../src/quantizers/rotation/rotation.js'
import { prepareScalar, scalarTableSize } from '../../src/quantizers/scalar/tables.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, fractions, type Machine, machines, numbers } from '../kernels/machine.js'
import { DIMS, inner, norm, normals, roundEven } from './scalar-reference.js'

const f = Math.fround
const TINY = f(1e-30)

interface Prepared {
  table: number[]
  unit: number
  offset: number
}

/** Sixteen entries for each 4 components: entry n adds component i where bit i of n is set, else takes it away. */
function signTable(query: Float32Array): Prepared {
  const groups = Array.from({ length: query.length / 4 }, (_, g) => [...query.subarray(g * 4, g * 4 + 4)])
  const add = (a: number, b: number): number => f(a + b)
  const sums = groups.map((group) => {
    const [a, b, c, d] = group.map(Math.abs) as [number, number, number, number]
    return add(add(a, b), add(c, d))
  })
  const most = Math.max(...sums)
  const some = most > TINY
  const factor = some ? f(31.5 / most) : 0
  const table = groups.flatMap((group, g) =>
    Array.from({ length: 16 }, (_, n) => {
      const [a, b, c, d] = group.map((q, i) => ((n >> i) & 1 ? q : -q)) as [number, number, number, number]
      return roundEven(f(add(add(add(a, b), add(c, d)), sums[g] as number) * factor))
    }),
  )
  return { table, unit: some ? f(most / 31.5) : 0, offset: some ? sums.reduce((all, sum) => f(all - sum), 0) : 0 }
}

function byteQuery(query: Float32Array): Prepared {
  const most = Math.max(...query.map(Math.abs))
  const some = most > TINY
  const factor = some ? f(63 / most) : 0
  return { table: [...query].map((q) => roundEven(f(q * factor)) + 64), unit: some ? f(most / 63) : 0, offset: 0 }
}

const KERNELS = [
  { kernel: 'signTables', bits: 1, reference: signTable },
  { kernel: 'byteQueries', bits: 4, reference: byteQuery },
] as const

function prepare(
  m: Machine,
  kernel: 'signTables' | 'byteQueries',
  queries: Float32Array,
  width: number,
  block = 16,
): { tables: Uint8Array; units: Float32Array } {
  const count = queries.length / width
  const bytes = count * scalarTableSize(width, kernel === 'signTables' ? 1 : 4)
  const [tables, units] = [m.room(bytes / 4), m.room(count * 2)]
  const fields = { queries: m.put(queries), width, count, block, tables, units }
  m.run(kernel, m.record('ScalarTables', fields), Math.ceil(count / block))
  return { tables: new Uint8Array(m.memory.buffer, tables, bytes).slice(), units: m.floats(units, count * 2) }
}

const cases = fc.record({
  dim: fc.oneof(fc.constantFrom(...DIMS), fc.integer({ min: 1, max: 300 })),
  count: fc.integer({ min: 0, max: 12 }),
  block: fc.constantFrom(1, 5, 16),
  seed: fc.nat(1e6),
  size: fc.constantFrom(1, 1, 0, 1e-42, 1e-30, 1e-18, 1e18, 3e18),
})

describe.each(machines)('$level kernels', (m) => {
  test.each(KERNELS)('$kernel gives what plain code does, to the last bit', ({ kernel, reference }) => {
    fc.assert(
      fc.property(cases, ({ dim, count, block, seed, size }) => {
        m.reset()
        const width = rotatedWidth(dim)
        const queries = fractions(count * width, seed + 1).map((value) => value * size)
        if (seed % 4 === 0) queries[seed % width] = size * 2
        const rows = queries.subarray(0, count * width)
        const { tables, units } = prepare(m, kernel, rows, width, block)
        const expected = Array.from({ length: count }, (_, i) => reference(rows.subarray(i * width, (i + 1) * width)))
        expectSame(
          tables,
          expected.flatMap(({ table }) => table),
        )
        expectSame(
          units,
          expected.flatMap(({ unit, offset }) => [unit, offset]),
        )
        expect(units.every(Number.isFinite)).toBe(true)
        if (kernel === 'signTables') expect(tables.every((entry) => entry <= 63)).toBe(true)
        else expect(tables.every((entry) => entry >= 1 && entry <= 127)).toBe(true)
      }),
      { numRuns: 100 },
    )
  })
})

const m = machines[0] as Machine

test.each(DIMS)('entries of dim %i add up to the product with signs, within half a unit each', (dim) => {
  m.reset()
  const width = rotatedWidth(dim)
  const query = normals(width, dim)
  const { tables, units } = prepare(m, 'signTables', query, width)
  const [unit = 0, offset = 0] = units
  expect(Math.max(...tables)).toBe(63)
  const next = numbers(dim)
  for (let i = 0; i < 50; i++) {
    const signs = Float32Array.from(query, () => (next() % 2 ? 1 : -1))
    let sum = 0
    for (let g = 0; g < width / 4; g++) {
      const n = [0, 1, 2, 3].reduce((bits, k) => bits | ((signs[g * 4 + k] as number) > 0 ? 1 << k : 0), 0)
      sum += tables[g * 16 + n] as number
    }
    const error = unit * sum + offset - inner(signs, query)
    expect(Math.abs(error)).toBeLessThanOrEqual((unit / 2) * (width / 4) + 1e-4)
    expect(Math.abs(error)).toBeLessThan(unit * Math.sqrt(width / 4 / 12) * 4 + 1e-4)
  }
})

test.each(DIMS)('bytes of dim %i times levels, less 64 of their sum, are the product', (dim) => {
  m.reset()
  const width = rotatedWidth(dim)
  const query = normals(width, dim)
  const { tables, units } = prepare(m, 'byteQueries', query, width)
  const [unit = 0, offset = 0] = units
  expect(offset).toBe(0)
  const next = numbers(dim)
  for (let i = 0; i < 50; i++) {
    const levels = Float32Array.from(query, () => (next() % 255) - 127)
    const sum = inner(levels, tables) - 64 * levels.reduce((all, level) => all + level, 0)
    const error = unit * sum + offset - inner(levels, query)
    expect(Math.abs(error)).toBeLessThan((unit / Math.sqrt(12)) * norm(levels) * 4.5)
  }
})

test('a query of zeros yields a product of 0 with every code', () => {
  m.reset()
  const zero = new Float32Array(32)
  expect(prepare(m, 'signTables', zero, 32).units).toEqual(new Float32Array(2))
  const bytes = prepare(m, 'byteQueries', zero, 32)
  expect(bytes.units).toEqual(new Float32Array(2))
  expect(bytes.tables.every((byte) => byte === 64)).toBe(true)
})

test('engines prepare the same, on threads or not', async () => {
  const [width, count] = [96, 4000]
  const queries = normals(count * width, 3)
  for (const { bits, reference } of KERNELS) {
    const outcomes = await Promise.all(
      [0, 2].map(async (threads) => {
        const engine = await createEngine({ threads })
        const size = count * scalarTableSize(width, bits)
        const outcome = await engine.frame(async (scratch) => {
          const [at, tables, units] = [scratch.alloc(queries.byteLength), scratch.alloc(size), scratch.alloc(count * 8)]
          engine.floats(at, queries.length).set(queries)
          await prepareScalar(engine, bits, { queries: at, count, width }, { tables, units })
          return { tables: engine.ints(tables, size / 4).slice(), units: engine.floats(units, count * 2).slice() }
        })
        engine.close()
        return outcome
      }),
    )
    expectSame(outcomes[1]?.tables ?? [], outcomes[0]?.tables ?? [])
    expectSame(outcomes[1]?.units ?? [], outcomes[0]?.units ?? [])
    const bytes = new Uint8Array(outcomes[0]?.tables.buffer ?? new ArrayBuffer(0))
    expectSame(bytes.subarray(0, scalarTableSize(width, bits)), reference(queries.subarray(0, width)).table)
  }
})
