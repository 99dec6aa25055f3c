import { madd, sumLanes } from './simd'

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
    if (r.normalize) norm = normalizeRow(row, dim, norm)
    if (r.norms) store<f32>(r.norms + ((<usize>i) << 2), norm)
  }
}

/** Divides a row by its norm, of which the square is known; returns the new square: 1, or 0 for a zero row. */
export function normalizeRow(row: usize, dim: u32, norm: f32): f32 {
  // Tiny rows are scaled up first, so that their squares, even those of subnormal numbers, do not vanish.
  if (norm < 1e-30) {
    scale(row, dim, 1e30)
    norm = dot(row, row, dim)
  }
  if (!(norm > 0)) return 0
  scale(row, dim, 1 / sqrt(norm))
  return 1
}

/** ⟨a, b⟩ over dim components. */
export function dot(a: usize, b: usize, dim: u32): f32 {
  let s0 = f32x4.splat(0), s1 = f32x4.splat(0), s2 = f32x4.splat(0), s3 = f32x4.splat(0)
  let k: u32 = 0
  for (; k + 16 <= dim; k += 16) {
    s0 = madd(v128.load(a), v128.load(b), s0)
    s1 = madd(v128.load(a, 16), v128.load(b, 16), s1)
    s2 = madd(v128.load(a, 32), v128.load(b, 32), s2)
    s3 = madd(v128.load(a, 48), v128.load(b, 48), s3)
    a += 64
    b += 64
  }
  let sum = sumLanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)))
  for (; k < dim; k++) {
    sum += load<f32>(a) * load<f32>(b)
    a += 4
    b += 4
  }
  return sum
}

/** to: a panel, dim × 8; the 8 rows follow each other. */
export function packPanel(rows: usize, dim: u32, to: usize): void {
  const stride = (<usize>dim) << 2
  const half = rows + stride * 4
  let k: u32 = 0
  for (; k + 4 <= dim; k += 4) {
    const at = (<usize>k) << 2
    transpose(rows + at, stride, to)
    transpose(half + at, stride, to + 16)
    to += 128
  }
  for (; k < dim; k++) {
    let at = rows + ((<usize>k) << 2)
    for (let i: usize = 0; i < 32; i += 4) {
      store<f32>(to + i, load<f32>(at))
      at += stride
    }
    to += 32
  }
}

/** Four components of four rows into four columns, 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose(row: usize, stride: usize, to: usize): void {
  const a = v128.load(row), b = v128.load(row + stride), c = v128.load(row + stride * 2), d = v128.load(row + stride * 3)
  const ab0 = v128.shuffle<f32>(a, b, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(a, b, 2, 6, 3, 7)
  const cd0 = v128.shuffle<f32>(c, d, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(c, d, 2, 6, 3, 7)
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2))
  v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 32)
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 64)
  v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 96)
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
  first: u32 // row i goes to slot first + i
  panels: usize // out: panels of dim × 8
  bias: usize // out: per slot, half the squared norm (halfNorm 1) or 0; infinite for a row that is never an answer
  halfNorm: u32
  dropZero: u32 // 1: a zero row is never an answer
}

/** Item: a block of rows, each written into its column of its panel; eight rows that fill a panel at a time. */
export function scatterRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Scatter>(record)
  const dim = r.dim
  const end = min(to * r.block, r.count)
  let i = from * r.block
  while (i < end) {
    const slot = r.first + i
    const row = r.rows + ((<usize>i * dim) << 2)
    const panel = r.panels + ((<usize>(slot >> 3) * dim) << 5)
    const whole = (slot & 7) == 0 && i + 8 <= end
    if (whole) packPanel(row, dim, panel)
    else scatterRow(row, dim, panel + ((<usize>(slot & 7)) << 2))
    const count: u32 = whole ? 8 : 1
    for (let j: u32 = 0; j < count; j++) storeBias(r, row + ((<usize>j * dim) << 2), slot + j)
    i += count
  }
}

function scatterRow(row: usize, dim: u32, to: usize): void {
  for (let k: u32 = 0; k < dim; k++) {
    store<f32>(to, load<f32>(row + ((<usize>k) << 2)))
    to += 32
  }
}

// @ts-ignore: decorator
@inline
function storeBias(r: Scatter, row: usize, slot: u32): void {
  const norm = r.halfNorm || r.dropZero ? dot(row, row, r.dim) : 0
  let bias: f32 = r.halfNorm ? norm * 0.5 : 0
  if (r.dropZero && norm == 0) bias = Infinity
  store<f32>(r.bias + ((<usize>slot) << 2), bias)
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
