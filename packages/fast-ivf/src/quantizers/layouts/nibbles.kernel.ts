import { sums1, sums2, sums4 } from '../../generated/tiles'
import { addsOf, offerSums, queryOf, Scan, Visit, visitOf } from '../../kernels/visit.kernel'

const RUN_BYTES: usize = 128 << 10 // codes that stay in the second-level cache while all queries pass over them
const PASS: u32 = ASC_FEATURE_RELAXED_SIMD ? 4 : 2 // queries per pass; with the slower swizzle four are slower than two

/**
 * Item: a visit. dim: groups; tables: 16 bytes of 0 … 63 per group. A slot's sum is that of the entries which its
 * nibbles name. Scratch: 16 bytes (packed), then products, 128 at least.
 */
export function scanNibbles(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Scan>(record)
  const mask = s.scratch + <usize>lane * s.scratchStride
  store<u64>(mask, 0x0f0f0f0f0f0f0f0f)
  store<u64>(mask, 0x0f0f0f0f0f0f0f0f, 8)
  for (let item = from; item < to; item++) {
    const v = visitOf(s, item)
    if (v.from < v.to) scanCell(s, v, mask, mask + s.packed, lane)
  }
}

/** Runs of blocks outside, so that codes come from memory once; then queries, then blocks, so that tables stay near. */
function scanCell(s: Scan, v: Visit, mask: usize, products: usize, lane: u32): void {
  const adds = addsOf(s, v, lane)
  const blockBytes = (<usize>s.dim) << 4
  const end = ((v.to - 1) >> 5) + 1
  // Never by the number of queries: what a query is compared with exactly must not depend on the others.
  const run = min(s.products >> 7, <u32>max<usize>(4, RUN_BYTES / blockBytes))
  for (let block = v.from >> 5; block < end; block += run) {
    const blocks = min(run, end - block)
    const width = (<usize>blocks) << 7
    const first = max(v.from, block << 5)
    const count = min(v.to, (block + blocks) << 5) - first
    const at = products + ((<usize>(first & 31)) << 2)
    let i: u32 = 0
    while (i < v.count) {
      const queries = sum(s, v, i, v.codes + <usize>block * blockBytes, blocks, mask, products)
      for (let q: u32 = 0; q < queries; q++) offerSums(s, v, i + q, adds, at + q * width, first, count, lane)
      i += queries
    }
  }
}

/** The sums of some queries of the visit, from the i-th on, with these blocks; returns how many queries. */
function sum(s: Scan, v: Visit, i: u32, codes: usize, blocks: u32, mask: usize, out: usize): u32 {
  const groups = s.dim
  const step = (<usize>groups) << 4
  const width = (<usize>blocks) << 7
  const end = out + width
  const left = v.count - i
  const a = tableOf(s, v, i)
  if (left == 1) {
    for (; out < end; out += 128) {
      sums1(codes, groups, a, mask, out, width)
      codes += step
    }
    return 1
  }
  const b = tableOf(s, v, i + 1)
  if (PASS == 2 || left < 4) {
    for (; out < end; out += 128) {
      sums2(codes, groups, a, b, mask, out, width)
      codes += step
    }
    return 2
  }
  const c = tableOf(s, v, i + 2), d = tableOf(s, v, i + 3)
  for (; out < end; out += 128) {
    sums4(codes, groups, a, b, c, d, mask, out, width)
    codes += step
  }
  return 4
}

// @ts-ignore: decorator
@inline
function tableOf(s: Scan, v: Visit, i: u32): usize {
  return s.tables + <usize>queryOf(v, i) * s.tableSize
}
