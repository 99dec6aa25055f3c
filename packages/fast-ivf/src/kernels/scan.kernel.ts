import { pack, strip } from './strip.kernel'
import { clearHeap, heapify, offer, push, sortHeap } from './topk.kernel'

/** One cell and the queries that visit it. */
@unmanaged
export class Visit {
  panels: usize // the cell's first panel
  bias: usize // of that panel's first slot
  slot: u32 // that slot
  npanels: u32 // even
  from: u32 // the cell's slots, counted from that slot
  to: u32
  queries: usize // count query numbers
  count: u32
}

@unmanaged
export class Scan {
  visits: usize // Visit records, one per item
  queries: usize // nq × dim, row-major
  dim: u32
  group: u32 // rows per tile: 2 or 4
  k: u32
  heaps: usize // per lane: nq heaps of 2k
  heapStride: u32
  scratch: usize // per lane: queries of one visit × dim packed, then `products` floats
  scratchStride: u32
  products: u32
  packed: u32 // bytes of the packed part
}

/** Item: a visit. Products of the cell's vectors with its queries, offered to the queries' heaps. */
export function scanVisits(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Scan>(record)
  const dim = s.dim, k = s.k
  const packed = s.scratch + <usize>lane * s.scratchStride
  const products = packed + s.packed
  const heaps = s.heaps + <usize>lane * s.heapStride
  for (let item = from; item < to; item++) {
    const v = changetype<Visit>(s.visits + <usize>item * offsetof<Visit>())
    const group = v.count == 1 ? 1 : s.group
    const rows = (v.count + group - 1) / group * group
    pack(s.queries, v.queries, v.count, group, dim, packed)
    const step = max<u32>(2, min(v.npanels, s.products / (rows << 3)) & ~1)
    for (let panel: u32 = 0; panel < v.npanels; panel += step) {
      const panels = min(step, v.npanels - panel)
      strip(packed, rows, group, v.panels + ((<usize>panel * dim) << 5), panels, dim, products)
      const low = panel << 3
      const first = max(v.from, low)
      const last = min(v.to, low + (panels << 3))
      if (first >= last) continue
      const at = products + ((<usize>(first - low)) << 2)
      const bias = v.bias + ((<usize>first) << 2)
      for (let i: u32 = 0; i < v.count; i++) {
        const query = load<u32>(v.queries + ((<usize>i) << 2))
        offer(at + ((<usize>i * panels) << 5), bias, last - first, v.slot + first, heaps + ((<usize>query * k) << 3), k)
      }
    }
  }
}

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
  panels: usize
  ids: usize
}

@unmanaged
export class Finish {
  heaps: usize // per lane: nq heaps of 2k; lane 0 becomes the answer: sorted, slots replaced by ids
  heapStride: u32
  lanes: u32
  k: u32
  dim: u32
  spans: usize // nspans Span records, in the order of their slots
  nspans: u32 // 0: slots are ids, distances stay
  queries: usize // nq × dim
  squared: u32 // 1: distances become Σ(x − q)², computed anew without cancellation
}

/** Item: a query. Merges the lanes' heaps, refines, replaces slots by ids, sorts nearest first. */
export function finishQueries(record: usize, from: u32, to: u32, lane: u32): void {
  const f = changetype<Finish>(record)
  const k = f.k
  const slotsAt = (<usize>k) << 2
  for (let item = from; item < to; item++) {
    const heap = f.heaps + ((<usize>item * k) << 3)
    for (let l: u32 = 1; l < f.lanes; l++) {
      const other = heap + <usize>l * f.heapStride
      for (let i: usize = 0; i < slotsAt; i += 4) push(load<f32>(other + i), load<u32>(other + slotsAt + i), heap, k)
    }
    const query = f.queries + ((<usize>item * f.dim) << 2)
    for (let i: usize = 0; i < slotsAt; i += 4) {
      if (!(load<f32>(heap + i) < Infinity)) continue
      const slot = load<u32>(heap + slotsAt + i)
      if (!f.nspans) continue
      const span = spanOf(f, slot)
      const own = slot - span.slot
      if (f.squared) store<f32>(heap + i, squaredDistance(query, span.panels, own, f.dim))
      store<u32>(heap + slotsAt + i, load<u32>(span.ids + ((<usize>own) << 2)))
    }
    heapify(heap, k)
    sortHeap(heap, k)
  }
}

function spanOf(f: Finish, slot: u32): Span {
  let i = f.nspans - 1
  while (i > 0 && changetype<Span>(f.spans + <usize>i * offsetof<Span>()).slot > slot) i--
  return changetype<Span>(f.spans + <usize>i * offsetof<Span>())
}

function squaredDistance(query: usize, panels: usize, slot: u32, dim: u32): f32 {
  let at = panels + ((<usize>(slot >> 3) * dim) << 5) + ((<usize>(slot & 7)) << 2)
  let sum: f32 = 0
  for (let i: u32 = 0; i < dim; i++) {
    const gap = load<f32>(at) - load<f32>(query + ((<usize>i) << 2))
    sum += gap * gap
    at += 32
  }
  return sum
}
