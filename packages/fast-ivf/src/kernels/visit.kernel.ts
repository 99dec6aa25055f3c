import { dropSlots } from './mask.kernel'
import { exactDistance, homeOf, touchRow } from './originals.kernel'
import { clearHeap, farther, offerDistances, push, sortHeap } from './topk.kernel'

/** One cell of a segment and the queries that visit it. */
@unmanaged
export class Visit {
  codes: usize // the segment's codes, as its quantizer lays them out
  factors: usize // per slot: add, then (Scan.nfactors > 1) scale, sigma, sum; `stride` floats each
  stride: u32
  originals: usize // the segment's vectors as they were kept, or 0
  mask: usize // a bit per slot of the segment, set where it may be an answer, and 3 bytes to spare; 0: all may
  slot: u32 // number of the segment's first slot
  from: u32 // the cell's slots in the segment
  to: u32
  queries: usize // count query numbers
  near: usize // count: each query's distance to the cell's centroid; 0 when codes are not of residuals
  share: usize // count: how much of the centroid is in the query, by which add is multiplied; 0: all of it
  apart: usize // count: ‖query − share · centroid‖; 0 when nothing is bounded
  count: u32
  homes: usize // what is spilled: per slot of it, where in the segment the vector is; 0: slots are the vectors' own
  owns: usize // likewise: the cell where it is there
}

@unmanaged
export class Scan {
  visits: usize // Visit records, one per item
  tables: usize // per query what the quantizer prepared, tableSize bytes
  tableSize: u32
  units: usize // per query a unit and an offset: ⟨query, code⟩ = unit · sum + offset; 0: sums are products
  dim: u32 // components of a code (padded), or its subvectors
  bits: u32 // of a component
  levels: usize // what a code's values stand for: 16 bytes, where the quantizer has them
  group: u32 // rows per tile of 32-bit floats: 2 or 4
  nfactors: u32
  k: u32
  heaps: usize // per lane: nq heaps of 2k
  heapStride: u32
  scratch: usize // per lane: `packed` bytes, `products` floats, a heap of `seeds`
  scratchStride: u32
  packed: u32
  products: u32
  limits: usize // per query: only what may be nearer is compared exactly; 0: estimates are offered
  epsilon: f32 // standard errors by which an estimate may be too far
  queries: usize // nq × vectorDim: the queries themselves, for exact distances
  vectorDim: u32
  kept: u32 // form of the originals
  squared: u32 // 1: exact distances are Σ(x − q)²; 0: −⟨q, x⟩
  compared: usize // per lane, 64 bytes apart: how many exact comparisons were made
  seeds: u32 // estimates that are compared to find a first limit; scratch has room for a heap of so many after products
  masked: u32 // where in the scratch of a lane the rest begins: 4 bytes per slot of the largest visit with a mask
  norms: usize // squared norms of the queries
  visited: usize // per query, visitedStride bytes from one to the next: a bit per cell that it visits; 0: nothing is spilled
  visitedStride: u32
}

const AHEAD: u32 = 8 // rows that are fetched at once

// @ts-ignore: decorator
@inline
export function visitOf(s: Scan, item: u32): Visit {
  return changetype<Visit>(s.visits + <usize>item * offsetof<Visit>())
}

/** The number of the i-th query of a visit. */
// @ts-ignore: decorator
@inline
export function queryOf(v: Visit, i: u32): u32 {
  return load<u32>(v.queries + ((<usize>i) << 2))
}

/**
 * The address of what is added to the distances of the visit's slots, from the first of them on; infinite for those
 * that may be no answers. To be asked for once per visit.
 */
export function addsOf(s: Scan, v: Visit, lane: u32): usize {
  const adds = v.factors + ((<usize>v.from) << 2)
  if (!v.mask) return adds
  const masked = s.scratch + <usize>lane * s.scratchStride + s.masked
  const count = v.to - v.from
  memory.copy(masked, adds, (<usize>count) << 2)
  dropSlots(v.mask, v.from, count, masked)
  return masked
}

/**
 * Writes `never` over what the i-th query of the visit has of `count` slots from `first`, where what is spilled is in a
 * cell of its own that the query visits, too: there it is met, and its code errs less.
 */
export function dropMet(s: Scan, v: Visit, i: u32, first: u32, count: u32, at: usize, never: f32): void {
  if (!v.owns) return
  const visited = s.visited + <usize>queryOf(v, i) * s.visitedStride
  let own = v.owns + ((<usize>first) << 2)
  // Neighbours are mostly of one cell.
  let last: u32 = 0xffffffff, met: u32 = 0
  for (const end = at + ((<usize>count) << 2); at < end; at += 4) {
    const cell = load<u32>(own)
    if (cell != last) {
      met = (load<u32>(visited + ((<usize>(cell >> 5)) << 2)) >> (cell & 31)) & 1
      last = cell
    }
    if (met) store<f32>(at, never)
    own += 4
  }
}

/**
 * Offers `count` slots from `first` (of the segment) to the i-th query of the visit. sums: one per slot, which become
 * distances: share · add + near − scale · (unit · sum + offset); `adds` is what `addsOf` told.
 */
export function offerSums(s: Scan, v: Visit, i: u32, adds: usize, sums: usize, first: u32, count: u32, lane: u32): void {
  const query = queryOf(v, i)
  const heap = s.heaps + <usize>lane * s.heapStride + ((<usize>query * s.k) << 3)
  toDistances(s, v, i, adds + ((<usize>(first - v.from)) << 2), query, sums, first, count)
  dropMet(s, v, i, first, count, sums, Infinity)
  if (!s.limits) offerDistances(sums, count, v.slot + first, heap, s.k)
  else offerBounded(s, v, i, query, sums, first, count, heap, lane)
}

function toDistances(s: Scan, v: Visit, i: u32, add: usize, query: u32, sums: usize, first: u32, count: u32): void {
  const base: f32 = v.near ? load<f32>(v.near + ((<usize>i) << 2)) : 0
  const share: f32 = v.share ? load<f32>(v.share + ((<usize>i) << 2)) : 1
  const unit: f32 = s.units ? load<f32>(s.units + ((<usize>query) << 3)) : 1
  const offset: f32 = s.units ? load<f32>(s.units + ((<usize>query) << 3), 4) : 0
  const scaled = s.nfactors > 1
  let scale = v.factors + ((<usize>v.stride + first) << 2)
  const b = f32x4.splat(base), h = f32x4.splat(share), u = f32x4.splat(unit), o = f32x4.splat(offset)
  const end = sums + ((<usize>count) << 2)
  const fours = sums + ((<usize>(count & ~3)) << 2)
  for (; sums < fours; sums += 16) {
    let p = f32x4.add(f32x4.mul(u, v128.load(sums)), o)
    if (scaled) p = f32x4.mul(p, v128.load(scale))
    v128.store(sums, f32x4.sub(f32x4.add(f32x4.mul(v128.load(add), h), b), p))
    add += 16
    scale += 16
  }
  for (; sums < end; sums += 4) {
    let p = unit * load<f32>(sums) + offset
    if (scaled) p *= load<f32>(scale)
    store<f32>(sums, load<f32>(add) * share + base - p)
    add += 4
    scale += 4
  }
}

/**
 * Compares exactly what may be nearer than the query's limit. A query without a limit gets one here: the k-th exact
 * distance of the best estimates of this row. No limit depends on what was found elsewhere at the same time, so the
 * outcome depends on no order.
 */
function offerBounded(s: Scan, v: Visit, i: u32, query: u32, distances: usize, first: u32, count: u32, heap: usize, lane: u32): void {
  const from = s.queries + ((<usize>query * s.vectorDim) << 2)
  let limit = load<f32>(s.limits + ((<usize>query) << 2))
  // The last of those that were compared already, to find a limit: none.
  let last: f32 = -Infinity, lastSlot: u32 = 0
  if (limit == Infinity) {
    const best = s.scratch + <usize>lane * s.scratchStride + s.packed + ((<usize>s.products) << 2)
    const slots = best + ((<usize>s.seeds) << 2)
    clearHeap(best, s.seeds)
    offerDistances(distances, count, first, best, s.seeds)
    sortHeap(best, s.seeds)
    let seeds: u32 = 0
    while (seeds < s.seeds && load<f32>(best + ((<usize>seeds) << 2)) < Infinity) seeds++
    if (seeds) {
      last = load<f32>(best + ((<usize>(seeds - 1)) << 2))
      lastSlot = load<u32>(slots + ((<usize>(seeds - 1)) << 2))
    }
    compareAll(s, v, from, slots, seeds, heap, best, lane)
    limit = limitOf(s, best, seeds, query)
  }
  compareAll(s, v, from, distances, listBounded(s, v, i, distances, first, count, limit, last, lastSlot), heap, 0, lane)
}

/**
 * Writes over the distances the slots of those that may be as near as the limit, but for the estimates up to the last
 * one that was compared already; returns how many.
 */
function listBounded(s: Scan, v: Visit, i: u32, distances: usize, first: u32, count: u32, limit: f32, last: f32, lastSlot: u32): u32 {
  const margin = s.epsilon * load<f32>(v.apart + ((<usize>i) << 2))
  let sigma = v.factors + ((<usize>v.stride * 2 + first) << 2)
  // What is infinitely far is never an answer, even where there is no limit.
  limit = min<f32>(limit, f32.MAX_VALUE)
  const worst = f32x4.splat(limit), m = f32x4.splat(margin)
  let out = distances
  let at = distances
  let j: u32 = 0
  for (; j + 8 <= count; j += 8) {
    const m0 = f32x4.le(f32x4.sub(v128.load(at), f32x4.mul(m, v128.load(sigma))), worst)
    const m1 = f32x4.le(f32x4.sub(v128.load(at, 16), f32x4.mul(m, v128.load(sigma, 16))), worst)
    if (v128.any_true(v128.or(m0, m1))) {
      let bits: u32 = i32x4.bitmask(m0) | (i32x4.bitmask(m1) << 4)
      while (bits) {
        const bit = ctz(bits)
        bits &= bits - 1
        const slot = first + j + bit
        if (farther(load<f32>(at + ((<usize>bit) << 2)), slot, last, lastSlot)) {
          store<u32>(out, slot)
          out += 4
        }
      }
    }
    at += 32
    sigma += 32
  }
  for (; j < count; j++) {
    if (load<f32>(at) - margin * load<f32>(sigma) <= limit && farther(load<f32>(at), first + j, last, lastSlot)) {
      store<u32>(out, first + j)
      out += 4
    }
    at += 4
    sigma += 4
  }
  return <u32>((out - distances) >> 2)
}

/** Compares the slots of a list exactly and offers them to the heap; `exact`: where their distances go, too, or 0. */
function compareAll(s: Scan, v: Visit, query: usize, slots: usize, count: u32, heap: usize, exact: usize, lane: u32): void {
  let touched: u32 = 0
  for (let from: u32 = 0; from < count; from += AHEAD) {
    const to = min(from + AHEAD, count)
    for (let j = from; j < to; j++) touched += touchRow(s.kept, v.originals, homeOf(v.homes, load<u32>(slots + ((<usize>j) << 2))), s.vectorDim)
    for (let j = from; j < to; j++) {
      const slot = load<u32>(slots + ((<usize>j) << 2))
      const d = exactDistance(s.kept, v.originals, homeOf(v.homes, slot), query, s.vectorDim, s.squared)
      if (exact) store<f32>(exact + ((<usize>j) << 2), d)
      push(d, v.slot + slot, heap, s.k)
    }
  }
  const at = s.compared + ((<usize>lane) << 6)
  store<u32>(at, load<u32>(at) + count)
  store<u32>(at, touched, 4) // what was touched must be used, or nothing would be read
}

/** The k-th of the exact distances, in the sense of estimates; infinite when there are fewer. */
function limitOf(s: Scan, exact: usize, count: u32, query: u32): f32 {
  if (count < s.k) return Infinity
  // Few are wanted of few: the k-th is found by taking the farthest away.
  for (let left = count; left > s.k; left--) {
    let far: usize = 0
    for (let j: u32 = 1; j < left; j++) if (load<f32>(exact + ((<usize>j) << 2)) > load<f32>(exact + (far << 2))) far = j
    store<f32>(exact + (far << 2), load<f32>(exact + ((<usize>(left - 1)) << 2)))
  }
  let d = load<f32>(exact)
  for (let j: u32 = 1; j < s.k; j++) d = max(d, load<f32>(exact + ((<usize>j) << 2)))
  return s.squared ? (d - load<f32>(s.norms + ((<usize>query) << 2))) * 0.5 : d
}
