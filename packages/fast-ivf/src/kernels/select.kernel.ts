import { farther } from './topk.kernel'

/**
 * A list collects candidates for the k nearest: 16 bytes (how many there are, and beyond which distance none is wanted),
 * then room for 2k of distance and slot. When it is full the k nearest stay. Appending is cheap where a heap would sift,
 * so it is faster from a few dozen on. The order is that of heaps: by distance, then by slot.
 */
export function listBytes(k: u32): usize {
  return 16 + ((<usize>k) << 4)
}

export function clearList(list: usize): void {
  store<u32>(list, 0)
  store<f32>(list, Infinity, 4)
}

/** Offers `bias − product` of `count` (a multiple of 16) consecutive slots; infinite and NaN distances are never kept. */
export function collect(products: usize, bias: usize, count: u32, slot: u32, list: usize, k: u32): void {
  let filled = load<u32>(list)
  let limit = load<f32>(list, 4)
  let worst = f32x4.splat(limit)
  const pairs = list + 16
  for (let i: u32 = 0; i < count; i += 16) {
    const d0 = f32x4.sub(v128.load(bias), v128.load(products))
    const d1 = f32x4.sub(v128.load(bias, 16), v128.load(products, 16))
    const d2 = f32x4.sub(v128.load(bias, 32), v128.load(products, 32))
    const d3 = f32x4.sub(v128.load(bias, 48), v128.load(products, 48))
    // Of what is as far as the limit, a smaller slot may be wanted: slots come in order, so none is smaller.
    let bits: u32 = i32x4.bitmask(f32x4.lt(d0, worst)) | (i32x4.bitmask(f32x4.lt(d1, worst)) << 4) | (i32x4.bitmask(f32x4.lt(d2, worst)) << 8) | (i32x4.bitmask(f32x4.lt(d3, worst)) << 12)
    while (bits) {
      const j = ctz(bits)
      bits &= bits - 1
      const at = (<usize>j) << 2
      const pair = pairs + ((<usize>filled) << 3)
      store<f32>(pair, load<f32>(bias + at) - load<f32>(products + at))
      store<u32>(pair, slot + i + j, 4)
      filled++
      if (filled == k << 1) {
        part(pairs, filled, k)
        filled = k
        limit = farthestOf(pairs, k)
        worst = f32x4.splat(limit)
        bits &= stillNear(d0, d1, d2, d3, worst)
      }
    }
    bias += 64
    products += 64
  }
  store<u32>(list, filled)
  store<f32>(list, limit, 4)
}

/** Writes the k nearest, nearest first; infinite and without a slot (all bits set) where there are fewer. */
export function takeList(list: usize, k: u32, distances: usize, slots: usize): void {
  let filled = load<u32>(list)
  const pairs = list + 16
  if (filled > k) {
    part(pairs, filled, k)
    filled = k
  }
  sortPairs(pairs, 0, filled)
  for (let i: u32 = 0; i < filled; i++) {
    store<f32>(distances + ((<usize>i) << 2), load<f32>(pairs + ((<usize>i) << 3)))
    store<u32>(slots + ((<usize>i) << 2), load<u32>(pairs + ((<usize>i) << 3), 4))
  }
  for (let i = filled; i < k; i++) {
    store<f32>(distances + ((<usize>i) << 2), Infinity)
    store<u32>(slots + ((<usize>i) << 2), 0xffffffff)
  }
}

// @ts-ignore: decorator
@inline
function stillNear(d0: v128, d1: v128, d2: v128, d3: v128, worst: v128): u32 {
  return i32x4.bitmask(f32x4.lt(d0, worst)) | (i32x4.bitmask(f32x4.lt(d1, worst)) << 4) | (i32x4.bitmask(f32x4.lt(d2, worst)) << 8) | (i32x4.bitmask(f32x4.lt(d3, worst)) << 12)
}

function farthestOf(pairs: usize, count: u32): f32 {
  let far = load<f32>(pairs)
  for (let i: u32 = 1; i < count; i++) far = max<f32>(far, load<f32>(pairs + ((<usize>i) << 3)))
  return far
}

/** Moves the `wanted` nearest of `count` to the front. */
function part(pairs: usize, count: u32, wanted: u32): void {
  let low: u32 = 0, high = count
  while (high - low > 1) {
    const middle = split(pairs, low, high)
    if (wanted <= middle) high = middle
    else low = middle
    if (low >= wanted) return
  }
}

function sortPairs(pairs: usize, from: u32, to: u32): void {
  while (to - from > 12) {
    const middle = split(pairs, from, to)
    if (middle - from < to - middle) {
      sortPairs(pairs, from, middle)
      from = middle
    } else {
      sortPairs(pairs, middle, to)
      to = middle
    }
  }
  for (let i = from + 1; i < to; i++) {
    const d = load<f32>(pairs + ((<usize>i) << 3)), slot = load<u32>(pairs + ((<usize>i) << 3), 4)
    let at = pairs + ((<usize>i) << 3)
    const first = pairs + ((<usize>from) << 3)
    for (; at > first && farther(load<f32>(at - 8), load<u32>(at - 8, 4), d, slot); at -= 8) {
      store<u64>(at, load<u64>(at - 8))
    }
    store<f32>(at, d)
    store<u32>(at, slot, 4)
  }
}

/** Parts from … to into those up to a pivot and the others (Hoare); both have at least one. */
function split(pairs: usize, from: u32, to: u32): u32 {
  const pivot = median(pairs, from, to)
  const d = load<f32>(pivot), slot = load<u32>(pivot, 4)
  let i = pairs + ((<usize>from) << 3) - 8, j = pairs + ((<usize>to) << 3)
  while (true) {
    do {
      i += 8
    } while (farther(d, slot, load<f32>(i), load<u32>(i, 4)))
    do {
      j -= 8
    } while (farther(load<f32>(j), load<u32>(j, 4), d, slot))
    if (i >= j) return <u32>((j - pairs) >> 3) + 1
    const held = load<u64>(i)
    store<u64>(i, load<u64>(j))
    store<u64>(j, held)
  }
}

/** Of the first, the middle and the last but one: never the last, so that a split leaves something on either side. */
function median(pairs: usize, from: u32, to: u32): usize {
  const a = pairs + ((<usize>from) << 3), b = pairs + ((<usize>((from + to) >> 1)) << 3), c = pairs + ((<usize>(to - 1)) << 3)
  const last = to - from > 2 ? c - 8 : a
  const ab = farther(load<f32>(a), load<u32>(a, 4), load<f32>(b), load<u32>(b, 4))
  const bc = farther(load<f32>(b), load<u32>(b, 4), load<f32>(last), load<u32>(last, 4))
  const ac = farther(load<f32>(a), load<u32>(a, 4), load<f32>(last), load<u32>(last, 4))
  const found = ab ? (bc ? b : ac ? last : a) : bc ? (ac ? a : last) : b
  return found == c ? a : found
}
