import { fromBrainFloats, fromHalves } from '../storage/float16.js'
import { ownBuffer } from './cursor.js'
import type { ProductQuantizer, ScalarQuantizer } from './description.js'
import { scalarBits } from './parts.js'

/** The vectors (or residuals) that `count` scalar codes stand for: count × dim. */
export function decodeScalar(sq: ScalarQuantizer, codes: Uint8Array, count: number): Float32Array {
  const { dim, type, codeSize } = sq
  const bits = scalarBits(type)
  if (bits === 16) {
    const words = new Uint16Array(ownBuffer(codes.subarray(0, count * codeSize)))
    return type === 'fp16' ? fromHalves(words) : fromBrainFloats(words)
  }
  const rows = new Float32Array(count * dim)
  const valueAt = componentValue(sq)
  for (let row = 0; row < count; row++) {
    const start = row * codeSize * 8
    for (let i = 0; i < dim; i++) rows[row * dim + i] = valueAt(i, bitsAt(codes, start + i * bits, bits))
  }
  return rows
}

/**
 * What each code of each component stands for, dim × 2^bits: a scalar code of at most 8 bits is a product code whose
 * subvectors are the components. undefined for halves and brain floats, which are numbers themselves.
 */
export function scalarCodebooks(sq: ScalarQuantizer): Float32Array | undefined {
  const bits = scalarBits(sq.type)
  if (bits > 8) return undefined
  const valueAt = componentValue(sq)
  return Float32Array.from({ length: sq.dim << bits }, (_, at) => valueAt(at >> bits, at & (2 ** bits - 1)))
}

/**
 * The codes of '8bit' of rows (count × dim), to the bit as faiss makes them. `low` and `width`: dim; a component of
 * width 0 has the code 0, and what lies outside the range the nearest end of it.
 */
export function encodeScalar8(rows: Float32Array, low: Float32Array, width: Float32Array): Uint8Array {
  const { fround } = Math
  const dim = low.length
  const codes = new Uint8Array(rows.length)
  for (let at = 0, i = 0; at < rows.length; at++, i = i + 1 === dim ? 0 : i + 1) {
    const span = width[i] as number
    const share = span === 0 ? 0 : fround(fround((rows[at] as number) - (low[i] as number)) / span)
    codes[at] = fround(255 * Math.min(1, Math.max(0, share)))
  }
  return codes
}

/** Which codeword each subvector of `count` product codes has: count × m. */
export function productNumbers(
  { m, nbits, codeSize }: ProductQuantizer,
  codes: Uint8Array,
  count: number,
): Uint16Array {
  const numbers = new Uint16Array(count * m)
  for (let row = 0; row < count; row++) {
    const start = row * codeSize * 8
    for (let i = 0; i < m; i++) numbers[row * m + i] = bitsAt(codes, start + i * nbits, nbits)
  }
  return numbers
}

/** The vectors (or residuals) that `count` product codes stand for: count × dim. */
export function decodeProduct(pq: ProductQuantizer, codes: Uint8Array, count: number): Float32Array {
  const { dim, m, nbits, codebooks } = pq
  const width = dim / m
  const rows = new Float32Array(count * dim)
  const numbers = productNumbers(pq, codes, count)
  for (let at = 0; at < numbers.length; at++) {
    const from = ((at % m) * 2 ** nbits + (numbers[at] as number)) * width
    rows.set(codebooks.subarray(from, from + width), at * width)
  }
  return rows
}

/**
 * RaBitQ codes taken apart. With r = query less centroid and dot = ⟨r, signs⟩ / √dim, the squared distance is about
 * add + ‖r‖² − 2 · multiplier · dot. By inner product, ‖x‖² is missing in `add`, and the product is half of what ‖query‖²
 * exceeds that expression by.
 */
export interface RaBitQCodes {
  /** count × dim: 1 where the vector is above the centroid, else −1 */
  readonly signs: Int8Array
  /** count: faiss's or_minus_c_l2sqr, the squared distance of the vector from the centroid */
  readonly add: Float32Array
  /** count: faiss's dp_multiplier */
  readonly multiplier: Float32Array
}

/** Takes `count` RaBitQ codes apart: ⌈dim / 8⌉ bytes of signs, the lowest bit first, then two floats. */
export function splitRaBitQ(dim: number, codes: Uint8Array, count: number): RaBitQCodes {
  const signBytes = Math.ceil(dim / 8)
  const codeSize = signBytes + 8
  const view = new DataView(codes.buffer, codes.byteOffset, codes.byteLength)
  const signs = new Int8Array(count * dim)
  const add = new Float32Array(count)
  const multiplier = new Float32Array(count)
  for (let row = 0; row < count; row++) {
    const start = row * codeSize
    for (let i = 0; i < dim; i++) signs[row * dim + i] = bitsAt(codes, start * 8 + i, 1) * 2 - 1
    add[row] = view.getFloat32(start + signBytes, true)
    multiplier[row] = view.getFloat32(start + signBytes + 4, true)
  }
  return { signs, add, multiplier }
}

/** `bits` (at most 16) bits from bit `at` on, the lowest first. Bytes past the end count as 0. */
function bitsAt(codes: Uint8Array, at: number, bits: number): number {
  const byte = Math.floor(at / 8)
  const three = (codes[byte] ?? 0) | ((codes[byte + 1] ?? 0) << 8) | ((codes[byte + 2] ?? 0) << 16)
  return (three >> (at % 8)) & (2 ** bits - 1)
}

/** What the number `code` of component i stands for: the middle of its step. */
function componentValue({ dim, type, range }: ScalarQuantizer): (i: number, code: number) => number {
  if (type === '8bit-direct') return (_, code) => code
  if (type === '8bit-direct-signed') return (_, code) => code - 128
  const steps = 2 ** scalarBits(type) - 1
  const each = range.length > 2 || dim === 1
  return (i, code) => {
    const low = range[each ? i : 0] as number
    const width = range[each ? dim + i : 1] as number
    return low + (width * (code + 0.5)) / steps
  }
}
