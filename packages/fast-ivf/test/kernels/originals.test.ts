import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { expectSame, fractions, type Machine, machines, numbers, wholes } from './machine.js'
import { FORMS, halfOf, type Kept, keptRow, rowBytesOf, storedRow } from './originals.js'
import { panelsOf, rowOf, squaredDistance, dot as wholeDot } from './reference.js'

const f = Math.fround
const PANELS = 0
const DIMS = [...Array.from({ length: 70 }, (_, i) => i + 1), 256]
const FORM_NAMES = Object.keys(FORMS) as Kept[]
const seeds = fc.integer({ min: 1, max: 1e6 })
const dims = fc.constantFrom(...DIMS)

describe.each(machines)('$level kernels', (m) => {
  test.each(FORM_NAMES)('keepRows writes %s rows byte by byte, and nothing beside', (kept) => {
    for (const dim of DIMS) keepAndCompare(m, kept, fractions(5 * dim, dim), dim, dim % 4, 1 + (dim % 3))
    const any = fc.record({
      dim: dims,
      seed: seeds,
      count: fc.integer({ min: 0, max: 9 }),
      first: fc.integer({ min: 0, max: 5 }),
      block: fc.constantFrom(1, 4, 64),
      size: fc.constantFrom(1e-45, 1e-42, 1e-38, 1e-20, 1e-7, 1e-5, 1, 60000),
    })
    fc.assert(
      fc.property(any, ({ dim, seed, count, first, block, size }) => {
        const rows = fractions(count * dim, seed).map((value) => f(value * size))
        const random = numbers(seed)
        for (let i = 0; i < count; i++) if (random() % 5 === 0) rows.fill(0, i * dim, (i + 1) * dim)
        keepAndCompare(m, kept, rows, dim, first, block)
      }),
      { numRuns: 100 },
    )
  })

  test('halves are the nearest, of two equally near the even one', () => {
    const values = Array.from({ length: 0x7c00 }, (_, half) => halfOf(half))
    const between = values.slice(1).map((value, half) => ((values[half] as number) + value) / 2)
    const near = between.flatMap((value, i) => (i % 16 ? [] : [value * (1 - 2 ** -20), value * (1 + 2 ** -20)]))
    const all = [...values, ...between, ...near].flatMap((value) => [value, -value])
    keepAndCompare(m, 'f16', Float32Array.from(all), all.length, 0, 1)
  })

  test('every half comes back as it is', () => {
    for (let from = 0; from < 0x10000; from += 0x1000) {
      const bits = Array.from({ length: 0x1000 }, (_, i) => from + i).filter((half) => (half & 0x7c00) !== 0x7c00)
      if (bits.length === 0) continue
      // Each alone, in every place of a row, times 1: −⟨q, x⟩.
      m.reset()
      const halves = new Uint16Array(Math.ceil(bits.length / 8) * 8)
      halves.set(bits)
      const originals = m.putInts(new Uint32Array(halves.buffer))
      const heap = exactOne(m, FORMS.f16, originals, 8, bits.length / 8)
      bits.forEach((half, i) => {
        if (!Object.is(heap[i], f(0 - halfOf(half)))) expect(`${half}: ${heap[i]}`).toBe(`${half}: ${0 - halfOf(half)}`)
      })
    }
  })

  test('keepRows tells the lowest row that halves cannot hold, per lane', () => {
    for (const dim of [1, 3, 4, 17]) {
      for (const value of [65505, -65536, 3e38, 65504]) {
        m.reset()
        const rows = wholes(10 * dim, dim)
        for (const bad of [8, 6]) rows[bad * dim + (dim >> 1)] = value
        const bad = m.room(32)
        const fields = { rows: m.put(rows), dim, count: 10, block: 3, first: 0, kept: FORMS.f16 }
        const to = m.room((10 * rowBytesOf('f16', dim)) / 4)
        m.run('keepRows', m.record('Keep', { ...fields, to, bad }), 4, 1)
        const none = new Array(32).fill(0xffffffff)
        expect([...m.ints(bad, 32)]).toEqual(value === 65504 ? none : none.with(16, 6))
      }
    }
  })

  test('exact distances of whole numbers are exact, in every form, dim, tail and slot', () => {
    for (const dim of DIMS) {
      for (const form of ['panels', ...FORM_NAMES] as const) compareWholes(m, form, dim, dim)
    }
    fc.assert(
      fc.property(dims, seeds, fc.constantFrom('panels' as const, ...FORM_NAMES), (dim, seed, form) =>
        compareWholes(m, form, dim, seed),
      ),
      { numRuns: 100 },
    )
  })

  test.each(FORM_NAMES)('exact distances of %s rows are those of the numbers kept', (kept) => {
    fc.assert(
      fc.property(dims, seeds, fc.constantFrom(1e-6, 1, 1000), (dim, seed, size) => {
        const rows = fractions(6 * dim, seed).map((value) => value * size)
        const query = fractions(dim, seed + 1).map((value) => value * size)
        for (const squared of [0, 1]) {
          const found = distances(m, kept, rows, query, squared)
          found.forEach((distance, i) => {
            const x = keptRow(kept, rowOf({ rows, dim }, i))
            const scale = x.reduce((sum, value, k) => sum + value ** 2 + (query[k] as number) ** 2, 0)
            const expected = squared ? exactSquare(x, query) : -exactDot(x, query)
            expect(Math.abs(distance - expected)).toBeLessThanOrEqual(1e-6 * scale + 1e-44)
          })
        }
      }),
      { numRuns: 60 },
    )
  })

  test('a square beyond 32 bits is the largest number, not none', () => {
    expect([...distances(m, 'f32', new Float32Array(3).fill(1e19), new Float32Array(3).fill(-1e19), 1)]).toEqual([
      f(3.4028234663852886e38),
    ])
  })
})

test.skipIf(machines.length < 2)('both builds give the same bits', () => {
  fc.assert(
    fc.property(dims, seeds, fc.constantFrom(...FORM_NAMES), fc.constantFrom(0, 1), (dim, seed, kept, squared) => {
      const rows = fractions(5 * dim, seed)
      const query = fractions(dim, seed + 1)
      const [one, two] = machines.map((m) => distances(m, kept, rows, query, squared)) as [Float32Array, Float32Array]
      expectSame(one, two)
    }),
    { numRuns: 100 },
  )
})

/** Whole numbers that every form keeps exactly: for int8 the largest is 127. */
function compareWholes(m: Machine, form: Kept | 'panels', dim: number, seed: number): void {
  const count = 11
  const rows = wholes(count * dim, seed, 127)
  for (let i = 0; i < count; i++) rows[i * dim + (seed % dim)] = 127
  rows.fill(0, 3 * dim, 4 * dim)
  const query = wholes(dim, seed + 1, 5)
  const table = { rows, dim }
  for (const squared of [0, 1]) {
    const found = distances(m, form, rows, query, squared)
    const expected = Array.from({ length: count }, (_, i) =>
      squared ? squaredDistance(rowOf(table, i), query) : 0 - wholeDot(rowOf(table, i), query),
    )
    expectSame(
      found.map((value) => value + 0),
      expected,
    )
  }
}

/** Distances of all rows, by way of finishQueries in the order of their slots. */
function distances(
  m: Machine,
  form: Kept | 'panels',
  rows: Float32Array,
  query: Float32Array,
  squared: number,
): Float32Array {
  const dim = query.length
  const count = rows.length / dim
  m.reset()
  if (form === 'panels') {
    const originals = m.put(panelsOf({ rows, dim }, Math.ceil(count / 8)))
    return finish(m, PANELS, originals, m.put(query), dim, count, squared)
  }
  const to = m.room((count * rowBytesOf(form, dim)) / 4)
  const fields = { rows: m.put(rows), dim, count, block: 64, first: 0, kept: FORMS[form], to, bad: m.room(16) }
  m.run('keepRows', m.record('Keep', fields), 1)
  return finish(m, FORMS[form], to, m.put(query), dim, count, squared)
}

/** Each component of the rows as a distance: queries are unit vectors. */
function exactOne(m: Machine, kept: number, originals: number, dim: number, count: number): Float32Array {
  const found = new Float32Array(count * dim)
  for (let k = 0; k < dim; k++) {
    const query = m.put(Array.from({ length: dim }, (_, i) => +(i === k)))
    finish(m, kept, originals, query, dim, count, 0).forEach((value, i) => {
      found[i * dim + k] = value
    })
  }
  return found
}

function finish(
  m: Machine,
  kept: number,
  originals: number,
  queries: number,
  dim: number,
  k: number,
  squared: number,
): Float32Array {
  const slots = Array.from({ length: k }, (_, i) => i)
  const heaps = m.room(2 * k)
  new Float32Array(m.memory.buffer, heaps, k).set(slots.map((slot) => k - slot))
  new Uint32Array(m.memory.buffer, heaps + 4 * k, k).set(slots.toReversed())
  const spans = m.putInts([0, originals, m.putInts(slots), 0])
  const mode = { mode: 2, samples: 0, clip: 0, norms: 0, spans, nspans: 1, kept, queries, vectorDim: dim, squared }
  m.run(
    'finishQueries',
    m.record('Finish', { heaps, heapStride: 0, lanes: 1, k, want: k, counts: m.room(1), ...mode }),
    1,
  )
  expect([...m.ints(heaps + 4 * k, k)]).toEqual(slots)
  return m.floats(heaps, k)
}

function keepAndCompare(m: Machine, kept: Kept, rows: Float32Array, dim: number, first: number, block: number): void {
  m.reset()
  const count = rows.length / dim
  const bytes = rowBytesOf(kept, dim)
  const to = m.room(((first + count) * bytes) / 4)
  const bad = m.room(16)
  const fields = { rows: m.put(rows), dim, count, block, first, kept: FORMS[kept], to, bad }
  m.run('keepRows', m.record('Keep', fields), Math.ceil(count / block))
  const expected = new Uint8Array((first + count) * bytes).fill(0xff)
  for (let i = 0; i < count; i++) expected.set(storedRow(kept, rowOf({ rows, dim }, i)), (first + i) * bytes)
  expectSame(new Uint8Array(m.memory.buffer, to, expected.length), expected)
  expect(new Set(m.ints(bad, 16))).toEqual(new Set([0xffffffff]))
}

function exactDot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}

function exactSquare(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + (value - (b[i] as number)) ** 2, 0)
}
