import { tile1x16, tile1x32, tile2x16, tile4x16 } from '../generated/tiles'

/**
 * out: rows × (panels · 8) inner products. `q` is packed by `pack` in groups of `group` rows (2 or 4; 1 for a single
 * row), `rows` a multiple of `group`; `panels` is even. Each product is one chain of multiply-adds in the order of the
 * components, so every tile shape gives the same bits.
 */
export function strip(q: usize, rows: u32, group: u32, x: usize, panels: u32, dim: u32, out: usize): void {
  const stride = (<usize>dim) << 5
  const width = (<usize>panels) << 5
  let panel: u32 = 0
  if (group == 1) {
    for (; panel + 4 <= panels; panel += 4) tile1x32(q, x + panel * stride, stride, dim, out + ((<usize>panel) << 5), width)
    for (; panel < panels; panel += 2) tile1x16(q, x + panel * stride, stride, dim, out + ((<usize>panel) << 5), width)
    return
  }
  const step = (<usize>group * dim) << 2
  for (; panel < panels; panel += 2) {
    const at = x + panel * stride
    let to = out + ((<usize>panel) << 5)
    let from = q
    for (let row: u32 = 0; row < rows; row += group) {
      if (group == 4) tile4x16(from, at, stride, dim, to, width)
      else tile2x16(from, at, stride, dim, to, width)
      from += step
      to += width * group
    }
  }
}

/** to: count/group × dim × group, the rows at `rows + index · dim · 4`; missing rows of the last group repeat the last. */
export function pack(rows: usize, indices: usize, count: u32, group: u32, dim: u32, to: usize): void {
  const last = count - 1
  if (group == 4) {
    for (let i: u32 = 0; i < count; i += 4) {
      to = pack4(row(rows, indices, i, dim), row(rows, indices, min(i + 1, last), dim), row(rows, indices, min(i + 2, last), dim), row(rows, indices, min(i + 3, last), dim), dim, to)
    }
  } else if (group == 2) {
    for (let i: u32 = 0; i < count; i += 2) to = pack2(row(rows, indices, i, dim), row(rows, indices, min(i + 1, last), dim), dim, to)
  } else {
    for (let i: u32 = 0; i < count; i++) {
      memory.copy(to, row(rows, indices, i, dim), (<usize>dim) << 2)
      to += (<usize>dim) << 2
    }
  }
}

/** The address of row `i` of the list; without a list, rows follow each other. */
// @ts-ignore: decorator
@inline
function row(rows: usize, indices: usize, i: u32, dim: u32): usize {
  const index = indices ? load<u32>(indices + ((<usize>i) << 2)) : i
  return rows + ((<usize>index * dim) << 2)
}

function pack2(a: usize, b: usize, dim: u32, to: usize): usize {
  let k: u32 = 0
  for (; k + 4 <= dim; k += 4) {
    const va = v128.load(a), vb = v128.load(b)
    v128.store(to, v128.shuffle<f32>(va, vb, 0, 4, 1, 5))
    v128.store(to, v128.shuffle<f32>(va, vb, 2, 6, 3, 7), 16)
    a += 16
    b += 16
    to += 32
  }
  for (; k < dim; k++) {
    store<f32>(to, load<f32>(a))
    store<f32>(to, load<f32>(b), 4)
    a += 4
    b += 4
    to += 8
  }
  return to
}

function pack4(a: usize, b: usize, c: usize, d: usize, dim: u32, to: usize): usize {
  let k: u32 = 0
  for (; k + 4 <= dim; k += 4) {
    const va = v128.load(a), vb = v128.load(b), vc = v128.load(c), vd = v128.load(d)
    const ab0 = v128.shuffle<f32>(va, vb, 0, 4, 1, 5), ab1 = v128.shuffle<f32>(va, vb, 2, 6, 3, 7)
    const cd0 = v128.shuffle<f32>(vc, vd, 0, 4, 1, 5), cd1 = v128.shuffle<f32>(vc, vd, 2, 6, 3, 7)
    v128.store(to, v128.shuffle<i64>(ab0, cd0, 0, 2))
    v128.store(to, v128.shuffle<i64>(ab0, cd0, 1, 3), 16)
    v128.store(to, v128.shuffle<i64>(ab1, cd1, 0, 2), 32)
    v128.store(to, v128.shuffle<i64>(ab1, cd1, 1, 3), 48)
    a += 16
    b += 16
    c += 16
    d += 16
    to += 64
  }
  for (; k < dim; k++) {
    store<f32>(to, load<f32>(a))
    store<f32>(to, load<f32>(b), 4)
    store<f32>(to, load<f32>(c), 8)
    store<f32>(to, load<f32>(d), 12)
    a += 4
    b += 4
    c += 4
    d += 4
    to += 16
  }
  return to
}
