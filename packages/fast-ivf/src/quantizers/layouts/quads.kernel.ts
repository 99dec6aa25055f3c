import { dots1x16, dots1x16of2, dots1x16of4, dots1x32, dots1x32of2, dots1x32of4, dots2x16, dots2x8 } from '../../generated/tiles'
import { addsOf, offerSums, queryOf, Scan, Visit, visitOf } from '../../kernels/visit.kernel'
import { look } from './lanes.kernel'

const STRIP: u32 = 16 // blocks whose sums are offered at a time
// Scratch: a mask and ones (16 bytes each), the sums' first values (32 integers), then the visit's queries, then a block.
const ONES: usize = 16
const STARTS: usize = 32
const QUERIES: usize = 160
const QUERY_BYTES: usize = ASC_FEATURE_RELAXED_SIMD ? 1 : 2 // of a component, as the tiles want them

/**
 * Item: a visit. dim: components, a multiple of 4; tables: a byte q̃ of 1 … 127 per component. A slot's sum is
 * Σ x̄·q̃ − 64·Σ x̄, taken in integers. Scratch: 160 bytes, 2 · dim per query and 32 · dim (packed), then products,
 * 512 per query.
 */
export function scanQuads(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Scan>(record)
  const at = s.scratch + <usize>lane * s.scratchStride
  v128.store(at, i8x16.splat(<i8>((<u32>1 << s.bits) - 1)))
  v128.store(at, i16x8.splat(1), ONES)
  for (let item = from; item < to; item++) {
    const v = visitOf(s, item)
    if (v.from < v.to) scanCell(s, v, at, lane)
  }
}

function scanCell(s: Scan, v: Visit, at: usize, lane: u32): void {
  const adds = addsOf(s, v, lane)
  const products = at + s.packed
  const decoded = at + QUERIES + <usize>v.count * s.dim * QUERY_BYTES
  const blockBytes = (<usize>s.dim * s.bits) << 2
  const end = ((v.to - 1) >> 5) + 1
  // Never by the number of queries: what a query is compared with exactly must not depend on the others.
  const strip = min(STRIP, s.products / (v.count << 5))
  packQueries(s, v, at + QUERIES)
  for (let block = v.from >> 5; block < end; block += strip) {
    const blocks = min(strip, end - block)
    const width = (<usize>blocks) << 7
    for (let b: u32 = 0; b < blocks; b++) {
      const codes = v.codes + <usize>(block + b) * blockBytes
      prepareStarts(v, block + b, at + STARTS)
      const out = products + ((<usize>b) << 7)
      if (s.bits == 8) multiply(s, v, at, codes, out, width)
      else if (v.count == 1) multiplyPacked(s, at, codes, out)
      else {
        decode(codes, blockBytes, s.bits, v128.load(s.levels), at, decoded)
        multiply(s, v, at, decoded, out, width)
      }
    }
    const first = max(v.from, block << 5)
    const count = min(v.to, (block + blocks) << 5) - first
    const sums = products + ((<usize>(first & 31)) << 2)
    for (let i: u32 = 0; i < v.count; i++) offerSums(s, v, i, adds, sums + i * width, first, count, lane)
  }
}

/** to: pairs of queries, dim/4 × 2 × 4 components; a last one alone, dim/4 × 4. */
function packQueries(s: Scan, v: Visit, to: usize): void {
  const dim = <usize>s.dim
  for (let i: u32 = 0; i < v.count; i++) {
    const pair = i + 1 < v.count || (i & 1) == 1
    const step = (pair ? 8 : 4) * QUERY_BYTES
    const from = s.tables + <usize>queryOf(v, i) * s.tableSize
    let out = to + ((i & ~1) * dim + (pair ? (i & 1) << 2 : 0)) * QUERY_BYTES
    for (let t: usize = 0; t < dim; t += 4) {
      if (ASC_FEATURE_RELAXED_SIMD) store<u32>(out, load<u32>(from + t))
      else v128.store_lane<u64>(out, i16x8.extend_low_i8x16_u(v128.load32_zero(from + t)), 0)
      out += step
    }
  }
}

/** −64 · Σ x̄ of each slot of the block. */
function prepareStarts(v: Visit, block: u32, to: usize): void {
  const sums = v.factors + (((<usize>v.stride) * 3 + ((<usize>block) << 5)) << 2)
  for (let i: usize = 0; i < 128; i += 16) {
    v128.store(to + i, i32x4.neg(i32x4.shl(i32x4.trunc_sat_f32x4_s(v128.load(sums + i)), 6)))
  }
}

/** to: dim/4 × 32 slots × 4 components of 8 bits. */
function decode(codes: usize, bytes: usize, bits: u32, levels: v128, mask: usize, to: usize): void {
  const m = v128.load(mask)
  const end = codes + bytes
  if (bits == 4) {
    for (; codes < end; codes += 16) {
      const c = v128.load(codes)
      v128.store(to, look(levels, v128.and(c, m)))
      v128.store(to, look(levels, v128.and(i16x8.shr_u(c, 4), m)), 16)
      to += 32
    }
    return
  }
  for (; codes < end; codes += 16) {
    const c = v128.load(codes)
    v128.store(to, look(levels, v128.and(c, m)))
    v128.store(to, look(levels, v128.and(i16x8.shr_u(c, 2), m)), 16)
    v128.store(to, look(levels, v128.and(i16x8.shr_u(c, 4), m)), 32)
    v128.store(to, look(levels, v128.and(i16x8.shr_u(c, 6), m)), 48)
    to += 64
  }
}

/** out: the sums of all queries with the block's 32 slots, rows `width` bytes apart. */
function multiply(s: Scan, v: Visit, at: usize, x: usize, out: usize, width: usize): void {
  const quads = s.dim >> 2
  const ones = at + ONES, starts = at + STARTS
  const step = (<usize>s.dim * QUERY_BYTES) << 1
  let q = at + QUERIES
  let i: u32 = 0
  for (; i + 2 <= v.count; i += 2) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      for (let j: usize = 0; j < 128; j += 64) dots2x16(x + j, q, quads, starts + j, ones, out + j, width)
    } else {
      for (let j: usize = 0; j < 128; j += 32) dots2x8(x + j, q, quads, starts + j, out + j, width)
    }
    q += step
    out += width << 1
  }
  if (i == v.count) return
  if (ASC_FEATURE_RELAXED_SIMD) dots1x32(x, q, quads, starts, ones, out, width)
  else for (let j: usize = 0; j < 128; j += 64) dots1x16(x + j, q, quads, starts + j, out + j, width)
}

/** out: the sums of a single query, whose codes are decoded on the way. */
function multiplyPacked(s: Scan, at: usize, x: usize, out: usize): void {
  const quads = s.dim >> 2
  const q = at + QUERIES, ones = at + ONES, starts = at + STARTS
  const levels = v128.load(s.levels)
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (s.bits == 4) dots1x32of4(x, q, quads, starts, ones, at, levels, out, 0)
    else dots1x32of2(x, q, quads, starts, ones, at, levels, out, 0)
  } else if (s.bits == 4) {
    dots1x16of4(x, q, quads, starts, at, levels, out, 0)
    dots1x16of4(x + 32, q, quads, starts + 64, at, levels, out + 64, 0)
  } else {
    dots1x16of2(x, q, quads, starts, at, levels, out, 0)
    dots1x16of2(x + 16, q, quads, starts + 64, at, levels, out + 64, 0)
  }
}
