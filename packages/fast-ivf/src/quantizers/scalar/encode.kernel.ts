import { sumLanes } from '../../kernels/simd'

const TINY: f32 = 1e-30 // a residual whose components are all smaller is none: its square is nothing in 32 bits
const HUGE: f64 = 3.4028234663852886e38 // the largest 32-bit float

/** Rotated rows into code rows: the packed code, then add, scale, sigma, and with more than one bit sum. */
@unmanaged
export class EncodeScalar {
  rows: usize // count × width, rotated
  cells: usize // count (u32): the centroid of each row
  centroids: usize // × width, rotated
  width: u32 // a multiple of 32
  bits: u32 // 1, 2, 4 or 8
  levels: usize // 16 signed bytes
  thresholds: usize // 2^bits − 1, ascending, in standard deviations; none for 8 bits
  count: u32
  block: u32 // rows per item
  codeSize: u32
  halfNorm: u32 // 1: add holds half the residual's squared norm (l2)
  dropZero: u32 // 1: a zero row is never an answer (cosine)
  out: usize // count × codeSize
  scratch: usize // per lane: width floats, width signed bytes
  scratchStride: u32
}

/** Item: a block of rows. Sums are plain, in one order: every build gives the same bits. */
export function encodeScalar(record: usize, from: u32, to: u32, lane: u32): void {
  const e = changetype<EncodeScalar>(record)
  const bytes = (<usize>e.width) << 2
  const parts = e.scratch + <usize>lane * e.scratchStride
  const values = parts + bytes
  const factors = (<usize>e.width * e.bits) >> 3
  for (let i = from * e.block, end = min(to * e.block, e.count); i < end; i++) {
    const row = e.rows + bytes * i
    const code = e.out + <usize>e.codeSize * i
    if (e.dropZero && isZero(row, bytes)) {
      memory.fill(code, 0, e.codeSize)
      store<f32>(code + factors, Infinity)
      continue
    }
    const centroid = e.centroids + bytes * load<u32>(e.cells + ((<usize>i) << 2))
    const size = sizeOf(row, centroid, e.width, e.bits)
    divide(row, centroid, bytes, size > 0 ? <f32>(1 / size) : 0, parts)
    if (e.bits == 1) takeSigns(parts, e.width, values, code)
    else if (e.bits == 8) takeNearest(parts, e.width, values, code)
    else takeLevels(e, parts, values, code)
    storeFactors(e, parts, values, centroid, size, code + factors)
  }
}

function isZero(row: usize, bytes: usize): bool {
  for (let i: usize = 0; i < bytes; i += 16) if (v128.any_true(f32x4.ne(v128.load(row + i), f32x4.splat(0)))) return false
  return true
}

/** What the residual is divided by: then its components' mean square is 1, or with 8 bits its widest component 127. */
function sizeOf(row: usize, centroid: usize, width: u32, bits: u32): f64 {
  const bytes = (<usize>width) << 2
  if (bits == 8) {
    const most = widest(row, centroid, bytes)
    return most > TINY ? <f64>most / 127 : 0
  }
  const squares = sumSquares(row, centroid, bytes, 1)
  if (squares > 1e-30 && squares < 1e30) return sqrt(<f64>squares / width)
  // Squares that vanish or overflow are those of the components as parts of the widest.
  const most = widest(row, centroid, bytes)
  if (!(most > TINY)) return 0
  return <f64>most * sqrt(<f64>sumSquares(row, centroid, bytes, 1 / most) / width)
}

function widest(row: usize, centroid: usize, bytes: usize): f32 {
  let most = f32x4.splat(0)
  for (let i: usize = 0; i < bytes; i += 16) {
    most = f32x4.pmax(most, f32x4.abs(f32x4.sub(v128.load(row + i), v128.load(centroid + i))))
  }
  return max(
    max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1)),
    max(f32x4.extract_lane(most, 2), f32x4.extract_lane(most, 3)),
  )
}

/** Σ ((row − centroid) · factor)². */
function sumSquares(row: usize, centroid: usize, bytes: usize, factor: f32): f32 {
  const f = f32x4.splat(factor)
  let sum = f32x4.splat(0)
  for (let i: usize = 0; i < bytes; i += 64) {
    const a = part(row + i, centroid + i, f, 0), b = part(row + i, centroid + i, f, 16)
    const c = part(row + i, centroid + i, f, 32), d = part(row + i, centroid + i, f, 48)
    sum = f32x4.add(sum, sumOf(f32x4.mul(a, a), f32x4.mul(b, b), f32x4.mul(c, c), f32x4.mul(d, d)))
  }
  return sumLanes(sum)
}

function divide(row: usize, centroid: usize, bytes: usize, factor: f32, parts: usize): void {
  const f = f32x4.splat(factor)
  for (let i: usize = 0; i < bytes; i += 16) v128.store(parts + i, part(row + i, centroid + i, f, 0))
}

/** Four components of a residual, times a factor. */
// @ts-ignore: decorator
@inline
function part(row: usize, centroid: usize, factor: v128, offset: usize): v128 {
  return f32x4.mul(f32x4.sub(v128.load(row + offset), v128.load(centroid + offset)), factor)
}

// @ts-ignore: decorator
@inline
function sumOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return f32x4.add(f32x4.add(a, b), f32x4.add(c, d))
}

/** Sixteen integers as bytes. */
// @ts-ignore: decorator
@inline
function bytesOf(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d))
}

/** 1 bit: whether a component is positive. */
function takeSigns(parts: usize, width: u32, values: usize, code: usize): void {
  const zero = f32x4.splat(0)
  for (let i: u32 = 0; i < width; i += 16) {
    const positive = bytesOf(
      f32x4.gt(v128.load(parts), zero),
      f32x4.gt(v128.load(parts, 16), zero),
      f32x4.gt(v128.load(parts, 32), zero),
      f32x4.gt(v128.load(parts, 48), zero),
    )
    store<u16>(code, <u16>i8x16.bitmask(positive))
    // −1 becomes 1, and 0 becomes −1.
    v128.store(values, v128.not(i8x16.add(positive, positive)))
    parts += 64
    values += 16
    code += 2
  }
}

/** 2 and 4 bits: the level of the same sign whose thresholds hold the component's size. */
function takeLevels(e: EncodeScalar, parts: usize, values: usize, code: usize): void {
  const half = (<usize>1) << (e.bits - 1)
  const first = e.thresholds + (half << 2), last = e.thresholds + (half << 3) - 4
  const levels = v128.load(e.levels)
  const middle = i8x16.splat(<i8>half)
  const zero = f32x4.splat(0)
  for (let i: u32 = 0; i < e.width; i += 16) {
    const a = v128.load(parts), b = v128.load(parts, 16), c = v128.load(parts, 32), d = v128.load(parts, 48)
    const sa = f32x4.abs(a), sb = f32x4.abs(b), sc = f32x4.abs(c), sd = f32x4.abs(d)
    let ma = zero, mb = zero, mc = zero, md = zero
    for (let at = first; at < last; at += 4) {
      const threshold = v128.load32_splat(at)
      ma = i32x4.sub(ma, f32x4.gt(sa, threshold))
      mb = i32x4.sub(mb, f32x4.gt(sb, threshold))
      mc = i32x4.sub(mc, f32x4.gt(sc, threshold))
      md = i32x4.sub(md, f32x4.gt(sd, threshold))
    }
    // Of a negative component all bits are turned: m becomes −1 − m, so that the middle plus it counts downwards.
    const signed = bytesOf(
      v128.xor(ma, f32x4.lt(a, zero)),
      v128.xor(mb, f32x4.lt(b, zero)),
      v128.xor(mc, f32x4.lt(c, zero)),
      v128.xor(md, f32x4.lt(d, zero)),
    )
    const index = i8x16.add(signed, middle)
    v128.store(values, i8x16.swizzle(levels, index))
    const nibbles = evenBytes(v128.or(index, i16x8.shr_u(index, 8 - e.bits)))
    if (e.bits == 4) {
      v128.store64_lane(code, nibbles, 0)
      code += 8
    } else {
      v128.store32_lane(code, evenBytes(v128.or(nibbles, i16x8.shr_u(nibbles, 4))), 0)
      code += 4
    }
    parts += 64
    values += 16
  }
}

// @ts-ignore: decorator
@inline
function evenBytes(v: v128): v128 {
  return i8x16.shuffle(v, v, 0, 2, 4, 6, 8, 10, 12, 14, 0, 2, 4, 6, 8, 10, 12, 14)
}

/** 8 bits: the nearest whole number. */
function takeNearest(parts: usize, width: u32, values: usize, code: usize): void {
  for (let i: u32 = 0; i < width; i += 16) {
    const nearest = bytesOf(
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(v128.load(parts))),
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(v128.load(parts, 16))),
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(v128.load(parts, 32))),
      i32x4.trunc_sat_f32x4_s(f32x4.nearest(v128.load(parts, 48))),
    )
    v128.store(values, nearest)
    v128.store(code, nearest)
    parts += 64
    values += 16
    code += 16
  }
}

/** values: x̄ (width bytes); parts: t = r / size. Hence ‖r‖² / ⟨x̄, r⟩ is size · ‖t‖² / ⟨x̄, t⟩. */
function storeFactors(e: EncodeScalar, parts: usize, values: usize, centroid: usize, size: f64, factors: usize): void {
  let xt4 = f32x4.splat(0), xc4 = f32x4.splat(0), tt4 = f32x4.splat(0), tc4 = f32x4.splat(0)
  let xx4 = i32x4.splat(0), x4 = i32x4.splat(0)
  for (let i: u32 = 0; i < e.width; i += 16) {
    const low = v128.load8x8_s(values), high = v128.load8x8_s(values, 8)
    x4 = i32x4.add(x4, i32x4.extadd_pairwise_i16x8_s(i16x8.add(low, high)))
    xx4 = i32x4.add(xx4, i32x4.add(i32x4.dot_i16x8_s(low, low), i32x4.dot_i16x8_s(high, high)))
    const xa = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), xb = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))
    const xc = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), xd = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))
    const ta = v128.load(parts), tb = v128.load(parts, 16), tc = v128.load(parts, 32), td = v128.load(parts, 48)
    const ca = v128.load(centroid), cb = v128.load(centroid, 16), cc = v128.load(centroid, 32), cd = v128.load(centroid, 48)
    xt4 = f32x4.add(xt4, sumOf(f32x4.mul(xa, ta), f32x4.mul(xb, tb), f32x4.mul(xc, tc), f32x4.mul(xd, td)))
    xc4 = f32x4.add(xc4, sumOf(f32x4.mul(xa, ca), f32x4.mul(xb, cb), f32x4.mul(xc, cc), f32x4.mul(xd, cd)))
    tt4 = f32x4.add(tt4, sumOf(f32x4.mul(ta, ta), f32x4.mul(tb, tb), f32x4.mul(tc, tc), f32x4.mul(td, td)))
    tc4 = f32x4.add(tc4, sumOf(f32x4.mul(ta, ca), f32x4.mul(tb, cb), f32x4.mul(tc, cc), f32x4.mul(td, cd)))
    values += 16
    parts += 64
    centroid += 64
  }
  // In 64 bits, where neither products nor squares of any two 32-bit floats overflow.
  const xt: f64 = sumLanes(xt4), xc: f64 = sumLanes(xc4), tt: f64 = sumLanes(tt4), tc: f64 = sumLanes(tc4)
  const some = xt > 0
  const scale: f64 = some ? size * tt / xt : 0
  const spread: f64 = some ? max<f64>(<f64>sumInts(xx4) * tt / (xt * xt) - 1, 0) : 0
  const add = scale * xc + (e.halfNorm ? 0.5 * size * size * tt : -size * tc)
  store<f32>(factors, <f32>min<f64>(max<f64>(add, -HUGE), HUGE))
  store<f32>(factors, <f32>scale, 4)
  store<f32>(factors, <f32>(size * sqrt(tt * spread / (e.width - 1))), 8)
  if (e.bits > 1) store<f32>(factors, <f32>sumInts(x4), 12)
}

// @ts-ignore: decorator
@inline
function sumInts(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3)
}
