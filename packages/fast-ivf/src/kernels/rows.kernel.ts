import { sumLanes } from './simd'

/** Rows × dim, row-major: what is done to vectors before they are compared. */
@unmanaged
export class Rows {
  rows: usize // count × dim
  dim: u32
  count: u32
  block: u32 // rows per item
  norms: usize // out: count squared norms, or 0
  normalize: u32 // 1: divide each row by its norm; a zero row stays zero
  bad: usize // out: the lowest row that is not finite (u32, starts as 0xffffffff), per lane 64 bytes apart
}

/** Item: a block of rows. Squared norms, normalization, and the search for NaN and Infinity, in one pass. */
export function prepareRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Rows>(record)
  const dim = r.dim
  const bad = r.bad + ((<usize>lane) << 6)
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const row = r.rows + ((<usize>i * dim) << 2)
    let norm = dot(row, row, dim)
    if (!(norm < Infinity)) {
      // Either a component is not finite or its square overflows: both are told as a bad row.
      if (i < load<u32>(bad)) store<u32>(bad, i)
      continue
    }
    if (r.normalize) {
      // Tiny rows are scaled up first, so that their squares do not vanish.
      if (norm < 1e-30) {
        scale(row, dim, 1e18)
        norm = dot(row, row, dim)
      }
      if (norm > 0) {
        scale(row, dim, 1 / sqrt(norm))
        norm = 1
      }
    }
    if (r.norms) store<f32>(r.norms + ((<usize>i) << 2), norm)
  }
}

/** ⟨a, b⟩ over dim components. */
export function dot(a: usize, b: usize, dim: u32): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0)
  let k: u32 = 0
  for (; k + 8 <= dim; k += 8) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)))
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)))
    a += 32
    b += 32
  }
  let sum = sumLanes(f32x4.add(s0, s1))
  for (; k < dim; k++) {
    sum += load<f32>(a) * load<f32>(b)
    a += 4
    b += 4
  }
  return sum
}

// @ts-ignore: decorator
@inline
function scale(row: usize, dim: u32, factor: f32): void {
  const f = f32x4.splat(factor)
  let k: u32 = 0
  for (; k + 4 <= dim; k += 4) v128.store(row + ((<usize>k) << 2), f32x4.mul(v128.load(row + ((<usize>k) << 2)), f))
  for (; k < dim; k++) store<f32>(row + ((<usize>k) << 2), load<f32>(row + ((<usize>k) << 2)) * factor)
}

@unmanaged
export class Scatter {
  rows: usize // count × dim, row-major
  dim: u32
  count: u32
  block: u32 // rows per item
  slots: usize // count: where each row goes, or 0: row i to slot first + i
  first: u32
  panels: usize // out: panels of dim × 8
  bias: usize // out: per slot, half the squared norm (halfNorm 1) or 0; infinite for a row that is never an answer
  halfNorm: u32
  dropZero: u32 // 1: a zero row is never an answer
}

/** Item: a block of rows, each written into its column of its panel. */
export function scatterRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Scatter>(record)
  const dim = r.dim
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const slot = r.slots ? load<u32>(r.slots + ((<usize>i) << 2)) : r.first + i
    const row = r.rows + ((<usize>i * dim) << 2)
    let to = r.panels + ((<usize>(slot >> 3) * dim) << 5) + ((<usize>(slot & 7)) << 2)
    for (let k: u32 = 0; k < dim; k++) {
      store<f32>(to, load<f32>(row + ((<usize>k) << 2)))
      to += 32
    }
    const norm = r.halfNorm || r.dropZero ? dot(row, row, dim) : 0
    let bias: f32 = r.halfNorm ? norm * 0.5 : 0
    if (r.dropZero && norm == 0) bias = Infinity
    store<f32>(r.bias + ((<usize>slot) << 2), bias)
  }
}

@unmanaged
export class Gather {
  panels: usize
  dim: u32
  first: u32 // slot of item 0
  block: u32 // slots per item
  count: u32
  rows: usize // out: count × dim
}

/** Item: a block of slots, read back as rows. */
export function gatherRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Gather>(record)
  const dim = r.dim
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const slot = r.first + i
    let at = r.panels + ((<usize>(slot >> 3) * dim) << 5) + ((<usize>(slot & 7)) << 2)
    const row = r.rows + ((<usize>i * dim) << 2)
    for (let k: u32 = 0; k < dim; k++) {
      store<f32>(row + ((<usize>k) << 2), load<f32>(at))
      at += 32
    }
  }
}
