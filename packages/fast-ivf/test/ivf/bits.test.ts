import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunksOf, clearBit, countBits, eachBit, fillBits, hasBit, setBit, wordsFor } from '../../src/ivf/bits.js'

/** A set of numbers below `count`, with long stretches of nothing and of everything, and a part of it. */
const any = fc
  .record({
    count: fc.integer({ min: 0, max: 200 }),
    runs: fc.array(fc.tuple(fc.nat(200), fc.nat(70), fc.boolean()), { maxLength: 8 }),
    ends: fc.tuple(fc.nat(200), fc.nat(200)),
  })
  .map(({ count, runs, ends: [a, b] }) => {
    const members = new Set<number>()
    for (const [first, length, add] of runs) {
      for (let i = first; i < Math.min(first + length, count); i++) add ? members.add(i) : members.delete(i)
    }
    return { count, members, from: Math.min(a, b, count), to: Math.min(Math.max(a, b), count) }
  })

test('bits that are set are there, and those that are cleared are not', () => {
  fc.assert(
    fc.property(any, ({ count, members }) => {
      const [set, cleared] = [new Uint32Array(wordsFor(count)), new Uint32Array(wordsFor(count))]
      fillBits(cleared, count)
      for (let i = 0; i < count; i++) {
        if (members.has(i)) setBit(set, i)
        else clearBit(cleared, i)
      }
      expect([...cleared]).toEqual([...set])
      for (let i = 0; i < set.length * 32; i++) expect(hasBit(set, i)).toBe(members.has(i))
    }),
    { seed: 1 },
  )
})

test('the first bits are filled and no others, and a word is to spare', () => {
  for (let count = 0; count <= 130; count++) {
    const words = new Uint32Array(wordsFor(count)).fill(0xdeadbeef)
    fillBits(words, count)
    expect(words.at(-1)).toBe(0)
    expect(Array.from({ length: words.length * 32 }, (_, i) => hasBit(words, i)).lastIndexOf(true)).toBe(count - 1)
    expect(countBits(words, 0, words.length * 32)).toBe(count)
  }
})

test('bits are counted and met in order, from any to any', () => {
  fc.assert(
    fc.property(any, ({ count, members, from, to }) => {
      const words = wordsOf(members, count)
      const wanted = [...members].filter((i) => i >= from && i < to).sort((a, b) => a - b)
      const met: number[] = []
      eachBit(words, from, to, (i) => met.push(i))
      expect(met).toEqual(wanted)
      expect(countBits(words, from, to)).toBe(wanted.length)
    }),
    { numRuns: 400, seed: 2 },
  )
})

test('chunks hold all that is set, lie apart and in order, and hold no 16 in a row from a multiple of 16 of nothing', () => {
  fc.assert(
    fc.property(any, ({ count, members, from, to }) => {
      const words = wordsOf(members, count)
      const chunks = chunksOf(words, from, to, 0)
      const inside = (i: number): boolean => chunks.some((chunk) => chunk.from <= i && i < chunk.to)
      for (const i of members) if (i >= from && i < to) expect(inside(i)).toBe(true)
      let end = from - 1
      for (const chunk of chunks) {
        expect(chunk.from).toBeGreaterThan(end)
        expect(chunk.to).toBeGreaterThan(chunk.from)
        end = chunk.to
      }
      expect(end).toBeLessThanOrEqual(to)
      for (let i = 0; i < to; i += 16) {
        const [first, last] = [Math.max(i, from), Math.min(i + 16, to)]
        if (first < last && countBits(words, first, last) === 0) expect(inside(first)).toBe(false)
      }
    }),
    { numRuns: 400, seed: 3 },
  )
})

function wordsOf(members: Iterable<number>, count: number): Uint32Array {
  const words = new Uint32Array(wordsFor(count))
  for (const i of members) setBit(words, i)
  return words
}
