import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { crc32, joinCrc32 } from '../../src/storage/crc32.js'
import { xxh64 } from '../../src/storage/xxh64.js'

const text = (letters: string): Uint8Array => new TextEncoder().encode(letters)
const bytes = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.nat(9)).map(([own, offset]) => {
  const room = new Uint8Array(own.length + offset)
  room.set(own, offset)
  return room.subarray(offset)
})

describe('xxh64', () => {
  test.each([
    ['', 'ef46db3751d8e999'],
    ['a', 'd24ec4f1a98c6e5b'],
    ['abc', '44bc2cf5ad770999'],
  ])('of %o is the published number', (letters, hash) => {
    expect(xxh64(text(letters)).toString(16)).toBe(hash)
  })

  test.each([
    [1, 'a96c7f0ce858bbb7'],
    [3, '56e6957632a487f9'],
    [4, 'c60d15b1e3ff8f04'],
    [7, 'afbefc3d6c6f9a8e'],
    [8, '3da5c7aa269683e0'],
    [31, '4a74f3a1a39ad4a1'],
    [32, '8d57d6a4671cc43d'],
    [33, '62c9fd21ed857664'],
    [63, '5c320a0d2707057f'],
    [100, 'efa0ad2d3e70c151'],
    [1000, '99594f4828043d35'],
    [65537, 'ec80f22fcacff852'],
  ])('of %i bytes is what python-xxhash computes, at any offset', (length, hash) => {
    for (const offset of [0, 1, 5]) {
      const room = Uint8Array.from({ length: length + offset }, (_, i) => (i - offset) * 31 + 7)
      expect(xxh64(room.subarray(offset)).toString(16).padStart(16, '0')).toBe(hash)
    }
  })

  test('changes with every bit', () => {
    const own = Uint8Array.from({ length: 45 }, (_, i) => i * 7)
    const seen = new Set([xxh64(own)])
    for (let bit = 0; bit < own.length * 8; bit++) {
      const other = own.slice()
      other[bit >> 3] = (other[bit >> 3] as number) ^ (1 << (bit & 7))
      seen.add(xxh64(other))
    }
    expect(seen.size).toBe(own.length * 8 + 1)
  })
})

describe('crc32', () => {
  test('of the check word is the published number', () => {
    expect(crc32(text('123456789'))).toBe(0xcbf43926)
    expect(crc32(new Uint8Array(0))).toBe(0)
  })

  test('is that of zlib, at any offset, and goes on from what came before', () => {
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        const first = crc32(a)
        const both = crc32(b, first)
        expect(first).toBe(zlibCrc32(a))
        expect(both).toBe(zlibCrc32(Buffer.concat([a, b])))
        expect(joinCrc32(first, crc32(b), b.length)).toBe(both)
      }),
      { seed: 6 },
    )
  })
})
