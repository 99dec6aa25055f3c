import { F16, INT8, loadSome, rowBytes } from './originals.kernel'

@unmanaged
export class Keep {
  rows: usize // count × dim
  dim: u32
  count: u32
  block: u32 // rows per item
  first: u32 // row i goes to slot first + i
  kept: u32 // F32, F16 or INT8
  to: usize // slot 0
  bad: usize // out: the lowest row that halves cannot hold (u32, starts as 0xffffffff), per lane 64 bytes apart
}

/** Item: a block of rows, written in the form in which they are kept. */
export function keepRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Keep>(record)
  const dim = r.dim, kept = r.kept
  const bytes = rowBytes(kept, dim)
  const bad = r.bad + ((<usize>lane) << 6)
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const row = r.rows + ((<usize>i * dim) << 2)
    const out = r.to + <usize>(r.first + i) * bytes
    if (kept == F16) {
      if (!storeHalves(row, dim, out, bytes) && i < load<u32>(bad)) store<u32>(bad, i)
    } else if (kept == INT8) storeBytes(row, dim, out, bytes)
    else memory.copy(out, row, bytes)
  }
}

/**
 * Writes the halves nearest to the floats, of two equally near the even one. Returns whether all are within ±65504,
 * what halves can hold.
 */
function storeHalves(row: usize, dim: u32, out: usize, bytes: u32): bool {
  // Always 0, which the compiler cannot know: constants would be built anew at each use in the loop (2.3 × as long).
  const none = dim >> 31
  const unsigned = i32x4.splat(0x7fffffff | none), most = i32x4.splat(0x477fe000 | none)
  const one = i32x4.splat(1 | none), bias = i32x4.splat((112 << 10) | none), down = i32x4.splat(0xfff | none)
  const normal = i32x4.splat(0x38800000 | none), half = i32x4.splat(0x3f000000 | none)
  let beyond = i32x4.splat(0)
  for (let k: u32 = 0; k < dim; k += 4) {
    const x = loadSome(row + ((<usize>k) << 2), dim - k)
    const size = v128.and(x, unsigned)
    beyond = v128.or(beyond, i32x4.gt_s(size, most))
    const odd = v128.and(i32x4.shr_u(size, 13), one)
    const large = i32x4.sub(i32x4.shr_u(i32x4.add(i32x4.add(size, odd), down), 13), bias)
    // Below 2^-14 halves are multiples of 2^-24, and so are floats from 0.5 to 1: the sum rounds as wanted.
    const small = i32x4.sub(f32x4.add(size, half), half)
    const sizes = v128.bitselect(small, large, i32x4.lt_s(size, normal))
    const halves = v128.or(sizes, i32x4.shr_u(v128.andnot(x, unsigned), 16))
    v128.store_lane<u64>(out + ((<usize>k) << 1), i16x8.narrow_i32x4_u(halves, halves), 0)
  }
  clearFrom(out, ((dim + 3) & ~3) << 1, bytes)
  return !v128.any_true(beyond)
}

function storeBytes(row: usize, dim: u32, out: usize, bytes: u32): void {
  let most = f32x4.splat(0)
  for (let k: u32 = 0; k < dim; k += 4) most = f32x4.max(most, f32x4.abs(loadSome(row + ((<usize>k) << 2), dim - k)))
  const largest = max<f32>(
    max<f32>(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max<f32>(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  )
  const factor = largest / 127
  store<f32>(out, factor)
  // Zeros, or numbers so small that their factor vanishes.
  if (factor == 0) return clearFrom(out, 4, bytes)
  const f = f32x4.splat(factor), high = f32x4.splat(127), low = f32x4.splat(-127)
  for (let k: u32 = 0; k < dim; k += 4) {
    // A subnormal factor is so coarse that quotients may exceed 127.
    const x = f32x4.nearest(f32x4.div(loadSome(row + ((<usize>k) << 2), dim - k), f))
    const words = i32x4.trunc_sat_f32x4_s(f32x4.max(low, f32x4.min(high, x)))
    const shorts = i16x8.narrow_i32x4_s(words, words)
    v128.store_lane<u32>(out + 4 + k, i8x16.narrow_i16x8_s(shorts, shorts), 0)
  }
  clearFrom(out, 4 + ((dim + 3) & ~3), bytes)
}

// @ts-ignore: decorator
@inline
function clearFrom(out: usize, used: u32, bytes: u32): void {
  memory.fill(out + used, 0, bytes - used)
}
