import { packPanel } from '../../kernels/rows.kernel'
import { strip } from '../../kernels/strip.kernel'
import { placeColumns } from './batch.kernel'

/** A dense layer that learns by Adam (D. Kingma, J. Ba, 2015). Widths are multiples of 16. */
@unmanaged
export class Layer {
  delta: usize // count × units: how the loss changes with what the layer gives
  count: u32 // rows of the batch
  units: u32
  inputs: usize // the columns of what it takes in panels, count × 8 each
  width: u32 // of what it takes
  block: u32 // units per item, a multiple of 8
  group: u32 // units per tile: 2 or 4
  rate: f32 // the step, put right for the moments' start at 0
  decay1: f32
  decay2: f32
  epsilon: f32
  weights: usize // units × width, and after it the moments likewise
  bias: usize // units, and after it the moments likewise; or 0
  panels: usize // out: the weights' rows in panels, width × 8 each
  columns: usize // out: the weights' columns in panels, units × 8 each; or 0
  scratch: usize // per lane: block × count packed deltas, block × width gradients
  scratchStride: u32
}

/** Item: a block of units. Their gradients, one step of Adam, and the weights in the forms that products want. */
export function updateLayer(record: usize, from: u32, to: u32, lane: u32): void {
  const l = changetype<Layer>(record)
  const width = l.width, units = l.units
  const packed = l.scratch + <usize>lane * l.scratchStride
  const gradients = packed + ((<usize>l.block * l.count) << 2)
  const bytes = (<usize>width) << 2
  const moments = bytes * units
  for (let item = from; item < to; item++) {
    const first = item * l.block
    const count = min(l.block, units - first)
    packDeltas(l.delta + ((<usize>first) << 2), l.count, units, count, l.group, packed)
    strip(packed, count, l.group, l.inputs, width >> 3, l.count, gradients)
    const row = l.weights + bytes * first
    descend(l, row, row + moments, row + moments * 2, gradients, bytes * count)
    for (let unit = first; unit < first + count; unit += 8) {
      packPanel(l.weights + bytes * unit, width, l.panels + ((<usize>(unit >> 3) * width) << 5))
    }
    if (l.columns) for (let unit = first; unit < first + count; unit++) placeUnit(l, unit)
    if (l.bias) {
      sumDeltas(l.delta + ((<usize>first) << 2), l.count, units, count, gradients)
      const at = l.bias + ((<usize>first) << 2), each = (<usize>units) << 2
      descend(l, at, at + each, at + each * 2, gradients, (<usize>count) << 2)
    }
  }
}

/** The weights as they are, in the forms that products want. Item: a block of units. */
export function placeLayer(record: usize, from: u32, to: u32, lane: u32): void {
  const l = changetype<Layer>(record)
  for (let unit = from * l.block, end = min(to * l.block, l.units); unit < end; unit++) {
    if ((unit & 7) == 0) packPanel(l.weights + ((<usize>unit * l.width) << 2), l.width, l.panels + ((<usize>(unit >> 3) * l.width) << 5))
    if (l.columns) placeUnit(l, unit)
  }
}

/** to: units/group × rows × group; a unit's deltas are a column. */
function packDeltas(delta: usize, rows: u32, stride: u32, units: u32, group: u32, to: usize): void {
  for (let unit: u32 = 0; unit < units; unit += group) {
    let at = delta + ((<usize>unit) << 2)
    for (let i: u32 = 0; i < rows; i++) {
      if (group == 4) v128.store(to, v128.load(at))
      else store<u64>(to, load<u64>(at))
      to += (<usize>group) << 2
      at += (<usize>stride) << 2
    }
  }
}

/** out: the sum of each unit's deltas. */
function sumDeltas(delta: usize, rows: u32, stride: u32, units: u32, out: usize): void {
  for (let unit: u32 = 0; unit < units; unit += 4) {
    let sum = f32x4.splat(0)
    let at = delta + ((<usize>unit) << 2)
    for (let i: u32 = 0; i < rows; i++) {
      sum = f32x4.add(sum, v128.load(at))
      at += (<usize>stride) << 2
    }
    v128.store(out + ((<usize>unit) << 2), sum)
  }
}

/** One step of Adam for so many bytes of numbers. */
// @ts-ignore: decorator
@inline
function descend(l: Layer, weights: usize, first: usize, second: usize, gradients: usize, bytes: usize): void {
  const d1 = f32x4.splat(l.decay1), d2 = f32x4.splat(l.decay2)
  const n1 = f32x4.splat(1 - l.decay1), n2 = f32x4.splat(1 - l.decay2)
  const rate = f32x4.splat(l.rate), epsilon = f32x4.splat(l.epsilon)
  for (let i: usize = 0; i < bytes; i += 16) {
    const g = v128.load(gradients + i)
    const m = f32x4.add(f32x4.mul(d1, v128.load(first + i)), f32x4.mul(n1, g))
    const v = f32x4.add(f32x4.mul(d2, v128.load(second + i)), f32x4.mul(n2, f32x4.mul(g, g)))
    v128.store(first + i, m)
    v128.store(second + i, v)
    const step = f32x4.div(f32x4.mul(rate, m), f32x4.add(f32x4.sqrt(v), epsilon))
    v128.store(weights + i, f32x4.sub(v128.load(weights + i), step))
  }
}

/** A unit's weights as components of their columns. */
// @ts-ignore: decorator
@inline
function placeUnit(l: Layer, unit: u32): void {
  placeColumns(l.weights + ((<usize>unit * l.width) << 2), l.width, unit, l.units, l.columns)
}
