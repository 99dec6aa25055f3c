import { packPanel } from '../../kernels/rows.kernel'

/** Rows of a training batch, made ready: every width is a multiple of 16, what is beyond dim is zero. */
@unmanaged
export class Batch {
  rows: usize // count × dim
  dim: u32
  width: u32 // dim rounded up
  count: u32
  block: u32 // rows per item, a multiple of 8
  mean: usize // dim: taken away from each row, or 0
  scale: f32 // then each is multiplied by it
  keep: u32 // of 2³²: how likely a component stays; 0: all do
  kept: f32 // what those that stay are multiplied by
  seed: u32 // which components go: of this, the row and the component
  out: usize // count × width
  panels: usize // out: the rows in panels, width × 8 each; or 0
  columns: usize // out: the columns in panels, count × 8 each
}

/** Item: a block of rows. */
export function placeBatch(record: usize, from: u32, to: u32, lane: u32): void {
  const b = changetype<Batch>(record)
  const dim = b.dim, width = b.width
  const scale = f32x4.splat(b.scale)
  for (let i = from * b.block, end = min(to * b.block, b.count); i < end; i++) {
    const source = b.rows + ((<usize>i * dim) << 2)
    const row = b.out + ((<usize>i * width) << 2)
    let j: usize = 0
    for (; j + 16 <= (<usize>dim) << 2; j += 16) {
      const value = b.mean ? f32x4.sub(v128.load(source + j), v128.load(b.mean + j)) : v128.load(source + j)
      v128.store(row + j, f32x4.mul(value, scale))
    }
    for (; j < (<usize>dim) << 2; j += 4) {
      const value = b.mean ? load<f32>(source + j) - load<f32>(b.mean + j) : load<f32>(source + j)
      store<f32>(row + j, value * b.scale)
    }
    memory.fill(row + ((<usize>dim) << 2), 0, (<usize>(width - dim)) << 2)
    if (b.keep) drop(row, width, b.keep, b.kept, b.seed + i * width)
    placeColumns(row, width, i, b.count, b.columns)
    if (b.panels && (i & 7) == 7) packPanel(row - ((<usize>width * 7) << 2), width, b.panels + ((<usize>(i >> 3) * width) << 5))
  }
}

/** Row `i` of `count` as the i-th component of its columns: eight of them are a panel. */
// @ts-ignore: decorator
@inline
export function placeColumns(row: usize, width: u32, i: u32, count: u32, columns: usize): void {
  const stride = (<usize>count) << 5
  let to = columns + ((<usize>i) << 5)
  for (const end = row + ((<usize>width) << 2); row < end; row += 32) {
    v128.store(to, v128.load(row))
    v128.store(to, v128.load(row, 16), 16)
    to += stride
  }
}

/** Each component stays, multiplied, or becomes zero: by a hash of its number, so that threads change nothing. */
function drop(row: usize, width: u32, keep: u32, kept: f32, first: u32): void {
  const factor = f32x4.splat(kept)
  const limit = i32x4.splat(keep ^ 0x80000000)
  let number = i32x4.add(i32x4.splat(first), i32x4(0, 1, 2, 3))
  for (const end = row + ((<usize>width) << 2); row < end; row += 16) {
    // The finalizer of MurmurHash3 (A. Appleby).
    let h = v128.xor(number, i32x4.shr_u(number, 16))
    h = i32x4.mul(h, i32x4.splat(0x85ebca6b))
    h = v128.xor(h, i32x4.shr_u(h, 13))
    h = i32x4.mul(h, i32x4.splat(0xc2b2ae35))
    h = v128.xor(h, i32x4.shr_u(h, 16))
    // Compared as signed numbers, which they are not.
    const stays = i32x4.lt_s(v128.xor(h, i32x4.splat(0x80000000)), limit)
    v128.store(row, v128.and(f32x4.mul(v128.load(row), factor), stays))
    number = i32x4.add(number, i32x4.splat(4))
  }
}
