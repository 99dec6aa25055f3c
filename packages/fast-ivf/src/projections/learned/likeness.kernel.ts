import { dot, normalizeRow, packPanel } from '../../kernels/rows.kernel'
import { exp4, maxLane, sumLanes } from '../../kernels/simd'
import { pack, strip } from '../../kernels/strip.kernel'
import { placeColumns } from './batch.kernel'

/** Rows of a batch, and what a projection makes of them. Widths are multiples of 16, count is one of 16. */
@unmanaged
export class Pairs {
  rows: usize // count × dim
  panels: usize // the rows in panels, dim × 8 each
  dim: u32
  count: u32
  block: u32 // rows per item, a multiple of 8
  group: u32 // rows per tile
  weights: usize // the projection's rows in panels, dim × 8 each
  width: u32
  unit: u32 // 1: what it makes is divided by its norm
  squared: u32 // 1: likeness is −½‖x − y‖², else ⟨x, y⟩
  sharpness: f32 // what likeness is multiplied by in exponents
  made: usize // out: count × width
  madePanels: usize // out: the same rows in panels, width × 8 each
  madeColumns: usize // out: their columns in panels, count × 8 each
  lengths: usize // out: per row the norm it had, ½‖row‖², ½‖made row‖², as Length says
  before: usize // out: count × count likenesses of the rows
  after: usize // out: count × count likenesses of what is made of them
  shares: usize // out: per row what its likenesses sum up to, as Share says
  delta: usize // out: count × width: how the loss changes with weights · row
  scratch: usize // per lane: block × max(dim, width, count) packed rows, block × count
  scratchStride: u32
}

@unmanaged
export class Length {
  norm: f32
  before: f32
  after: f32
}

/** The greatest likeness of a row to another, and Σ exp(sharpness · (likeness − greatest)); both before and after. */
@unmanaged
export class Share {
  most: f32
  sum: f32
  mostAfter: f32
  sumAfter: f32
  gap: f32 // Σ p · (before − after), p: the share of each other row in the sum before
}

/** Item: a block of rows, projected. */
export function embedRows(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Pairs>(record)
  const dim = p.dim, width = p.width
  const packed = p.scratch + <usize>lane * p.scratchStride
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, p.count - first)
    const rows = p.rows + ((<usize>first * dim) << 2)
    const made = p.made + ((<usize>first * width) << 2)
    pack(rows, 0, count, p.group, dim, packed)
    strip(packed, count, p.group, p.weights, width >> 3, dim, made)
    for (let i: u32 = 0; i < count; i++) {
      const row = made + ((<usize>i * width) << 2)
      const own = rows + ((<usize>i * dim) << 2)
      const length = lengthOf(p, first + i)
      const norm = dot(row, row, width)
      length.norm = p.unit ? sqrt(norm) : 1
      // What has left the numbers stays so, so that the loss tells.
      if (p.unit && norm < Infinity) normalizeRow(row, width, norm)
      length.before = dot(own, own, dim) * 0.5
      length.after = dot(row, row, width) * 0.5
      placeColumns(row, width, first + i, p.count, p.madeColumns)
      if ((i & 7) == 7) packPanel(row - ((<usize>width * 7) << 2), width, p.madePanels + ((<usize>((first + i) >> 3) * width) << 5))
    }
  }
}

/** Item: a block of rows, each compared with all, before and after. */
export function comparePairs(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Pairs>(record)
  const dim = p.dim, width = p.width, all = p.count
  const packed = p.scratch + <usize>lane * p.scratchStride
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, all - first)
    const before = p.before + ((<usize>first * all) << 2)
    const after = p.after + ((<usize>first * all) << 2)
    pack(p.rows + ((<usize>first * dim) << 2), 0, count, p.group, dim, packed)
    strip(packed, count, p.group, p.panels, all >> 3, dim, before)
    pack(p.made + ((<usize>first * width) << 2), 0, count, p.group, width, packed)
    strip(packed, count, p.group, p.madePanels, all >> 3, width, after)
    for (let i: u32 = 0; i < count; i++) share(p, first + i, before + ((<usize>i * all) << 2), after + ((<usize>i * all) << 2))
  }
}

/** Item: a block of rows: how the loss changes with what is made of them, and with their products with the weights. */
export function matchPairs(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Pairs>(record)
  const width = p.width, all = p.count
  const packed = p.scratch + <usize>lane * p.scratchStride
  const pulls = packed + ((<usize>p.block * max(max(p.dim, width), all)) << 2)
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, all - first)
    for (let i: u32 = 0; i < count; i++) pull(p, first + i, pulls + ((<usize>i * all) << 2))
    pack(pulls, 0, count, p.group, all, packed)
    const delta = p.delta + ((<usize>first * width) << 2)
    strip(packed, count, p.group, p.madeColumns, width >> 3, all, delta)
    for (let i: u32 = 0; i < count; i++) {
      const at = (<usize>(first + i) * width) << 2
      throughNorm(p, first + i, p.made + at, p.delta + at)
    }
  }
}

/** Products become likenesses, the row's own a very low one; their sums are stored. */
function share(p: Pairs, row: u32, before: usize, after: usize): void {
  const bytes = (<usize>p.count) << 2
  if (p.squared) {
    const length = lengthOf(p, row)
    for (let at: usize = 0, j: u32 = 0; at < bytes; at += 16, j += 4) {
      v128.store(before + at, f32x4.sub(f32x4.sub(v128.load(before + at), f32x4.splat(length.before)), halves(p, j, offsetof<Length>('before'))))
      v128.store(after + at, f32x4.sub(f32x4.sub(v128.load(after + at), f32x4.splat(length.after)), halves(p, j, offsetof<Length>('after'))))
    }
  }
  // No row is its own neighbour.
  store<f32>(before + ((<usize>row) << 2), -f32.MAX_VALUE)
  store<f32>(after + ((<usize>row) << 2), -f32.MAX_VALUE)
  let high = f32x4.splat(-Infinity), highAfter = high
  for (let at: usize = 0; at < bytes; at += 16) {
    high = f32x4.max(high, v128.load(before + at))
    highAfter = f32x4.max(highAfter, v128.load(after + at))
  }
  const sharpness = f32x4.splat(p.sharpness)
  const most = f32x4.splat(maxLane(high)), mostAfter = f32x4.splat(maxLane(highAfter))
  let sum = f32x4.splat(0), sumAfter = sum, gap = sum
  for (let at: usize = 0; at < bytes; at += 16) {
    const x = v128.load(before + at), y = v128.load(after + at)
    const e = near(x, most, sharpness)
    sum = f32x4.add(sum, e)
    sumAfter = f32x4.add(sumAfter, near(y, mostAfter, sharpness))
    gap = f32x4.add(gap, f32x4.mul(e, f32x4.sub(x, y)))
  }
  const s = shareOf(p, row)
  s.most = f32x4.extract_lane(most, 0)
  s.sum = sumLanes(sum)
  s.mostAfter = f32x4.extract_lane(mostAfter, 0)
  s.sumAfter = sumLanes(sumAfter)
  s.gap = sumLanes(gap) / s.sum
}

/**
 * pulls: by how much each row's share is too large after, seen from this row and from the other; the row's own place
 * holds what squares ask for.
 */
function pull(p: Pairs, row: u32, pulls: usize): void {
  const own = shareOf(p, row)
  const most = f32x4.splat(own.most), mostAfter = f32x4.splat(own.mostAfter)
  const part = f32x4.splat(1 / own.sum), partAfter = f32x4.splat(1 / own.sumAfter)
  const sharpness = f32x4.splat(p.sharpness)
  const before = p.before + ((<usize>row * p.count) << 2), after = p.after + ((<usize>row * p.count) << 2)
  let sums = f32x4.splat(0)
  for (let j: u32 = 0; j < p.count; j += 4) {
    const at = (<usize>j) << 2
    const x = v128.load(before + at), y = v128.load(after + at)
    const was = f32x4.add(f32x4.mul(near(x, most, sharpness), part), f32x4.div(near(x, fours(p, j, offsetof<Share>('most')), sharpness), fours(p, j, offsetof<Share>('sum'))))
    const is = f32x4.add(f32x4.mul(near(y, mostAfter, sharpness), partAfter), f32x4.div(near(y, fours(p, j, offsetof<Share>('mostAfter')), sharpness), fours(p, j, offsetof<Share>('sumAfter'))))
    const gap = f32x4.sub(is, was)
    sums = f32x4.add(sums, gap)
    v128.store(pulls + at, gap)
  }
  store<f32>(pulls + ((<usize>row) << 2), p.squared ? -sumLanes(sums) : 0)
}

/** exp(sharpness · (x − most)); of a pair one row may round to a little more than the other's greatest. */
// @ts-ignore: decorator
@inline
function near(x: v128, most: v128, sharpness: v128): v128 {
  return exp4(f32x4.mul(f32x4.min(f32x4.sub(x, most), f32x4.splat(0)), sharpness))
}

// @ts-ignore: decorator
@inline
function lengthOf(p: Pairs, row: u32): Length {
  return changetype<Length>(p.lengths + <usize>row * offsetof<Length>())
}

// @ts-ignore: decorator
@inline
function shareOf(p: Pairs, row: u32): Share {
  return changetype<Share>(p.shares + <usize>row * offsetof<Share>())
}

/** A field of four rows' lengths. */
// @ts-ignore: decorator
@inline
function halves(p: Pairs, row: u32, field: usize): v128 {
  return gather(p.lengths + <usize>row * offsetof<Length>() + field, offsetof<Length>())
}

/** A field of four rows' shares. */
// @ts-ignore: decorator
@inline
function fours(p: Pairs, row: u32, field: usize): v128 {
  return gather(p.shares + <usize>row * offsetof<Share>() + field, offsetof<Share>())
}

// @ts-ignore: decorator
@inline
function gather(at: usize, stride: usize): v128 {
  return f32x4(load<f32>(at), load<f32>(at + stride), load<f32>(at + stride * 2), load<f32>(at + stride * 3))
}

/** The change with the normalized row becomes that with the row before; the loss is the mean over rows. */
function throughNorm(p: Pairs, row: u32, made: usize, delta: usize): void {
  const width = p.width
  const along = f32x4.splat(p.unit ? dot(delta, made, width) : 0)
  const norm = lengthOf(p, row).norm
  const factor = f32x4.splat(norm > 0 ? p.sharpness / (norm * <f32>p.count) : 0)
  for (let i: usize = 0; i < (<usize>width) << 2; i += 16) {
    const across = f32x4.sub(v128.load(delta + i), f32x4.mul(along, v128.load(made + i)))
    v128.store(delta + i, f32x4.mul(across, factor))
  }
}
