/** table[index] in each byte. Indices are below 16, so both instructions give the same. */
// @ts-ignore: decorator
@inline
export function look(table: v128, index: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, index)
  return i8x16.swizzle(table, index)
}

/**
 * Stores 16 sums as floats, added to what is there when `more`. odd: the sums of the odd bytes; even: those of the even
 * bytes plus 256 · odd (modulo 2¹⁶), which is what adding both as 16-bit lanes gives.
 */
// @ts-ignore: decorator
@inline
export function storeSums(even: v128, odd: v128, out: usize, more: bool): void {
  const e = i16x8.sub(even, i16x8.shl(odd, 8))
  const low = v128.shuffle<i16>(e, odd, 0, 8, 1, 9, 2, 10, 3, 11), high = v128.shuffle<i16>(e, odd, 4, 12, 5, 13, 6, 14, 7, 15)
  let s0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low)), s1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low))
  let s2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high)), s3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high))
  if (more) {
    s0 = f32x4.add(s0, v128.load(out))
    s1 = f32x4.add(s1, v128.load(out, 16))
    s2 = f32x4.add(s2, v128.load(out, 32))
    s3 = f32x4.add(s3, v128.load(out, 48))
  }
  v128.store(out, s0)
  v128.store(out, s1, 16)
  v128.store(out, s2, 32)
  v128.store(out, s3, 48)
}

/** The sums of four slots, of which `a` holds the halves of two and `b` those of the others, as floats. */
// @ts-ignore: decorator
@inline
export function joinHalves(a: v128, b: v128, start: v128): v128 {
  const sums = i32x4.add(v128.shuffle<i32>(a, b, 0, 2, 4, 6), v128.shuffle<i32>(a, b, 1, 3, 5, 7))
  return f32x4.convert_i32x4_s(i32x4.add(start, sums))
}
