import { normalizeRow, dot } from '../kernels/rows.kernel'
import { pack, strip } from '../kernels/strip.kernel'

/** Rows under an affine map. */
@unmanaged
export class Project {
  rows: usize // count × dim
  dim: u32
  count: u32
  block: u32 // rows per item, a multiple of 4
  group: u32 // rows per tile
  panels: usize // the map's rows in panels, their number even; or 0: the first components stay as they are
  npanels: u32
  width: u32 // components of what comes out
  bias: usize // width; or 0
  unit: u32 // 1: what comes out is divided by its norm
  out: usize // count × width
  norms: usize // out: count squared norms, or 0
  bad: usize // out: the lowest row of which something not finite comes (u32, starts as 0xffffffff), per lane 64 bytes apart
  scratch: usize // per lane: block × dim packed rows, block × npanels · 8 products
  scratchStride: u32
}

/** What a vector becomes of which nothing is left: not zero, which would have no cosine, but next to it. */
const SPECK: f32 = 1e-15

/** Item: a block of rows. */
export function projectRows(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Project>(record)
  const packed = p.scratch + <usize>lane * p.scratchStride
  const products = packed + ((<usize>p.block * p.dim) << 2)
  const bad = p.bad + ((<usize>lane) << 6)
  const known = (<usize>p.dim) << 2, bytes = (<usize>p.width) << 2
  for (let item = from; item < to; item++) {
    const first = item * p.block
    const count = min(p.block, p.count - first)
    const rows = p.rows + known * first
    if (p.panels) {
      const group = count == 1 ? 1 : p.group
      pack(rows, 0, count, group, p.dim, packed)
      strip(packed, (count + group - 1) / group * group, group, p.panels, p.npanels, p.dim, products)
    }
    for (let i: u32 = 0; i < count; i++) {
      const row = p.out + bytes * (first + i)
      const source = rows + known * i
      memory.copy(row, p.panels ? products + ((<usize>i * p.npanels) << 5) : source, bytes)
      if (p.bias) for (let at: usize = 0; at < bytes; at += 4) store<f32>(row + at, load<f32>(row + at) + load<f32>(p.bias + at))
      let norm = dot(row, row, p.width)
      if (!(norm < Infinity)) {
        if (first + i < load<u32>(bad)) store<u32>(bad, first + i)
        continue
      }
      if (p.unit) {
        norm = normalizeRow(row, p.width, norm)
        const zero = isZero(source, p.dim)
        // A vector without direction has none afterwards, whatever is added to it.
        if (zero) memory.fill(row, 0, bytes)
        else if (norm == 0) store<f32>(row, SPECK)
        norm = zero ? 0 : norm == 0 ? SPECK * SPECK : norm
      }
      if (p.norms) store<f32>(p.norms + ((<usize>(first + i)) << 2), norm)
    }
  }
}

/** Not by its square, which vanishes sooner. */
function isZero(row: usize, dim: u32): bool {
  for (const end = row + ((<usize>dim) << 2); row < end; row += 4) if (load<f32>(row) != 0) return false
  return true
}
