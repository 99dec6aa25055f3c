import { clearList, collect, listBytes, takeList } from './select.kernel'
import { pack, strip } from './strip.kernel'
import { clearHeap, offer, sortHeap } from './topk.kernel'

/** Rows compared with all centroids. */
@unmanaged
export class Assign {
  rows: usize // count × dim, row-major
  indices: usize // count: which rows of `rows`, or 0: all in order
  dim: u32
  count: u32
  block: u32 // rows per item, a multiple of 4
  group: u32 // rows per tile: 2 or 4
  panels: usize // centroids, in panels of 8, their number even
  npanels: u32
  step: u32 // panels per strip, even
  bias: usize // per centroid: half its squared norm or 0; infinite beyond the last
  labels: usize // out: count, the nearest centroid; or count × k, nearest first
  distances: usize // out: the same shape, bias − ⟨row, centroid⟩; or 0
  k: u32 // centroids wanted per row by nearestCells
  scratch: usize // per lane: block × dim packed rows, block × step · 8 products, block lists of 16 · (k + 1) bytes
  scratchStride: u32
}

/** Item: a block of rows. The nearest centroid of each; of equals the first. */
export function assignRows(record: usize, from: u32, to: u32, lane: u32): void {
  const a = changetype<Assign>(record)
  const dim = a.dim, block = a.block
  const packed = a.scratch + <usize>lane * a.scratchStride
  const products = packed + ((<usize>block * dim) << 2)
  const best = products + ((<usize>block * a.step) << 5)
  for (let item = from; item < to; item++) {
    const first = item * block
    const count = min(block, a.count - first)
    const group = packBlock(a, first, count, packed)
    for (let i: u32 = 0; i < count; i++) {
      store<f32>(best + ((<usize>i) << 3), Infinity)
      store<u32>(best + ((<usize>i) << 3), 0, 4)
    }
    const rows = roundUp(count, group)
    for (let panel: u32 = 0; panel < a.npanels; panel += a.step) {
      const panels = min(a.step, a.npanels - panel)
      strip(packed, rows, group, a.panels + ((<usize>panel * dim) << 5), panels, dim, products)
      for (let i: u32 = 0; i < count; i++) {
        nearer(products + ((<usize>i * panels) << 5), a.bias + ((<usize>panel) << 5), panels << 3, panel << 3, best + ((<usize>i) << 3))
      }
    }
    for (let i: u32 = 0; i < count; i++) {
      const at = (<usize>(first + i)) << 2
      store<u32>(a.labels + at, load<u32>(best + ((<usize>i) << 3), 4))
      if (a.distances) store<f32>(a.distances + at, load<f32>(best + ((<usize>i) << 3)))
    }
  }
}

const FEW: u32 = 24 // so many are had from a heap sooner than from a list

/** Item: a block of rows. The k nearest centroids of each, nearest first. */
export function nearestCells(record: usize, from: u32, to: u32, lane: u32): void {
  const a = changetype<Assign>(record)
  const dim = a.dim, block = a.block, k = a.k
  const packed = a.scratch + <usize>lane * a.scratchStride
  const products = packed + ((<usize>block * dim) << 2)
  const lists = products + ((<usize>block * a.step) << 5)
  for (let item = from; item < to; item++) {
    const first = item * block
    const count = min(block, a.count - first)
    const group = packBlock(a, first, count, packed)
    for (let i: u32 = 0; i < count; i++) {
      if (k < FEW) clearHeap(lists + <usize>i * listBytes(k), k)
      else clearList(lists + <usize>i * listBytes(k))
    }
    for (let panel: u32 = 0; panel < a.npanels; panel += a.step) {
      const panels = min(a.step, a.npanels - panel)
      strip(packed, roundUp(count, group), group, a.panels + ((<usize>panel * dim) << 5), panels, dim, products)
      for (let i: u32 = 0; i < count; i++) {
        const sums = products + ((<usize>i * panels) << 5), bias = a.bias + ((<usize>panel) << 5)
        const list = lists + <usize>i * listBytes(k)
        if (k < FEW) offer(sums, bias, panels << 3, panel << 3, list, k)
        else collect(sums, bias, panels << 3, panel << 3, list, k)
      }
    }
    for (let i: u32 = 0; i < count; i++) {
      const at = (<usize>(first + i) * k) << 2
      const list = lists + <usize>i * listBytes(k)
      if (k < FEW) {
        sortHeap(list, k)
        memory.copy(a.distances + at, list, (<usize>k) << 2)
        memory.copy(a.labels + at, list + ((<usize>k) << 2), (<usize>k) << 2)
      } else takeList(list, k, a.distances + at, a.labels + at)
    }
  }
}

@unmanaged
export class Products {
  rows: usize // count × dim, row-major
  dim: u32
  count: u32
  block: u32 // rows per item, a multiple of 4
  group: u32
  panels: usize
  npanels: u32 // even
  width: u32 // columns wanted, at most npanels · 8
  out: usize // count × width
  scratch: usize // per lane: block × dim packed rows, block × npanels · 8 products
  scratchStride: u32
}

/** Item: a block of rows. All inner products of the rows with the panels' vectors. */
export function products(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Products>(record)
  const packed = p.scratch + <usize>lane * p.scratchStride
  const block = packed + ((<usize>p.block * p.dim) << 2)
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, p.count - first)
    pack(p.rows + ((<usize>first * p.dim) << 2), 0, count, p.group, p.dim, packed)
    strip(packed, roundUp(count, p.group), p.group, p.panels, p.npanels, p.dim, block)
    for (let i: u32 = 0; i < count; i++) {
      memory.copy(p.out + ((<usize>(first + i) * p.width) << 2), block + ((<usize>i * p.npanels) << 5), (<usize>p.width) << 2)
    }
  }
}

/** Packs rows first … first + count; returns the rows per tile: a single row is not padded. */
// @ts-ignore: decorator
@inline
function packBlock(a: Assign, first: u32, count: u32, packed: usize): u32 {
  const group = count == 1 ? 1 : a.group
  if (a.indices) pack(a.rows, a.indices + ((<usize>first) << 2), count, group, a.dim, packed)
  else pack(a.rows + ((<usize>first * a.dim) << 2), 0, count, group, a.dim, packed)
  return group
}

// @ts-ignore: decorator
@inline
function roundUp(n: u32, to: u32): u32 {
  return (n + to - 1) / to * to
}

/**
 * Lowers `best` (distance, label) by `count` (a multiple of 16) more centroids. Hardly any 16 hold a nearer one, so
 * labels are looked at only when they do; of equals the first stays.
 */
function nearer(products: usize, bias: usize, count: u32, label: u32, best: usize): void {
  let d = v128.load32_splat(best)
  for (let i: u32 = 0; i < count; i += 16) {
    const c0 = f32x4.sub(v128.load(bias), v128.load(products))
    const c1 = f32x4.sub(v128.load(bias, 16), v128.load(products, 16))
    const c2 = f32x4.sub(v128.load(bias, 32), v128.load(products, 32))
    const c3 = f32x4.sub(v128.load(bias, 48), v128.load(products, 48))
    const low = f32x4.pmin(f32x4.pmin(c0, c1), f32x4.pmin(c2, c3))
    if (v128.any_true(f32x4.lt(low, d))) {
      const pair = f32x4.pmin(low, v128.shuffle<f32>(low, low, 2, 3, 0, 1))
      d = f32x4.pmin(pair, v128.shuffle<f32>(pair, pair, 1, 0, 3, 2))
      const mask = i32x4.bitmask(f32x4.eq(c0, d)) | (i32x4.bitmask(f32x4.eq(c1, d)) << 4) | (i32x4.bitmask(f32x4.eq(c2, d)) << 8) | (i32x4.bitmask(f32x4.eq(c3, d)) << 12)
      store<f32>(best, f32x4.extract_lane(d, 0))
      store<u32>(best, label + i + ctz(mask), 4)
    }
    bias += 64
    products += 64
  }
}
