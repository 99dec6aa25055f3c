import { F16, F32, fromHalves, PANELS, rowBytes } from './originals.kernel'

/** Vectors of some slots, as rows of floats; with F32, rows of any 4-byte numbers. */
@unmanaged
export class Pick {
  kept: u32 // PANELS, F32, F16 or INT8
  from: usize // slot 0
  dim: u32
  slots: usize // count slots
  count: u32
  block: u32 // rows per item
  places: usize // count: which row each becomes; 0: one after the other
  rows: usize // out: rows of dim floats
}

/** Item: a block of rows. */
export function pickRows(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<Pick>(record)
  const dim = p.dim
  for (let i = from * p.block, end = min(to * p.block, p.count); i < end; i++) {
    const slot = load<u32>(p.slots + ((<usize>i) << 2))
    const place = p.places ? load<u32>(p.places + ((<usize>i) << 2)) : i
    const out = p.rows + ((<usize>place * dim) << 2)
    if (p.kept == PANELS) fromPanel(p.from + ((<usize>(slot >> 3) * dim) << 5) + ((<usize>(slot & 7)) << 2), dim, out)
    else {
      const row = p.from + <usize>slot * rowBytes(p.kept, dim)
      if (p.kept == F32) memory.copy(out, row, (<usize>dim) << 2)
      else if (p.kept == F16) fromHalfRow(row, dim, out)
      else fromBytes(row, dim, out)
    }
  }
}

/** Components lie 32 bytes apart. */
function fromPanel(at: usize, dim: u32, out: usize): void {
  for (const end = out + ((<usize>dim) << 2); out < end; out += 4) {
    store<f32>(out, load<f32>(at))
    at += 32
  }
}

function fromHalfRow(at: usize, dim: u32, out: usize): void {
  const mask = i32x4.splat(0x8fffffff), scale = f32x4.splat(reinterpret<f32>(0x77800000))
  for (let k: u32 = 0; k < dim; k += 4) {
    storeSome(out, fromHalves(i32x4.extend_low_i16x8_s(v128.load64_zero(at)), mask, scale), dim - k)
    at += 8
    out += 16
  }
}

function fromBytes(row: usize, dim: u32, out: usize): void {
  const factor = load<f32>(row)
  for (let k: usize = 0; k < dim; k++) store<f32>(out + (k << 2), factor * <f32>load<i8>(row + 4 + k))
}

/** The first `count` of four floats; nothing beyond. */
function storeSome(out: usize, x: v128, count: u32): void {
  if (count >= 4) return v128.store(out, x)
  if (count & 2) {
    v128.store_lane<u64>(out, x, 0)
    if (count & 1) v128.store_lane<u32>(out, x, 2, 8)
  } else v128.store_lane<u32>(out, x, 0)
}
