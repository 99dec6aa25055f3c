import fc from 'fast-check'
import { describe, test } from 'vitest'
import { packedBytes } from '../../src/quantizers/layouts/blocks.js'
import { cellSizes, inNibbles, inQuads, layOut, randomCodes, type ScanCase, scanAll } from '../quantizers/layouts.js'
import { expectSame, type Machine, machines, numbers } from './machine.js'
import { randomMask } from './mask.js'

const any = fc.record({
  bits: fc.constantFrom(2, 4, 8),
  nq: fc.integer({ min: 1, max: 6 }),
  seed: fc.integer({ min: 1, max: 1e6 }),
  sizes: cellSizes,
  /** Blocks per strip. */
  strip: fc.constantFrom(1, 2, 7),
})
type Case = typeof any extends fc.Arbitrary<infer T> ? T : never

describe.each(machines)('$level kernels', (m) => {
  test.each([
    ['scanNibbles', nibbles],
    ['scanQuads', quads],
  ])('%s offers the slots whose bits are set, at the same distances, and no others', (_, caseOf) => {
    fc.assert(
      fc.property(any, (c) => compare(m, c, caseOf(c))),
      { numRuns: 100, seed: 1 },
    )
    for (let nq = 1; nq <= 3; nq++) {
      for (const size of [1, 15, 16, 17, 31, 32, 33]) {
        const c: Case = { bits: 4, nq, seed: size, sizes: [size, 5, size, 40], strip: 1 }
        compare(m, c, caseOf(c))
      }
    }
  })
})

function compare(m: Machine, { sizes, seed }: Case, whole: ScanCase): void {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const random = numbers(seed + 1)
  for (const mask of [randomMask(total, random), new Array<boolean>(total).fill(false)]) {
    m.reset()
    const all = scanAll(m, whole)
    m.reset()
    const some = scanAll(m, { ...whole, mask })
    for (const [i, { from, distances }] of all.entries()) {
      for (const [q, values] of distances.entries()) {
        const wanted = values.map((value, j) => (mask[from + j] ? value : Number.NaN))
        expectSame(some[i]?.distances[q] ?? [], wanted)
      }
    }
  }
}

function nibbles({ nq, seed, sizes, strip }: Case): ScanCase {
  const [random, groups] = [numbers(seed), 1 + (seed % 40)]
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const bytes = new Uint8Array((Math.ceil(total / 32) + 1) * groups * 16)
  return {
    ...{ kernel: 'scanNibbles', sizes, nq, seed, dim: groups, bits: 4, levels: new Int8Array(16), packed: 64 },
    codes: layOut(randomCodes(total, groups, 4, random), 4, inNibbles(groups), bytes),
    tables: Uint8Array.from({ length: nq * groups * 16 }, () => (random() >>> 8) % 64),
    factors: [new Float32Array(total + 32)],
    products: 128 * strip,
  }
}

function quads({ bits, nq, seed, sizes, strip }: Case): ScanCase {
  const [random, width] = [numbers(seed), 32]
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const bytes = new Uint8Array((Math.ceil(total / 32) + 1) * width * bits * 4)
  const factor = (value: number): Float32Array => new Float32Array(total + 32).fill(value)
  return {
    ...{ kernel: 'scanQuads', sizes, nq, seed, dim: width, bits, products: 32 * nq * strip },
    levels: Int8Array.from({ length: 16 }, (_, i) => 7 * i - 50),
    codes: layOut(randomCodes(total, width, bits, random), bits, inQuads(width, bits), bytes),
    tables: Uint8Array.from({ length: nq * width }, () => 1 + ((random() >>> 8) % 127)),
    factors: [factor(0), factor(1), factor(Number.NaN), factor(0)],
    packed: packedBytes({ layout: 'quads', bits, fields: width, codeBytes: 0, nfactors: 4, codeSize: 0 }, nq),
  }
}
