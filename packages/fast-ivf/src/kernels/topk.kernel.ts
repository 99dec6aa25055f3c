/**
 * A heap holds the k nearest so far: k distances (f32), then k slots (u32), the farthest at the root. Nearer means a
 * smaller distance, then a smaller slot: a total order, so the answer does not depend on the order of visits.
 */

// @ts-ignore: decorator
@inline
export function farther(d: f32, slot: u32, than: f32, thanSlot: u32): bool {
  return d > than || (d == than && slot > thanSlot)
}

/** Offers `bias − product` of `count` consecutive slots to one heap; infinite and NaN distances are never kept. */
export function offer(products: usize, bias: usize, count: u32, slot: u32, heap: usize, k: u32): void {
  let limit = load<f32>(heap)
  let worst = f32x4.splat(limit)
  let i: u32 = 0
  for (; i + 16 <= count; i += 16) {
    const d0 = f32x4.sub(v128.load(bias), v128.load(products))
    const d1 = f32x4.sub(v128.load(bias, 16), v128.load(products, 16))
    const d2 = f32x4.sub(v128.load(bias, 32), v128.load(products, 32))
    const d3 = f32x4.sub(v128.load(bias, 48), v128.load(products, 48))
    const m0 = f32x4.le(d0, worst), m1 = f32x4.le(d1, worst), m2 = f32x4.le(d2, worst), m3 = f32x4.le(d3, worst)
    if (v128.any_true(v128.or(v128.or(m0, m1), v128.or(m2, m3)))) {
      let bits: u32 = i32x4.bitmask(m0) | (i32x4.bitmask(m1) << 4) | (i32x4.bitmask(m2) << 8) | (i32x4.bitmask(m3) << 12)
      while (bits) {
        const j = ctz(bits)
        bits &= bits - 1
        const at = (<usize>j) << 2
        limit = push(load<f32>(bias + at) - load<f32>(products + at), slot + i + j, heap, k)
      }
      worst = f32x4.splat(limit)
    }
    bias += 64
    products += 64
  }
  for (; i < count; i++) {
    const d = load<f32>(bias) - load<f32>(products)
    if (d <= limit) limit = push(d, slot + i, heap, k)
    bias += 4
    products += 4
  }
}

/** Offers the distances of `count` consecutive slots to one heap; infinite and NaN distances are never kept. */
export function offerDistances(distances: usize, count: u32, slot: u32, heap: usize, k: u32): void {
  let limit = load<f32>(heap)
  let worst = f32x4.splat(limit)
  let i: u32 = 0
  for (; i + 16 <= count; i += 16) {
    const m0 = f32x4.le(v128.load(distances), worst), m1 = f32x4.le(v128.load(distances, 16), worst)
    const m2 = f32x4.le(v128.load(distances, 32), worst), m3 = f32x4.le(v128.load(distances, 48), worst)
    if (v128.any_true(v128.or(v128.or(m0, m1), v128.or(m2, m3)))) {
      let bits: u32 = i32x4.bitmask(m0) | (i32x4.bitmask(m1) << 4) | (i32x4.bitmask(m2) << 8) | (i32x4.bitmask(m3) << 12)
      while (bits) {
        const j = ctz(bits)
        bits &= bits - 1
        limit = push(load<f32>(distances + ((<usize>j) << 2)), slot + i + j, heap, k)
      }
      worst = f32x4.splat(limit)
    }
    distances += 64
  }
  for (; i < count; i++) {
    const d = load<f32>(distances)
    if (d <= limit) limit = push(d, slot + i, heap, k)
    distances += 4
  }
}

/** Puts (d, slot) in place of the root if it is nearer; returns the root's distance. */
export function push(d: f32, slot: u32, heap: usize, k: u32): f32 {
  const slots = heap + ((<usize>k) << 2)
  const root = load<f32>(heap)
  if (!(d < Infinity) || !farther(root, load<u32>(slots), d, slot)) return root
  sink(d, slot, 0, heap, slots, k)
  return load<f32>(heap)
}

/** Sorts the heap, nearest first; empty places (infinite) come last. */
export function sortHeap(heap: usize, k: u32): void {
  sortPart(heap, heap + ((<usize>k) << 2), k)
}

/** Of k entries in any order the `want` nearest come first, nearest first; the others follow in any order. */
export function sortNearest(heap: usize, k: u32, want: u32): void {
  const slots = heap + ((<usize>k) << 2)
  heapifyPart(heap, slots, want)
  for (let i = want; i < k; i++) {
    const at = (<usize>i) << 2
    const d = load<f32>(heap + at), slot = load<u32>(slots + at)
    const root = load<f32>(heap), rootSlot = load<u32>(slots)
    if (!farther(root, rootSlot, d, slot)) continue
    store<f32>(heap + at, root)
    store<u32>(slots + at, rootSlot)
    sink(d, slot, 0, heap, slots, want)
  }
  sortPart(heap, slots, want)
}

function sortPart(heap: usize, slots: usize, k: u32): void {
  for (let last = k - 1; last > 0; last--) {
    const at = (<usize>last) << 2
    const d = load<f32>(heap + at), slot = load<u32>(slots + at)
    store<f32>(heap + at, load<f32>(heap))
    store<u32>(slots + at, load<u32>(slots))
    sink(d, slot, 0, heap, slots, last)
  }
}

/** Makes a heap of k entries in any order. */
function heapifyPart(heap: usize, slots: usize, k: u32): void {
  for (let i = k >> 1; i > 0; i--) {
    const at = (<usize>(i - 1)) << 2
    sink(load<f32>(heap + at), load<u32>(slots + at), i - 1, heap, slots, k)
  }
}

export function clearHeap(heap: usize, k: u32): void {
  const bytes = (<usize>k) << 2
  for (let i: usize = 0; i < bytes; i += 4) store<f32>(heap + i, Infinity)
  memory.fill(heap + bytes, 255, bytes)
}

// @ts-ignore: decorator
@inline
function sink(d: f32, slot: u32, hole: u32, heap: usize, slots: usize, size: u32): void {
  while (true) {
    let child: u32 = (hole << 1) + 1
    if (child >= size) break
    let at = (<usize>child) << 2
    if (child + 1 < size && farther(load<f32>(heap + at, 4), load<u32>(slots + at, 4), load<f32>(heap + at), load<u32>(slots + at))) {
      child++
      at += 4
    }
    const cd = load<f32>(heap + at), cs = load<u32>(slots + at)
    if (!farther(cd, cs, d, slot)) break
    store<f32>(heap + ((<usize>hole) << 2), cd)
    store<u32>(slots + ((<usize>hole) << 2), cs)
    hole = child
  }
  store<f32>(heap + ((<usize>hole) << 2), d)
  store<u32>(slots + ((<usize>hole) << 2), slot)
}
