import { exactDistance, homeOf, touchRow } from './originals.kernel'
import { clearHeap, push, sortHeap, sortNearest } from './topk.kernel'

@unmanaged
export class Heaps {
  heaps: usize
  k: u32
}

/** Item: a heap, emptied. */
export function clearHeaps(record: usize, from: u32, to: u32, lane: u32): void {
  const h = changetype<Heaps>(record)
  for (let i = from; i < to; i++) clearHeap(h.heaps + ((<usize>i * h.k) << 3), h.k)
}

/** Where the slots of a segment lie. */
@unmanaged
export class Span {
  slot: u32 // its first
  originals: usize
  ids: usize
  homes: usize // what is spilled: per slot of it, where those two have it; 0: at its own slot
}

const AHEAD: usize = 32 // bytes of slots: eight rows are fetched at once

/** What becomes of the distances that scanning found. */
export const ESTIMATED: u32 = 0 // they stay; squared: of the half sense ½‖x‖² − ⟨q, x⟩, which becomes Σ(x − q)²
export const EXACT: u32 = 1 // each is computed exactly
export const IN_ORDER: u32 = 2 // likewise, but the order stays that of the estimates
export const CALIBRATED: u32 = 3 // a line through some exact ones is applied to all, so the order stays
export const KNOWN: u32 = 4 // they are exact already

@unmanaged
export class Finish {
  heaps: usize // per lane: nq heaps of 2k; the first `want` of lane 0 become the answer: sorted, slots replaced by ids
  heapStride: u32
  lanes: u32
  k: u32
  want: u32 // answers, at most k
  counts: usize // out: nq: how many of the k there are
  mode: u32
  samples: u32 // CALIBRATED: about how many are computed exactly
  clip: u32 // CALIBRATED: 1: distances are kept within −1 … 1
  spans: usize // nspans Span records, in the order of their slots
  nspans: u32 // 0: slots are ids; only ESTIMATED or KNOWN
  kept: u32 // form of the originals
  queries: usize // nq × vectorDim
  vectorDim: u32
  squared: u32 // 1: distances become Σ(x − q)²; 0: −⟨q, x⟩
  norms: usize // ESTIMATED and squared: nq squared norms of the queries
}

/** Item: a query. Merges the lanes' heaps, makes distances what is wanted, replaces slots by ids, nearest first. */
export function finishQueries(record: usize, from: u32, to: u32, lane: u32): void {
  const f = changetype<Finish>(record)
  const k = f.k
  const ordered = f.mode == IN_ORDER || f.mode == CALIBRATED
  for (let item = from; item < to; item++) {
    const heap = f.heaps + ((<usize>item * k) << 3)
    const query = f.queries + ((<usize>item * f.vectorDim) << 2)
    mergeLanes(heap, f.lanes, f.heapStride, k)
    if (ordered) sortHeap(heap, k)
    if (f.mode == CALIBRATED) calibrate(f, heap, query)
    else if (f.mode == EXACT || f.mode == IN_ORDER) compareAll(heap, k, f.spans, f.nspans, f.kept, query, f.vectorDim, f.squared)
    else if (f.mode == ESTIMATED && f.squared) toSquares(heap, k, load<f32>(f.norms + ((<usize>item) << 2)))
    if (f.nspans) nameSlots(heap, k, f.spans, f.nspans)
    store<u32>(f.counts + ((<usize>item) << 2), filled(heap, k))
    if (!ordered) sortNearest(heap, k, f.want)
  }
}

@unmanaged
export class Limits {
  heaps: usize // per lane: nq heaps of 2k
  heapStride: u32
  lanes: u32
  k: u32
  limits: usize // out: per query, in the sense of estimates; infinite until k are there
  squared: u32 // 1: exact distances are Σ(x − q)², which limits are not: ½‖x‖² − ⟨q, x⟩
  norms: usize // squared: nq squared norms of the queries
}

/** Item: a query whose heaps hold exact distances: they are merged into lane 0's, and the farthest is the limit. */
export function updateLimits(record: usize, from: u32, to: u32, lane: u32): void {
  const l = changetype<Limits>(record)
  for (let item = from; item < to; item++) {
    const heap = l.heaps + ((<usize>item * l.k) << 3)
    mergeLanes(heap, l.lanes, l.heapStride, l.k)
    setLimit(l, item, load<f32>(heap))
    clearLanes(l, heap)
  }
}

function setLimit(l: Limits, item: u32, farthest: f32): void {
  const at = (<usize>item) << 2
  if (l.squared) farthest = (farthest - load<f32>(l.norms + at)) * 0.5
  store<f32>(l.limits + at, farthest)
}

function clearLanes(l: Limits, heap: usize): void {
  for (let i: u32 = 1; i < l.lanes; i++) clearHeap(heap + <usize>i * l.heapStride, l.k)
}

/** Pushes what the other lanes hold into the first one's heap. */
function mergeLanes(heap: usize, lanes: u32, stride: u32, k: u32): void {
  const slotsAt = (<usize>k) << 2
  for (let l: u32 = 1; l < lanes; l++) {
    const other = heap + <usize>l * stride
    for (let i: usize = 0; i < slotsAt; i += 4) push(load<f32>(other + i), load<u32>(other + slotsAt + i), heap, k)
  }
}

/** Makes all distances exact. */
function compareAll(heap: usize, k: u32, spans: usize, nspans: u32, kept: u32, query: usize, dim: u32, squared: u32): void {
  const slotsAt = (<usize>k) << 2
  let touched: u32 = 0
  for (let from: usize = 0; from < slotsAt; from += AHEAD) {
    const to = min(from + AHEAD, slotsAt)
    for (let i = from; kept && i < to; i += 4) {
      if (!(load<f32>(heap + i) < Infinity)) continue
      const slot = load<u32>(heap + slotsAt + i)
      const span = spanOf(spans, nspans, slot)
      touched += touchRow(kept, span.originals, homeOf(span.homes, slot - span.slot), dim)
    }
    for (let i = from; i < to; i += 4) {
      if (!(load<f32>(heap + i) < Infinity)) continue
      store<f32>(heap + i, exactOf(load<u32>(heap + slotsAt + i), spans, nspans, kept, query, dim, squared))
    }
  }
  // Never so many: what was touched must be used, or nothing would be read.
  if (touched == 0xffffffff) clearHeap(heap, k)
}

/** d = ½‖x‖² − ⟨q, x⟩ becomes Σ(x − q)²; an estimate may come out below 0. */
function toSquares(heap: usize, k: u32, norm: f32): void {
  const end = heap + ((<usize>k) << 2)
  for (let at = heap; at < end; at += 4) store<f32>(at, max<f32>(0, norm + 2 * load<f32>(at)))
}

/** The heap is sorted. The line is the least-squares one, in 64 bits, unless it falls: then only the mean is put right. */
function calibrate(f: Finish, heap: usize, query: usize): void {
  const slotsAt = (<usize>f.k) << 2
  let count: u32 = 0
  while (count < f.k && load<f32>(heap + ((<usize>count) << 2)) < Infinity) count++
  if (!count) return
  const step = max<u32>(1, count / max<u32>(1, f.samples))
  // Both are counted from the first, so that nothing cancels; half distances are doubled, so that a slope of 1 is right.
  const unit: f64 = f.squared ? 2 : 1
  const e0: f64 = load<f32>(heap), x0: f64 = exactOf(load<u32>(heap + slotsAt), f.spans, f.nspans, f.kept, query, f.vectorDim, f.squared)
  let n: f64 = 0, se: f64 = 0, sx: f64 = 0, see: f64 = 0, sex: f64 = 0
  for (let i: u32 = 0; i < count; i += step) {
    const at = heap + ((<usize>i) << 2)
    const e = (<f64>load<f32>(at) - e0) * unit
    const x = <f64>exactOf(load<u32>(at + slotsAt), f.spans, f.nspans, f.kept, query, f.vectorDim, f.squared) - x0
    n += 1
    se += e
    sx += x
    see += e * e
    sex += e * x
  }
  const slope = (n * sex - se * sx) / (n * see - se * se)
  const m: f64 = slope > 0 && slope < Infinity ? slope : 1
  const c = x0 + (sx - m * se) / n
  const low: f64 = f.squared ? 0 : f.clip ? -1 : -f32.MAX_VALUE
  const high: f64 = f.clip ? 1 : f32.MAX_VALUE
  for (let i: u32 = 0; i < count; i++) {
    const at = heap + ((<usize>i) << 2)
    store<f32>(at, <f32>min<f64>(high, max<f64>(low, c + m * ((<f64>load<f32>(at) - e0) * unit))))
  }
}

function filled(heap: usize, k: u32): u32 {
  let count: u32 = 0
  for (let i: u32 = 0; i < k; i++) count += u32(load<f32>(heap + ((<usize>i) << 2)) < Infinity)
  return count
}

function nameSlots(heap: usize, k: u32, spans: usize, nspans: u32): void {
  const slotsAt = (<usize>k) << 2
  for (let i: usize = 0; i < slotsAt; i += 4) {
    if (!(load<f32>(heap + i) < Infinity)) continue
    const slot = load<u32>(heap + slotsAt + i)
    const span = spanOf(spans, nspans, slot)
    store<u32>(heap + slotsAt + i, load<u32>(span.ids + ((<usize>homeOf(span.homes, slot - span.slot)) << 2)))
  }
}

function exactOf(slot: u32, spans: usize, nspans: u32, kept: u32, query: usize, dim: u32, squared: u32): f32 {
  const span = spanOf(spans, nspans, slot)
  return exactDistance(kept, span.originals, homeOf(span.homes, slot - span.slot), query, dim, squared)
}

function spanOf(spans: usize, nspans: u32, slot: u32): Span {
  let i = nspans - 1
  while (i > 0 && changetype<Span>(spans + <usize>i * offsetof<Span>()).slot > slot) i--
  return changetype<Span>(spans + <usize>i * offsetof<Span>())
}
