import { sumLanes } from './simd'

/** Forms in which vectors are kept beside their codes. */
export const PANELS: u32 = 0 // panels of 8: the vectors of a flat index
export const F32: u32 = 1 // rows of 32-bit floats
export const F16: u32 = 2 // rows of 16-bit floats, each row from a multiple of 16 bytes on
export const INT8: u32 = 3 // rows of signed bytes, after a 32-bit float each that they are multiplied with; likewise

/** Bytes from one row to the next; what rounding adds holds zeros. */
export function rowBytes(kept: u32, dim: u32): u32 {
  if (kept == F16) return ((dim << 1) + 15) & ~15
  return kept == INT8 ? (dim + 4 + 15) & ~15 : dim << 2
}

/** Where in its segment the vector of a slot is; `homes`: per slot of what is spilled, or 0. */
// @ts-ignore: decorator
@inline
export function homeOf(homes: usize, slot: u32): u32 {
  return homes ? load<u32>(homes + ((<usize>slot) << 2)) : slot
}

/**
 * The exact distance of slot `slot` from the query: Σ(x − q)² (squared 1) or −⟨q, x⟩. Products are rounded before they
 * are added, so that every build gives the same bits.
 */
export function exactDistance(kept: u32, originals: usize, slot: u32, query: usize, dim: u32, squared: u32): f32 {
  if (kept == PANELS) return finite(sumOverPanel(originals, slot, query, dim, squared), squared)
  const row = originals + <usize>slot * rowBytes(kept, dim)
  if (kept == F32) return finite(squared ? sumOverRow(F32, true, row, query, dim) : sumOverRow(F32, false, row, query, dim), squared)
  if (kept == F16) return finite(squared ? sumOverRow(F16, true, row, query, dim) : sumOverRow(F16, false, row, query, dim), squared)
  return finite(squared ? sumOverRow(INT8, true, row, query, dim) : sumOverRow(INT8, false, row, query, dim), squared)
}

/** Reads a byte of each cache line of a row, so that the lines of several rows are on their way at once. */
export function touchRow(kept: u32, originals: usize, slot: u32, dim: u32): u32 {
  const bytes = rowBytes(kept, dim)
  let at = originals + <usize>slot * bytes
  const end = at + bytes
  let sum: u32 = 0
  for (; at < end; at += 64) sum += load<u8>(at)
  return sum
}

/** The sum as a distance; never infinite, which would stand for none. */
// @ts-ignore: decorator
@inline
function finite(sum: f32, squared: u32): f32 {
  return squared ? min<f32>(sum, f32.MAX_VALUE) : -sum
}

/** Components lie 32 bytes apart. */
function sumOverPanel(panels: usize, slot: u32, query: usize, dim: u32, squared: u32): f32 {
  let at = panels + ((<usize>(slot >> 3) * dim) << 5) + ((<usize>(slot & 7)) << 2)
  let sum: f32 = 0
  for (let k: u32 = 0; k < dim; k++) {
    const x = load<f32>(at), q = load<f32>(query)
    sum += squared ? (x - q) * (x - q) : x * q
    at += 32
    query += 4
  }
  return sum
}

/** Σ(x − q)² or Σ x·q. `kept` and `squared` are constants where this is called: each pair becomes a loop of its own. */
// @ts-ignore: decorator
@inline
function sumOverRow(kept: u32, squared: bool, row: usize, query: usize, dim: u32): f32 {
  const factor: f32 = kept == INT8 ? load<f32>(row) : 1
  const f = f32x4.splat(factor)
  // Always 0, which the compiler cannot know: a constant would be built anew at each use in the loop.
  const none = dim >> 31
  const mask = i32x4.splat(0x8fffffff | none), scale = f32x4.splat(reinterpret<f32>(0x77800000 | none))
  let at = kept == INT8 ? row + 4 : row
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0)
  let k: u32 = 0
  for (; k + 16 <= dim; k += 16) {
    let x0: v128, x1: v128, x2: v128, x3: v128
    if (kept == F32) {
      x0 = v128.load(at)
      x1 = v128.load(at, 16)
      x2 = v128.load(at, 32)
      x3 = v128.load(at, 48)
      at += 64
    } else if (kept == F16) {
      const a = v128.load(at), b = v128.load(at, 16)
      x0 = fromHalves(i32x4.extend_low_i16x8_s(a), mask, scale)
      x1 = fromHalves(i32x4.extend_high_i16x8_s(a), mask, scale)
      x2 = fromHalves(i32x4.extend_low_i16x8_s(b), mask, scale)
      x3 = fromHalves(i32x4.extend_high_i16x8_s(b), mask, scale)
      at += 32
    } else {
      const bytes = v128.load(at)
      const a = i16x8.extend_low_i8x16_s(bytes), b = i16x8.extend_high_i8x16_s(bytes)
      x0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(a))
      x1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(a))
      x2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(b))
      x3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(b))
      at += 16
    }
    if (kept == INT8 && squared) {
      x0 = f32x4.mul(x0, f)
      x1 = f32x4.mul(x1, f)
      x2 = f32x4.mul(x2, f)
      x3 = f32x4.mul(x3, f)
    }
    s0 = f32x4.add(s0, term(x0, v128.load(query), squared))
    s1 = f32x4.add(s1, term(x1, v128.load(query, 16), squared))
    s2 = f32x4.add(s2, term(x2, v128.load(query, 32), squared))
    s3 = f32x4.add(s3, term(x3, v128.load(query, 48), squared))
    query += 64
  }
  // Four at a time: past the end of both are zeros, which add nothing.
  for (; k < dim; k += 4) {
    let x: v128
    if (kept == F32) x = loadSome(at, dim - k)
    else if (kept == F16) x = fromHalves(i32x4.extend_low_i16x8_s(v128.load64_zero(at)), mask, scale)
    else x = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(i16x8.extend_low_i8x16_s(v128.load32_zero(at))))
    if (kept == INT8 && squared) x = f32x4.mul(x, f)
    s0 = f32x4.add(s0, term(x, loadSome(query, dim - k), squared))
    at += kept == F32 ? 16 : kept == F16 ? 8 : 4
    query += 16
  }
  const sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
  return kept == INT8 && !squared ? factor * sum : sum
}

// @ts-ignore: decorator
@inline
function term(x: v128, q: v128, squared: bool): v128 {
  const gap = f32x4.sub(x, q)
  return squared ? f32x4.mul(gap, gap) : f32x4.mul(x, q)
}

/**
 * Halves (as signed integers) as floats: exponent and mantissa move into place, between them and the sign go zeros, and
 * the product makes good the difference of the biases, for subnormal halves too.
 */
// @ts-ignore: decorator
@inline
export function fromHalves(halves: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shl(halves, 13), mask), scale)
}

/** Up to four floats, the rest zeros; reads nothing beyond. */
export function loadSome(at: usize, count: u32): v128 {
  if (count >= 4) return v128.load(at)
  if (count == 1) return v128.load32_zero(at)
  const two = v128.load64_zero(at)
  return count == 2 ? two : v128.load_lane<f32>(at, two, 2, 8)
}
