import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { hashRanges } from '../../src/engine/hash.js'
import { createEngine } from '../../src/runtime.js'
import { xxh64 } from '../../src/storage/xxh64.js'
import { type Machine, machines, numbers } from './machine.js'

/** Puts bytes `offset` past a 16-byte boundary, and tells where. */
function putBytes(m: Machine, bytes: Uint8Array, offset: number): number {
  const at = m.room(Math.ceil((offset + bytes.length) / 4)) + offset
  new Uint8Array(m.memory.buffer, at, bytes.length).set(bytes)
  return at
}

function randomBytes(length: number, seed: number): Uint8Array {
  const next = numbers(seed)
  return Uint8Array.from({ length }, () => next() >>> 11)
}

function hashes(m: Machine, parts: readonly { bytes: Uint8Array; offset: number }[]): bigint[] {
  m.reset()
  const ranges = m.putInts(parts.flatMap(({ bytes, offset }) => [putBytes(m, bytes, offset), bytes.length]))
  const out = m.room(parts.length * 2)
  m.run('hashRanges', m.record('Hashes', { ranges, out }), parts.length)
  return [...new BigUint64Array(m.memory.buffer, out, parts.length)]
}

describe.each(machines)('$level kernels', (m) => {
  test('hash every length from 0 to 200, wherever it begins, as plain code does', () => {
    const parts = Array.from({ length: 201 }, (_, length) => ({
      bytes: randomBytes(length, length),
      offset: length % 9,
    }))
    expect(hashes(m, parts)).toEqual(parts.map(({ bytes }) => xxh64(bytes)))
  })

  test('hash large ranges at any offset as plain code does', () => {
    const part = fc.record({
      length: fc.integer({ min: 200, max: 70_000 }),
      offset: fc.nat(40),
      seed: fc.integer({ min: 1, max: 1e6 }),
    })
    fc.assert(
      fc.property(fc.array(part, { maxLength: 5 }), (parts) => {
        const placed = parts.map(({ length, offset, seed }) => ({ bytes: randomBytes(length, seed), offset }))
        expect(hashes(m, placed)).toEqual(placed.map(({ bytes }) => xxh64(bytes)))
      }),
      { numRuns: 25, seed: 4 },
    )
  })

  test('hash the known bytes to the known numbers', () => {
    const parts = ['', 'a', 'abc'].map((text) => ({ bytes: new TextEncoder().encode(text), offset: 1 }))
    expect(hashes(m, parts)).toEqual([0xef46db3751d8e999n, 0xd24ec4f1a98c6e5bn, 0x44bc2cf5ad770999n])
  })
})

describe('hashRanges', () => {
  const engines: Engine[] = []
  afterAll(() => engines.forEach((engine) => engine.close()))

  test.each([0, 2])('hashes little and much, and keeps no memory: %i threads', async (threads) => {
    const engine = await createEngine({ threads })
    engines.push(engine)
    const bytes = 12_000_000
    const at = engine.alloc(bytes)
    const next = numbers(7)
    const words = engine.ints(at, bytes / 4)
    for (let i = 0; i < words.length; i++) words[i] = next()
    const held = engine.bytes
    const hash = (from: number, length: number): bigint =>
      xxh64(new Uint8Array(engine.memory.buffer, at + from, length))

    const few = [3, 0, 77].map((length, i) => ({ at: at + i, bytes: length }))
    expect([...(await hashRanges(engine, few, {}))]).toEqual([hash(0, 3), hash(1, 0), hash(2, 77)])
    expect(await hashRanges(engine, [], {})).toEqual(new BigUint64Array(0))

    const piece = bytes / 20
    const many = Array.from({ length: 20 }, (_, i) => ({ at: at + i * piece, bytes: piece }))
    const found = await hashRanges(engine, many, {})
    expect([...found]).toEqual(many.map((_, i) => hash(i * piece, piece)))
    expect(engine.bytes).toBe(held)
  })

  test('an aborted signal rejects', async () => {
    const engine = await createEngine({ threads: 0 })
    engines.push(engine)
    const range = { at: engine.alloc(64), bytes: 64 }
    await expect(hashRanges(engine, [range], { signal: AbortSignal.abort('enough') })).rejects.toBe('enough')
  })
})
