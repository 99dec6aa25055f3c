import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { codeBits, packedBytes } from '../../src/quantizers/product/encode.js'
import { expectSame, fractions, type Machine, machines, numbers } from '../kernels/machine.js'
import { putMask, randomMask } from '../kernels/mask.js'
import { type Near, sorted } from '../kernels/reference.js'
import { type Books, chain, decode, packCodes, wordOf } from './product-reference.js'

const f = Math.fround
const KS = [2, 3, 16, 17, 64, 100, 256, 300]

interface Case {
  m: number
  k: number
  slots: number
  from: number
  to: number
  count: number
  nearest: number
  products: number
  packed: number
  near: boolean
  units: boolean
  masked?: boolean
  seed: number
}

describe.each(machines)('$level kernels', (machine) => {
  test('scanLookUp offers what adding up table entries gives, slot by slot', () => {
    const any = fc
      .record({
        m: fc.integer({ min: 1, max: 19 }),
        k: fc.constantFrom(...KS),
        slots: fc.integer({ min: 1, max: 70 }),
        ends: fc.tuple(fc.nat(70), fc.nat(70)),
        count: fc.integer({ min: 1, max: 5 }),
        nearest: fc.integer({ min: 1, max: 80 }),
        products: fc.constantFrom(8, 16, 40, 2048),
        packed: fc.constantFrom(0, 300, 16384),
        near: fc.boolean(),
        units: fc.boolean(),
        masked: fc.boolean(),
        seed: fc.integer({ min: 1, max: 1e6 }),
      })
      .map(({ ends: [a, b], ...rest }) => ({
        ...rest,
        from: Math.min(a, b, rest.slots),
        to: Math.min(Math.max(a, b), rest.slots),
      }))
    fc.assert(
      fc.property(any, (c) => compare(machine, c)),
      { numRuns: 120 },
    )
  })

  test('codes of 16 bits', () => {
    const rest = {
      slots: 30,
      from: 3,
      to: 29,
      count: 2,
      nearest: 10,
      products: 16,
      packed: 256,
      near: true,
      units: false,
    }
    compare(machine, { ...rest, m: 2, k: 65536, seed: 5 })
  })

  test('a sum is the inner product with the decoded vector', () => {
    for (const k of KS) {
      const books = { m: 5, k, width: 3, words: fractions(15 * k, k) }
      const queries = fractions(15, k + 1)
      const random = numbers(k)
      const codes = Array.from({ length: 33 }, () => Array.from({ length: 5 }, () => random() % k))
      const tables = Float32Array.from({ length: 5 << codeBits(k) }, (_, i) => {
        const [j, n] = [i >> codeBits(k), i & ((1 << codeBits(k)) - 1)]
        return n < k ? chain(queries.subarray(j * 3, j * 3 + 3), wordOf(books, j, n)) : Number.NaN
      })
      const rest = { slots: 33, from: 0, to: 33, count: 1, nearest: 33, products: 16, packed: 512 }
      const found = scan(machine, { ...rest, m: 5, k, near: false, units: false, seed: 1 }, codes, tables, {
        ...{ add: new Float32Array(33), near: [0], units: [1, 0] },
      })
      expect(found[0]!.length).toBe(33)
      for (const { distance, slot } of found[0]!) {
        expect(-distance).toBeCloseTo(chain(queries, decodedOf(books, codes[slot]!)), 5)
      }
    }
  })
})

function decodedOf(books: Books, codes: number[]): Float32Array {
  return decode(books, codes, undefined)
}

/** Random codes, tables and factors; what the heaps hold must be the nearest by plain sums. */
function compare(machine: Machine, c: Case): void {
  const { m, k, slots, from, to, count, nearest, seed } = c
  const bits = codeBits(k)
  const random = numbers(seed)
  const codes = Array.from({ length: slots }, () => Array.from({ length: m }, () => random() % k))
  const entries = m << bits
  const tables = fractions(count * entries, seed + 1)
  const add = fractions(slots, seed + 2)
  const near = [...fractions(count, seed + 3)]
  const units = [...fractions(count * 2, seed + 4)]
  const mask = c.masked ? randomMask(slots, random) : undefined
  const found = scan(machine, c, codes, tables, { add, near, units, mask })
  for (let q = 0; q < count; q++) {
    // Queries are numbered backwards in the visit.
    const [base, unit, offset] = [
      c.near ? near[count - 1 - q]! : 0,
      c.units ? units[2 * q]! : 1,
      c.units ? units[2 * q + 1]! : 0,
    ]
    const all: Near[] = []
    for (let slot = from; slot < to; slot++) {
      if (mask?.[slot] === false) continue
      let sum = 0
      codes[slot]!.forEach((code, j) => {
        sum = f(sum + tables[q * entries + (j << bits) + code]!)
      })
      all.push({ distance: f(f(add[slot]! + base) - f(f(unit * sum) + offset)), slot: 1000 + slot })
    }
    const wanted = sorted(all).slice(0, nearest)
    expectSame(
      found[q]!.map(({ slot }) => slot + 1000),
      wanted.map(({ slot }) => slot),
    )
    expectSame(
      found[q]!.map(({ distance }) => distance),
      wanted.map(({ distance }) => distance),
    )
  }
}

/** The sorted heap of each query; slots count from 0. */
function scan(
  machine: Machine,
  c: Case,
  codes: number[][],
  tables: Float32Array,
  { add, near, units, mask }: { add: Float32Array; near: number[]; units: number[]; mask?: boolean[] | undefined },
): Near[][] {
  machine.reset()
  const { m, k, from, to, count, nearest, products } = c
  const bits = codeBits(k)
  const bytes = packedBytes(m, bits)
  const packedCodes = new Uint8Array(codes.length * bytes + 8) // the kernel may read a little further
  codes.forEach((code, i) => {
    packedCodes.set(packCodes(code, bits), i * bytes)
  })
  const words = Math.ceil(packedCodes.length / 4)
  const codesAt = machine.room(words)
  new Uint8Array(machine.memory.buffer).set(packedCodes, codesAt)
  const octet = m * 8 * (bits > 8 ? 2 : 1)
  const packed = Math.ceil(Math.max(c.packed, octet) / 16) * 16
  const numbersOf = Array.from({ length: count }, (_, i) => count - 1 - i)
  const heaps = machine.room(2 * count * nearest * 2)
  const lane = 1
  const masked = packed + products * 4
  machine.run('clearHeaps', machine.record('Heaps', { heaps, k: nearest }), 2 * count)
  const visit = machine.sparse('Visit', {
    ...{ codes: codesAt, stride: add.length, originals: 0, slot: 1000, from, to, apart: 0, count },
    factors: machine.put(add),
    queries: machine.putInts(numbersOf),
    mask: mask ? putMask(machine, mask) : 0,
    near: c.near ? machine.put(near) : 0,
  })
  const record = machine.sparse('Scan', {
    ...{ visits: visit, tableSize: (m << bits) * 4, dim: m, bits, levels: 0, group: 2, nfactors: 1, k: nearest },
    tables: machine.put(tables),
    units: c.units ? machine.put(units) : 0,
    ...{ heaps, heapStride: count * nearest * 8, packed, products, masked },
    scratchStride: masked + 4 * (to - from),
    scratch: machine.room((2 * (masked + 4 * (to - from))) / 4),
  })
  machine.run('scanLookUp', record, 1, lane)
  return Array.from({ length: count }, (_, q) => {
    const at = heaps + lane * count * nearest * 8 + q * nearest * 8
    const [distances, slots] = [machine.floats(at, nearest), machine.ints(at + nearest * 4, nearest)]
    const all: Near[] = [...distances].map((distance, i) => ({ distance, slot: slots[i]! - 1000 }))
    return sorted(all.filter(({ distance }) => distance < Number.POSITIVE_INFINITY))
  })
}
