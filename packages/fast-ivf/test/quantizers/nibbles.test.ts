import fc from 'fast-check'
import { describe, test } from 'vitest'
import { expectSame, type Machine, machines, numbers } from '../kernels/machine.js'
import { cellSizes, inNibbles, layOut, randomCodes, scanAll } from './layouts.js'

interface Case {
  groups: number
  nq: number
  seed: number
  sizes: number[]
  products: number
  full: boolean
}
const any: fc.Arbitrary<Case> = fc.record({
  groups: fc.integer({ min: 1, max: 70 }),
  nq: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
  sizes: cellSizes,
  products: fc.constantFrom(128, 160, 1000, 8192),
  full: fc.boolean(),
})

describe.each(machines)('$level kernels', (m) => {
  test('scanNibbles adds up what the nibbles name, of any cells and queries', () => {
    fc.assert(
      fc.property(any, (c) => scanned(m, c)),
      { numRuns: 60 },
    )
  })

  test('scanNibbles: every number of groups and of queries, cells that begin anywhere', () => {
    for (let groups = 1; groups <= 70; groups++) {
      const nq = 1 + (groups % 9)
      scanned(m, { groups, nq, seed: groups, sizes: [groups % 33, 1, 33, 0, 31, 32], products: 256, full: false })
    }
  })

  test('scanNibbles: sums beyond 16 bits are whole, with entries of 63 throughout', () => {
    for (const groups of [1040, 1041, 1043, 1100, 2081]) {
      for (const nq of [1, 2, 5])
        scanned(m, { groups, nq, seed: groups, sizes: [3, 33], products: 128, full: groups !== 1043 })
    }
  })
})

function scanned(m: Machine, { groups, nq, seed, sizes, products, full }: Case): void {
  m.reset()
  const random = numbers(seed)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const codes = randomCodes(total, groups, 4, random)
  const tables = Uint8Array.from({ length: nq * groups * 16 }, () => (full ? 63 : (random() >>> 8) % 64))
  // What lies past the end is anything: it is summed with the last block, and not offered.
  const bytes = Uint8Array.from({ length: (Math.ceil(total / 32) + 1) * groups * 16 }, random)
  const found = scanAll(m, {
    ...{ kernel: 'scanNibbles', sizes, nq, seed, dim: groups, bits: 4, levels: new Int8Array(16), tables, products },
    codes: layOut(codes, 4, inNibbles(groups), bytes),
    factors: [new Float32Array(total + 32)],
    packed: 64,
  })
  for (const { from, distances } of found) {
    distances.forEach((values, q) => {
      const expected = Float32Array.from(values, (_, i) =>
        (codes[from + i] as number[]).reduce((d, n, g) => d - (tables[(q * groups + g) * 16 + n] as number), 0),
      )
      expectSame(values, expected)
    })
  }
}
