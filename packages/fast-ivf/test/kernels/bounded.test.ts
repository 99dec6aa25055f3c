import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inQuads, layOut, putBytes } from '../quantizers/layouts.js'
import { putOriginals } from './finish.js'
import { expectSame, type Machine, machines, numbers, wholes } from './machine.js'
import { putMask, putSpilled, randomMask } from './mask.js'
import { FORMS } from './originals.js'
import { type Near, dot as product, rowOf, sorted, squaredDistance } from './reference.js'

const WIDTH = 32 // components of a code
const f = Math.fround
const any = fc.record({
  dim: fc.integer({ min: 1, max: 20 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
  nq: fc.integer({ min: 1, max: 5 }),
  k: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 60 })),
  /** Seeds are so many times k. */
  seeds: fc.integer({ min: 1, max: 3 }),
  before: fc.integer({ min: 0, max: 40 }),
  size: fc.integer({ min: 1, max: 90 }),
  epsilon: fc.constantFrom(0, 0.5, 2, 1000),
  squared: fc.boolean(),
  limited: fc.boolean(),
  shared: fc.boolean(),
  masked: fc.boolean(),
  spilled: fc.boolean(),
})
type Case = typeof any extends fc.Arbitrary<infer T> ? T : never

describe.each(machines)('$level kernels', (m) => {
  test('a bounded scan holds the nearest of those that may be as near as the limit', () => {
    fc.assert(
      fc.property(any, (c) => compare(m, { ...c, never: false })),
      { numRuns: 200 },
    )
  })

  test('a bounded scan never holds what is never an answer', () => {
    fc.assert(
      fc.property(any, (c) => compare(m, { ...c, never: true })),
      { numRuns: 200 },
    )
  })
})

/** One cell after others; estimates and exact distances have nothing to do with each other, and both are whole. */
function compare(m: Machine, c: Case & { never: boolean }): void {
  m.reset()
  const { dim, seed, nq, k, before, size, epsilon, squared } = c
  const random = numbers(seed)
  const count = before + size
  const table = { rows: wholes(count * dim, seed + 1, 20), dim }
  const queries = { rows: wholes(nq * dim, seed + 2, 5), dim }
  const norms = Float32Array.from({ length: nq }, (_, q) => product(rowOf(queries, q), rowOf(queries, q)))
  const factor = (from: () => number): Float32Array => Float32Array.from({ length: count + 32 }, from)
  const add = factor(() => (c.never && random() % 3 === 0 ? Number.POSITIVE_INFINITY : (random() % 400) - 200))
  const [scale, sigma] = [factor(() => (random() % 3) / 2), factor(() => (random() % 40) / 2)]
  const codes = Array.from({ length: count }, () => Array.from({ length: WIDTH }, () => (random() >>> 8) % 4))
  const sums = factor(() => 0).map((_, slot) => (codes[slot] ?? []).reduce((sum, code) => sum + code, 0))
  const tables = Uint8Array.from({ length: nq * WIDTH }, () => 60 + ((random() >>> 8) % 9))
  const [near, share, apart] = [0, 1, 2].map((i) =>
    wholes(nq, seed + 5 + i).map((value) => (i === 0 ? value : Math.abs(value))),
  )
  const limits = Float32Array.from({ length: nq }, () =>
    c.limited && random() % 2 ? (random() % 200) - 150 : Infinity,
  )
  const [heaps, heapStride, seeds, lane] = [m.room(2 * nq * k * 2), nq * k * 8, c.seeds * k, 1]
  m.run('clearHeaps', m.record('Heaps', { heaps, k }), 2 * nq)
  const [packed, products] = [1024 + 64 * nq, 32 * nq * 5]
  const masked = packed + products * 4 + seeds * 8
  const scratchStride = masked + 4 * (count - before)
  // Of what is spilled originals lie elsewhere.
  const homes = Array.from({ length: count }, (_, slot) => (c.spilled ? count - 1 - slot : slot))
  const spilled = c.spilled ? putSpilled(m, count, nq, random) : undefined
  const mask = c.masked ? randomMask(count, random) : undefined
  const visit = m.sparse('Visit', {
    ...{
      codes: putBytes(m, layOut(codes, 8, inQuads(WIDTH, 8), new Uint8Array((Math.ceil(count / 32) + 1) * WIDTH * 32))),
    },
    ...{ factors: m.put(Float32Array.from([add, scale, sigma, sums].flatMap((all) => [...all]))), stride: count + 32 },
    ...{ originals: putOriginals(m, table, FORMS.f32), slot: 1000, from: before, to: count },
    ...{ queries: m.putInts(Array.from({ length: nq }, (_, q) => q)), count: nq, near: m.put(near as Float32Array) },
    mask: mask ? putMask(m, mask) : 0,
    ...(spilled && { homes: m.putInts(homes), owns: spilled.owns }),
    ...{ share: c.shared ? m.put(share as Float32Array) : 0, apart: m.put(apart as Float32Array) },
  })
  const compared = m.putInts(new Uint32Array(32))
  const record = m.sparse('Scan', {
    ...{ visits: visit, tables: putBytes(m, tables), tableSize: WIDTH, dim: WIDTH, bits: 8, group: 2, nfactors: 4 },
    ...{ k, heaps, heapStride, scratch: m.room(scratchStride / 2), scratchStride, packed, products },
    ...{ limits: m.put(limits), epsilon, queries: m.put(queries.rows), vectorDim: dim, kept: FORMS.f32 },
    ...{ squared: +squared, compared, seeds, masked: masked, norms: m.put(norms), ...spilled?.visited },
  })
  m.run('scanQuads', record, 1, lane)
  let least = 0
  for (let q = 0; q < nq; q++) {
    const query = rowOf(queries, q)
    const exact = (slot: number): number => {
      const own = rowOf(table, homes[slot] as number)
      return squared ? squaredDistance(own, query) : 0 - product(own, query)
    }
    const cell: Near[] = []
    for (let slot = before; slot < count; slot++) {
      if (mask?.[slot] === false || spilled?.met(q, slot)) continue
      const sum = (codes[slot] as number[]).reduce((all, x, i) => all + x * ((tables[q * WIDTH + i] as number) - 64), 0)
      const added = (add[slot] as number) * (c.shared ? (share?.[q] as number) : 1)
      const distance = f(f(added + (near?.[q] as number)) - f(sum * (scale[slot] as number)))
      if (distance < Number.POSITIVE_INFINITY) cell.push({ distance, slot })
    }
    // A query without a limit gets one of the best estimates.
    const best = limits[q] === Infinity ? sorted(cell).slice(0, seeds) : []
    const nearest = best.map(({ slot }) => exact(slot)).sort((a, b) => a - b)
    const kth = nearest[k - 1] ?? Number.POSITIVE_INFINITY
    const limit =
      limits[q] === Infinity ? (squared ? f(f(kth - (norms[q] as number)) / 2) : kth) : (limits[q] as number)
    const margin = f(epsilon * (apart?.[q] as number))
    const within = cell.filter(({ distance, slot }) => f(distance - f(margin * (sigma[slot] as number))) <= limit)
    const slots = [...new Set([...best, ...within].map(({ slot }) => slot))]
    least += slots.length
    const expected = sorted(slots.map((slot) => ({ distance: exact(slot), slot: slot + 1000 }))).slice(0, k)
    const at = heaps + lane * heapStride + q * k * 8
    const [distances, found] = [m.floats(at, k), m.ints(at + k * 4, k)]
    const held = sorted([...distances].map((distance, i) => ({ distance: distance + 0, slot: found[i] as number })))
    const here = held.filter(({ distance }) => distance < Number.POSITIVE_INFINITY)
    expectSame(
      here.map(({ slot }) => slot),
      expected.map(({ slot }) => slot),
    )
    expectSame(
      here.map(({ distance }) => distance),
      expected.map(({ distance }) => distance + 0),
    )
  }
  // None twice.
  expect(m.ints(compared + lane * 64, 1)[0]).toBe(least)
}
