/** Code rows back into rotated rows. */
@unmanaged
export class DecodeScalar {
  codes: usize // count × codeSize
  codeSize: u32
  cells: usize // count (u32): the centroid of each row
  centroids: usize // × width, rotated
  width: u32
  bits: u32
  levels: usize // 16 signed bytes
  count: u32
  block: u32 // rows per item
  out: usize // count × width
}

/** Item: a block of rows, each centroid + scale · x̄; what was zero, and is never an answer, is zero. */
export function decodeScalar(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<DecodeScalar>(record)
  const bytes = (<usize>r.width) << 2
  const factors = (<usize>r.width * r.bits) >> 3
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const code = r.codes + <usize>r.codeSize * i
    const row = r.out + bytes * i
    if (load<f32>(code + factors) == Infinity) {
      memory.fill(row, 0, bytes)
      continue
    }
    const centroid = r.centroids + bytes * load<u32>(r.cells + ((<usize>i) << 2))
    const scale = load<f32>(code + factors, 4)
    for (let k: u32 = 0; k < r.width; k++) {
      const at = (<usize>k) << 2
      store<f32>(row + at, load<f32>(centroid + at) + scale * <f32>valueOf(code, k, r.bits, r.levels))
    }
  }
}

/** What component k of a packed code stands for. */
// @ts-ignore: decorator
@inline
function valueOf(code: usize, k: u32, bits: u32, levels: usize): i32 {
  if (bits == 8) return load<i8>(code + <usize>k)
  const bit = k * bits
  return load<i8>(levels + <usize>((load<u8>(code + <usize>(bit >> 3)) >> (bit & 7)) & ((1 << bits) - 1)))
}
