import fc from 'fast-check'
import { describe, test } from 'vitest'
import { packedBytes } from '../../src/quantizers/layouts/blocks.js'
import { expectSame, type Machine, machines, numbers } from '../kernels/machine.js'
import { cellSizes, inQuads, layOut, randomCodes, scanAll } from './layouts.js'

interface Case {
  width: number
  bits: number
  nq: number
  seed: number
  sizes: number[]
  /** Blocks per strip. */
  strip: number
  extreme: boolean
}
const any: fc.Arbitrary<Case> = fc.record({
  width: fc.constantFrom(32, 64, 96, 256),
  bits: fc.constantFrom(2, 4, 8),
  nq: fc.integer({ min: 1, max: 9 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
  sizes: cellSizes,
  strip: fc.constantFrom(1, 2, 7),
  extreme: fc.boolean(),
})

describe.each(machines)('$level kernels', (m) => {
  test('scanQuads multiplies codes with queries in whole numbers, of any cells and queries', () => {
    fc.assert(
      fc.property(any, (c) => scanned(m, c)),
      { numRuns: 60 },
    )
  })

  test('scanQuads: every number of bits and of queries, cells that begin anywhere', () => {
    for (const bits of [2, 4, 8]) {
      for (let nq = 1; nq <= 9; nq++)
        scanned(m, { width: 32, bits, nq, seed: nq, sizes: [nq, 1, 33, 0, 31, 32], strip: 2, extreme: false })
    }
  })

  test('scanQuads: the largest numbers do not overflow', () => {
    for (const bits of [2, 4, 8])
      for (const nq of [1, 2]) scanned(m, { width: 4096, bits, nq, seed: nq, sizes: [2, 5], strip: 1, extreme: true })
  })
})

function scanned(m: Machine, { width, bits, nq, seed, sizes, strip, extreme }: Case): void {
  m.reset()
  const random = numbers(seed)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const codes = randomCodes(total, width, bits, random)
  const levels = Int8Array.from({ length: 16 }, () => ((random() >>> 8) % 255) - 127)
  // −128 does not occur: 8-bit codes are −127 … 127.
  for (const fields of codes) {
    for (let i = 0; i < width; i++) {
      if (extreme) fields[i] = bits === 8 ? ([127, 129][seed & 1] as number) : 2 ** bits - 1
      else if (fields[i] === 128) fields[i] = 0
    }
  }
  if (extreme) levels[2 ** bits - 1] = seed & 1 ? -127 : 127
  const tables = Uint8Array.from({ length: nq * width }, () => (extreme ? 127 : 1 + ((random() >>> 8) % 127)))
  const levelOf = (code: number): number => (bits === 8 ? (code << 24) >> 24 : (levels[code] as number))
  const decoded = codes.map((fields) => fields.map(levelOf))
  const stride = total + 32
  const sumOf = (slot: number): number => decoded[slot]?.reduce((sum, x) => sum + x, 0) ?? 0
  const found = scanAll(m, {
    ...{ kernel: 'scanQuads', sizes, nq, seed, dim: width, bits, levels, tables, products: 32 * nq * strip },
    codes: layOut(codes, bits, inQuads(width, bits), new Uint8Array((Math.ceil(total / 32) + 1) * width * bits * 4)),
    factors: [
      new Float32Array(stride),
      new Float32Array(stride).fill(1),
      new Float32Array(stride).fill(NaN),
      Float32Array.from({ length: stride }, (_, slot) => sumOf(slot)),
    ],
    packed: packedBytes({ layout: 'quads', bits, fields: width, codeBytes: 0, nfactors: 4, codeSize: 0 }, nq),
  })
  for (const { from, distances } of found) {
    distances.forEach((values, q) => {
      const expected = Float32Array.from(values, (_, i) =>
        (decoded[from + i] as number[]).reduce((d, x, k) => d - x * ((tables[q * width + k] as number) - 64), 0),
      )
      expectSame(values, expected)
    })
  }
}
