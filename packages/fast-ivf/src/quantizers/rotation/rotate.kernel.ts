const ROUNDS: usize = 4

/** Rows turned by a random orthogonal map, dim → width, or back. */
@unmanaged
export class Rotate {
  rows: usize // count × dim; to turn back: count × width
  dim: u32
  width: u32 // a multiple of 32
  count: u32
  block: u32 // rows per item
  signs: usize // 4 × width: what each round multiplies the components with, before its sums
  origin: usize // dim: what is taken away from each row first, and given back last; or 0
  out: usize // count × width; to turn back: count × dim
  scratch: usize // to turn back, per lane: width floats
  scratchStride: u32
}

/** Item: a block of rows. Zeros are appended; `rows` may be `out` where dim is width. */
export function rotateRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Rotate>(record)
  const known = (<usize>r.dim) << 2, bytes = (<usize>r.width) << 2
  const span = spanOf(r.width)
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const row = r.out + bytes * i
    memory.copy(row, r.rows + known * i, known)
    if (r.origin) add(row, r.origin, known, -1)
    memory.fill(row + known, 0, bytes - known)
    for (let round: usize = 0; round < ROUNDS; round++) {
      const signs = r.signs + bytes * round
      const first = round & 1 ? bytes - span : 0
      addSixteens(row + first, signs + first, span)
      addUp(row + first, span)
      if (span < bytes) {
        const rest = first ? 0 : span
        multiply(row + rest, signs + rest, bytes - span)
        addHalves(row, bytes)
      }
    }
  }
}

/** Item: a block of rows, turned back: each step of a round undoes itself, so the rounds are taken from the last. */
export function unrotateRows(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<Rotate>(record)
  const known = (<usize>r.dim) << 2, bytes = (<usize>r.width) << 2
  const span = spanOf(r.width)
  const row = r.scratch + <usize>lane * r.scratchStride
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    memory.copy(row, r.rows + bytes * i, bytes)
    for (let round: usize = ROUNDS; round-- > 0; ) {
      if (span < bytes) addHalves(row, bytes)
      const first = row + (round & 1 ? bytes - span : 0)
      addSixteens(first, 0, span)
      addUp(first, span)
      multiply(row, r.signs + bytes * round, bytes)
    }
    if (r.origin) add(row, r.origin, known, 1)
    memory.copy(r.out + known * i, row, known)
  }
}

/** row += sign · other */
function add(row: usize, other: usize, bytes: usize, sign: f32): void {
  for (let at: usize = 0; at < bytes; at += 4) store<f32>(row + at, load<f32>(row + at) + sign * load<f32>(other + at))
}

/** Bytes of the largest power of two of components. */
// @ts-ignore: decorator
@inline
function spanOf(width: u32): usize {
  return (<usize>4) << (31 - clz(width))
}

function multiply(row: usize, signs: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) v128.store(row + i, f32x4.mul(v128.load(row + i), v128.load(signs + i)))
}

/** (x, y) → (x + y, x − y) over the two halves of a row. */
function addHalves(row: usize, bytes: usize): void {
  const half = bytes >> 1
  for (let end = row + half; row < end; row += 16) {
    const x = v128.load(row), y = v128.load(row + half)
    v128.store(row, f32x4.add(x, y))
    v128.store(row + half, f32x4.sub(x, y))
  }
}

/**
 * The Hadamard transform of components that `addSixteens` has seen to, not normalized: steps of 16 and more, two at a
 * time.
 */
function addUp(at: usize, bytes: usize): void {
  const end = at + bytes
  let step: usize = 64
  if (ctz(bytes) & 1) {
    for (let p = at; p < end; p += 128) addPair(p)
    step = 128
  }
  for (; step < bytes; step <<= 2) {
    for (let first = at; first < end; first += step << 2) {
      for (let p = first, last = first + step; p < last; p += 16) {
        const a = v128.load(p), b = v128.load(p + step), c = v128.load(p + step * 2), d = v128.load(p + step * 3)
        const ab = f32x4.add(a, b), aB = f32x4.sub(a, b), cd = f32x4.add(c, d), cD = f32x4.sub(c, d)
        v128.store(p, f32x4.add(ab, cd))
        v128.store(p + step, f32x4.add(aB, cD))
        v128.store(p + step * 2, f32x4.sub(ab, cd))
        v128.store(p + step * 3, f32x4.sub(aB, cD))
      }
    }
  }
}

/** Steps of 1, 2, 4 and 8, after multiplication with `signs` unless they are 0. */
function addSixteens(row: usize, signs: usize, bytes: usize): void {
  const end = row + bytes
  if (signs) {
    for (; row < end; row += 64) {
      addSixteen(row, signed(row, signs, 0), signed(row, signs, 16), signed(row, signs, 32), signed(row, signs, 48))
      signs += 64
    }
  } else {
    for (; row < end; row += 64) addSixteen(row, v128.load(row), v128.load(row, 16), v128.load(row, 32), v128.load(row, 48))
  }
}

// @ts-ignore: decorator
@inline
function signed(row: usize, signs: usize, offset: usize): v128 {
  return f32x4.mul(v128.load(row + offset), v128.load(signs + offset))
}

/**
 * The transform of 16 is one of 4 along the columns of a square, then one along its rows: between them the square is
 * transposed, and not afterwards. Transposing commutes with the transform, so the two together still undo themselves.
 */
// @ts-ignore: decorator
@inline
function addSixteen(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab = f32x4.add(a, b), aB = f32x4.sub(a, b), cd = f32x4.add(c, d), cD = f32x4.sub(c, d)
  const r0 = f32x4.add(ab, cd), r1 = f32x4.add(aB, cD), r2 = f32x4.sub(ab, cd), r3 = f32x4.sub(aB, cD)
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5), high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7)
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5), high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7)
  const e = v128.shuffle<i64>(low01, low23, 0, 2), f = v128.shuffle<i64>(low01, low23, 1, 3)
  const g = v128.shuffle<i64>(high01, high23, 0, 2), h = v128.shuffle<i64>(high01, high23, 1, 3)
  const ef = f32x4.add(e, f), eF = f32x4.sub(e, f), gh = f32x4.add(g, h), gH = f32x4.sub(g, h)
  v128.store(to, f32x4.add(ef, gh))
  v128.store(to, f32x4.add(eF, gH), 16)
  v128.store(to, f32x4.sub(ef, gh), 32)
  v128.store(to, f32x4.sub(eF, gH), 48)
}

/** The step of 16. */
// @ts-ignore: decorator
@inline
function addPair(p: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    const a = v128.load(p + i), b = v128.load(p + i, 64)
    v128.store(p + i, f32x4.add(a, b))
    v128.store(p + i, f32x4.sub(a, b), 64)
  }
}
