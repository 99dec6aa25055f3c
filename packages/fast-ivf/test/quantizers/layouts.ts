/** The layouts of codes in plain code, and a scan whose sums can be read. */
import fc from 'fast-check'
import type { Machine } from '../kernels/machine.js'
import { numbers } from '../kernels/machine.js'
import { putMask } from '../kernels/mask.js'

/** The fields (of `bits` bits) of one code. */
export type Fields = number[]

/** Address of a field in a block's layout: the byte, counted from the codes' start, and the bit in it. */
export type Place = (slot: number, field: number) => [byte: number, bit: number]

export function inNibbles(groups: number): Place {
  return (slot, g) => [((slot >> 5) * groups + g) * 16 + (slot & 15), slot & 16 ? 4 : 0]
}

export function inQuads(width: number, bits: number): Place {
  const per = 8 / bits
  return (slot, i) => {
    const decoded = (slot & 31) * 4 + (i & 3)
    const vector = decoded >> 4
    const quad = (slot >> 5) * (width / 4) + (i >> 2)
    return [quad * 16 * bits + Math.floor(vector / per) * 16 + (decoded & 15), (vector % per) * bits]
  }
}

/** Codes in their layout, in `bytes` bytes. */
export function layOut(codes: Fields[], bits: number, place: Place, bytes: Uint8Array, first = 0): Uint8Array {
  const mask = 2 ** bits - 1
  codes.forEach((fields, slot) => {
    fields.forEach((value, i) => {
      const [byte, bit] = place(first + slot, i)
      bytes[byte] = ((bytes[byte] as number) & ~(mask << bit)) | (value << bit)
    })
  })
  return bytes
}

export function randomCodes(count: number, fields: number, bits: number, random: () => number): Fields[] {
  return Array.from({ length: count }, () => Array.from({ length: fields }, () => (random() >>> 8) % 2 ** bits))
}

export function putBytes(m: Machine, bytes: Uint8Array): number {
  const at = m.room(Math.ceil(bytes.length / 4))
  new Uint8Array(m.memory.buffer, at, bytes.length).set(bytes)
  return at
}

export function bytesAt(m: Machine, at: number, count: number): Uint8Array {
  return new Uint8Array(m.memory.buffer, at, count).slice()
}

export const cellSizes: fc.Arbitrary<number[]> = fc.array(
  fc.oneof(fc.constantFrom(0, 1, 31, 32, 33), fc.integer({ min: 0, max: 150 })),
  { minLength: 1, maxLength: 5 },
)

/** What a scan is given, and how large its rooms are. */
export interface ScanCase {
  kernel: 'scanNibbles' | 'scanQuads'
  sizes: number[]
  nq: number
  seed: number
  codes: Uint8Array
  dim: number
  bits: number
  levels: Int8Array
  tables: Uint8Array
  /** Per factor: a number per slot and 32 more. */
  factors: Float32Array[]
  packed: number
  products: number
  /** Per slot: whether it may be an answer. */
  mask?: readonly boolean[]
}

/**
 * Every visit's queries, and the distance of every slot of its cell to each: −sum, when add is 0 and scale 1; NaN where
 * the slot is not offered.
 */
export function scanAll(m: Machine, c: ScanCase): { queries: number[]; from: number; distances: Float32Array[] }[] {
  const random = numbers(c.seed)
  const total = c.sizes.reduce((sum, size) => sum + size, 0)
  const lane = random() % 2
  const slot = random() % 1000
  const k = Math.max(1, ...c.sizes)
  const stride = (c.factors[0] as Float32Array).length
  const masked = c.packed + c.products * 4 + 64
  const scratchStride = masked + 4 * k
  const codes = putBytes(m, c.codes)
  const factors = m.put(Float32Array.from(c.factors.flatMap((factor) => [...factor])))
  const scratch = m.room((scratchStride / 4) * 2)
  const shared = {
    tables: putBytes(m, c.tables),
    tableSize: c.tables.length / c.nq,
    levels: putBytes(m, bytesOf(c.levels)),
  }
  const mask = c.mask ? putMask(m, c.mask) : 0
  let from = 0
  const found = c.sizes.map((size) => {
    const queries = Array.from({ length: c.nq }, (_, q) => q).sort(() => (random() % 2) - 0.5)
    const visit = { codes, factors, stride, mask, slot, from, to: from + size, queries: m.putInts(queries) }
    const heaps = m.room(2 * c.nq * k * 2)
    m.run('clearHeaps', m.record('Heaps', { heaps, k }), c.nq * 2)
    const heapStride = c.nq * k * 8
    const scan = {
      visits: m.sparse('Visit', { ...visit, near: 0, apart: 0, count: c.nq }),
      ...shared,
      ...{ dim: c.dim, bits: c.bits, group: 2, nfactors: c.factors.length, k, heaps, heapStride },
      ...{ scratch, scratchStride, packed: c.packed, products: c.products, masked },
    }
    m.run(c.kernel, m.sparse('Scan', scan), 1, lane)
    const first = slot + from
    const distances = Array.from({ length: c.nq }, (_, q) => {
      const heap = heaps + lane * heapStride + q * k * 8
      const values = new Float32Array(size).fill(NaN)
      m.ints(heap + k * 4, k).forEach((found, i) => {
        if (found !== 0xffffffff) values[found - first] = m.floats(heap, k)[i] as number
      })
      return values
    })
    from += size
    return { queries, from: from - size, distances }
  })
  if (from !== total) throw new Error('cells do not fill the segment')
  return found
}

function bytesOf(numbers: Int8Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}
