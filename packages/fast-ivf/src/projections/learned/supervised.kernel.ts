import { pack, strip } from '../../kernels/strip.kernel'
import { exp4, maxLane, sumLanes } from '../../kernels/simd'
import { placeColumns } from './batch.kernel'

/** Rows of a batch through two dense layers, and back. Widths are multiples of 16; beyond `classes` all is zero. */
@unmanaged
export class Network {
  rows: usize // count × dim
  dim: u32
  count: u32
  block: u32 // rows per item, a multiple of 4
  group: u32 // rows per tile
  labels: usize // count
  weights1: usize // the first layer's rows in panels, dim × 8 each
  bias1: usize // width
  width: u32
  weights2: usize // the second layer's rows in panels, width × 8 each
  columns2: usize // its columns in panels, outputs × 8 each
  bias2: usize // outputs
  outputs: u32
  classes: u32
  smoothing: f32
  hidden: usize // out: the columns of what the second layer takes in panels, count × 8 each
  delta1: usize // out: count (a multiple of 4) × width
  delta2: usize // out: count (a multiple of 4) × outputs
  losses: usize // out: count × 2: the loss is the logarithm of the first less the second
  ranks: usize // out: count: how many classes are thought likelier than the right one
  scratch: usize // per lane: block × max(dim, width, outputs) packed rows, block × width
  scratchStride: u32
}

/** Item: a block of rows. */
export function classifyRows(record: usize, from: u32, to: u32, lane: u32): void {
  const n = changetype<Network>(record)
  const dim = n.dim, width = n.width, outputs = n.outputs
  const packed = n.scratch + <usize>lane * n.scratchStride
  const hidden = packed + ((<usize>n.block * max(max(dim, width), outputs)) << 2)
  for (let item = from; item < to; item++) {
    const first = item * n.block
    const count = min(n.block, n.count - first)
    const rows = (count + n.group - 1) / n.group * n.group
    const delta1 = n.delta1 + ((<usize>first * width) << 2)
    const delta2 = n.delta2 + ((<usize>first * outputs) << 2)
    pack(n.rows + ((<usize>first * dim) << 2), 0, count, n.group, dim, packed)
    strip(packed, rows, n.group, n.weights1, width >> 3, dim, hidden)
    for (let i: u32 = 0; i < count; i++) {
      const row = hidden + ((<usize>i * width) << 2)
      rectify(row, n.bias1, width)
      placeColumns(row, width, first + i, n.count, n.hidden)
    }
    pack(hidden, 0, count, n.group, width, packed)
    strip(packed, rows, n.group, n.weights2, outputs >> 3, width, delta2)
    for (let i: u32 = 0; i < count; i++) judge(n, first + i, delta2 + ((<usize>i * outputs) << 2))
    pack(delta2, 0, count, n.group, outputs, packed)
    strip(packed, rows, n.group, n.columns2, width >> 3, outputs, delta1)
    for (let i: u32 = 0; i < count; i++) {
      const at = (<usize>i * width) << 2
      passBack(delta1 + at, hidden + at, width)
    }
  }
}

/** row = max(0, row + bias) */
function rectify(row: usize, bias: usize, width: u32): void {
  for (let i: usize = 0; i < (<usize>width) << 2; i += 16) {
    v128.store(row + i, f32x4.pmax(f32x4.splat(0), f32x4.add(v128.load(row + i), v128.load(bias + i))))
  }
}

/** What is positive in `hidden` changes with what it gave; the rest does not. */
function passBack(delta: usize, hidden: usize, width: u32): void {
  for (let i: usize = 0; i < (<usize>width) << 2; i += 16) {
    v128.store(delta + i, v128.and(v128.load(delta + i), f32x4.gt(v128.load(hidden + i), f32x4.splat(0))))
  }
}

/** The row's products become the change of the loss, smoothed cross-entropy, with them; the loss and the rank are stored. */
function judge(n: Network, i: u32, row: usize): void {
  const outputs = n.outputs
  const bytes = (<usize>outputs) << 2, classes = (<usize>n.classes) << 2
  const label = load<u32>(n.labels + ((<usize>i) << 2))
  let sums = f32x4.splat(0)
  for (let at: usize = 0; at < bytes; at += 16) {
    const z = f32x4.add(v128.load(row + at), v128.load(n.bias2 + at))
    v128.store(row + at, z)
    sums = f32x4.add(sums, z)
  }
  // Nothing is likely beyond the last class.
  for (let at = classes; at < bytes; at += 4) store<f32>(row + at, -Infinity)
  const right = load<f32>(row + ((<usize>label) << 2))
  let high = f32x4.splat(-Infinity), likelier = i32x4.splat(0)
  for (let at: usize = 0; at < bytes; at += 16) {
    const z = v128.load(row + at)
    high = f32x4.pmax(high, z)
    likelier = i32x4.sub(likelier, f32x4.gt(z, f32x4.splat(right)))
  }
  store<u32>(n.ranks + ((<usize>i) << 2), i32x4.extract_lane(likelier, 0) + i32x4.extract_lane(likelier, 1) + i32x4.extract_lane(likelier, 2) + i32x4.extract_lane(likelier, 3))
  const top = maxLane(high)
  const peak = f32x4.splat(top)
  let sum = f32x4.splat(0)
  for (let at: usize = 0; at < bytes; at += 16) {
    const e = exp4(f32x4.sub(v128.load(row + at), peak))
    sum = f32x4.add(sum, e)
    v128.store(row + at, e)
  }
  const partition = sumLanes(sum)
  const each = n.smoothing / <f32>n.classes
  const losses = n.losses + ((<usize>i) << 3)
  store<f32>(losses, partition)
  store<f32>(losses, (1 - n.smoothing) * (right - top) + each * (sumLanes(sums) - <f32>n.classes * top), 4)
  const share: f32 = 1 / <f32>n.count
  const factor = f32x4.splat(share / partition), expected = f32x4.splat(each * share)
  for (let at: usize = 0; at < bytes; at += 16) v128.store(row + at, f32x4.sub(f32x4.mul(v128.load(row + at), factor), expected))
  const at = row + ((<usize>label) << 2)
  store<f32>(at, load<f32>(at) - (1 - n.smoothing) * share)
  memory.fill(row + classes, 0, bytes - classes)
}
