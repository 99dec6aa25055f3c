import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { CodeShape, Layout } from '../../src/quantizers/layouts/blocks.js'
import { allocCodes, codesBytes, readCodes, writeCodes } from '../../src/quantizers/layouts/blocks.js'
import { createEngine } from '../../src/runtime.js'
import { expectSame, type Machine, machines, numbers } from '../kernels/machine.js'
import { bytesAt, inNibbles, inQuads, layOut, putBytes, randomCodes } from './layouts.js'

const layouts = fc.oneof(
  fc.record({ layout: fc.constant('nibbles' as const), bits: fc.constant(4), fields: fc.integer({ min: 1, max: 40 }) }),
  fc.record({
    layout: fc.constant('quads' as const),
    bits: fc.constantFrom(2, 4, 8),
    fields: fc.constantFrom(32, 64, 96),
  }),
  fc.record({
    layout: fc.constant('rows' as const),
    bits: fc.integer({ min: 1, max: 8 }),
    fields: fc.integer({ min: 1, max: 40 }),
  }),
)
const any = fc.record({
  shape: layouts,
  nfactors: fc.constantFrom(1, 3, 4),
  seed: fc.integer({ min: 1, max: 1e6 }),
  first: fc.integer({ min: 0, max: 70 }),
  count: fc.oneof(fc.constantFrom(0, 1, 31, 32, 33), fc.integer({ min: 0, max: 120 })),
})
type Case = typeof any extends fc.Arbitrary<infer T> ? T : never

const KERNELS = {
  nibbles: ['writeNibbles', 'readNibbles'],
  quads: ['writeQuads', 'readQuads'],
  rows: ['writeRows', 'readRows'],
} as const

describe.each(machines)('$level kernels', (m) => {
  test('code rows are written where their layout says, other slots are kept, and rows are read back', () => {
    fc.assert(
      fc.property(any, (c) => roundTrip(m, c)),
      { numRuns: 150 },
    )
  })
})

describe('codes of an engine', () => {
  test('are read back in any pieces as they were written in any pieces', async () => {
    const engine = await createEngine({ threads: 0 })
    const pieces = fc.array(fc.integer({ min: 0, max: 70 }), { minLength: 1, maxLength: 6 })
    const property = fc.asyncProperty(layouts, pieces, pieces, (given, writes, reads) =>
      engine.frame(async (scratch) => {
        const shape = shapeOf(given, 3)
        const count = writes.reduce((sum, n) => sum + n, 0)
        const rows = codeRows(randomCodes(count, shape.fields, shape.bits, numbers(count + 1)), shape, 7)
        const [at, back] = [scratch.alloc(rows.length + 4), scratch.alloc(rows.length + 4)]
        const store = allocCodes(engine, (bytes) => scratch.alloc(bytes), shape, count)
        bytesOf(at, rows.length).set(rows)
        let first = 0
        for (const n of writes) {
          await writeCodes(engine, shape, store, at + first * shape.codeSize, first, n, {})
          first += n
        }
        first = 0
        for (const n of [...reads, count]) {
          const piece = Math.min(n, count - first)
          await readCodes(engine, shape, store, back + first * shape.codeSize, first, piece, {})
          first += piece
        }
        expectSame(bytesOf(back, rows.length), rows)
      }),
    )
    const bytesOf = (at: number, length: number): Uint8Array => new Uint8Array(engine.memory.buffer, at, length)
    try {
      await fc.assert(property, { numRuns: 40 })
    } finally {
      engine.close()
    }
  })

  test('that were never written are zero, and past the end never an answer', async () => {
    const engine = await createEngine({ threads: 0 })
    for (const layout of ['nibbles', 'quads', 'rows'] as const) {
      for (const count of [0, 1, 32, 33]) {
        await engine.frame(async (scratch) => {
          const shape = shapeOf({ layout, bits: 4, fields: 32 }, 4)
          const sizes: number[] = []
          const alloc = (bytes: number): number => {
            sizes.push(bytes)
            const at = scratch.alloc(bytes)
            new Uint8Array(engine.memory.buffer, at, bytes).fill(0xff)
            return at
          }
          const store = allocCodes(engine, alloc, shape, count)
          expect(sizes[0] as number).toBeGreaterThanOrEqual((Math.ceil(count / 32) + 1) * 32 * 16)
          expect(codesBytes(shape, count)).toBe((sizes[0] as number) + (sizes[1] as number))
          expect(store.stride).toBeGreaterThanOrEqual(count + 32)
          expect(new Set(engine.ints(store.codes, (sizes[0] as number) / 4))).toEqual(new Set([0]))
          expect(new Set(engine.floats(store.factors + count * 4, store.stride - count))).toEqual(new Set([Infinity]))
          expect(new Set(engine.floats(store.factors + store.stride * 4, store.stride * 3))).toEqual(new Set([0]))
        })
      }
    }
    engine.close()
  })
})

function roundTrip(m: Machine, { shape: given, nfactors, seed, first, count }: Case): void {
  m.reset()
  const random = numbers(seed)
  const shape = shapeOf(given, nfactors)
  const { layout, bits, fields, codeBytes, codeSize } = shape
  const codes = randomCodes(count, fields, bits, random)
  const written = codeRows(codes, shape, seed)
  const stride = first + count + 3
  const blocks = Math.ceil((first + count) / 32)
  const size =
    layout === 'rows' ? (first + count + 1) * codeBytes : blocks * (fields * (layout === 'quads' ? bits * 4 : 16))
  const before = Uint8Array.from({ length: size }, random)
  const at = { rows: putBytes(m, written), codes: putBytes(m, before), factors: m.room(nfactors * stride) }
  const items = count === 0 ? 0 : blocks - Math.floor(first / 32)
  const record = { codeSize, codeBytes, first, count, fields, bits, nfactors, stride, ...at }
  const [write, read] = KERNELS[layout]
  m.run(write, m.record('CodeRows', record), items)
  expectSame(bytesAt(m, at.codes, size), expected(before, codes, written, shape, first))
  const factors = m.ints(at.factors, nfactors * stride)
  const floats = new Uint32Array(written.buffer)
  factors.forEach((value, i) => {
    const row = (i % stride) - first
    const inside = row >= 0 && row < count
    expect(value).toBe(inside ? floats[(row * codeSize + codeBytes) / 4 + Math.floor(i / stride)] : 0xffffffff)
  })
  const rows = m.room((count * codeSize) / 4)
  m.run(read, m.record('CodeRows', { ...record, rows }), items)
  expectSame(bytesAt(m, rows, count * codeSize), written)
}

function shapeOf(
  { layout, bits, fields }: { layout: Layout; bits: number; fields: number },
  nfactors: number,
): CodeShape {
  const codeBytes = Math.ceil((fields * bits) / 32) * 4
  return { layout, bits, fields, codeBytes, nfactors, codeSize: codeBytes + nfactors * 4 }
}

function expected(
  before: Uint8Array,
  codes: number[][],
  rows: Uint8Array,
  shape: CodeShape,
  first: number,
): Uint8Array {
  const { layout, bits, fields, codeBytes, codeSize } = shape
  if (layout !== 'rows') {
    return layOut(codes, bits, layout === 'nibbles' ? inNibbles(fields) : inQuads(fields, bits), before, first)
  }
  codes.forEach((_, i) => {
    before.set(rows.subarray(i * codeSize, i * codeSize + codeBytes), (first + i) * codeBytes)
  })
  return before
}

/** Packed fields, little-endian in their bits, then anything as factors. */
function codeRows(codes: number[][], { bits, codeBytes, codeSize }: CodeShape, seed: number): Uint8Array {
  const random = numbers(seed + 1)
  const rows = Uint8Array.from({ length: codes.length * codeSize }, random)
  codes.forEach((fields, row) => {
    rows.fill(0, row * codeSize, row * codeSize + codeBytes)
    fields.forEach((value, i) => {
      for (let bit = 0; bit < bits; bit++) {
        const at = i * bits + bit
        const byte = row * codeSize + (at >> 3)
        rows[byte] = (rows[byte] as number) | (((value >> bit) & 1) << (at & 7))
      }
    })
  })
  return rows
}
