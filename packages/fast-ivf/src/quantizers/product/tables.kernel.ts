/** What queries have in common with each codeword. Never fused, as in encode. */
@unmanaged
export class ProductTables {
  queries: usize // nq × dim, row-major
  m: u32 // subvectors
  width: u32 // components of each
  k: u32 // codewords of each
  bits: u32 // of a code
  panels: usize // m × npanels × width × 8: the codewords
  npanels: u32 // per subspace, even
  tables: usize // out: nq × tableSize bytes
  tableSize: u32
  units: usize // out of nibbleTables: per query a unit and an offset
  scratch: usize // per lane: m × 16 floats, m floats, 48 bytes
  scratchStride: u32
}

/** Item: a query. m × 2^bits inner products with the codewords; what lies past the k-th of a subspace means nothing. */
export function lookUpTables(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<ProductTables>(record)
  const dim = p.m * p.width
  const entries = (<usize>4) << p.bits
  const spare = p.scratch + <usize>lane * p.scratchStride
  for (let item = from; item < to; item++) {
    const query = p.queries + ((<usize>item * dim) << 2)
    const table = p.tables + <usize>item * p.tableSize
    for (let j: u32 = 0; j < p.m; j++) {
      const at = table + entries * j
      // Panels come in pairs, so that less than 16 entries do not hold them.
      multiply(p, query, j, p.bits < 4 ? spare : at)
      if (p.bits < 4) memory.copy(at, spare, (<usize>p.k) << 2)
    }
  }
}

/**
 * Item: a query. m × 16 bytes: the inner products as multiples (0 … 63) of the query's unit above the least of their
 * subspace; 0 past the k-th, and past the m-th table up to tableSize. The sum of the least ones is the offset.
 */
export function nibbleTables(record: usize, from: u32, to: u32, lane: u32): void {
  const p = changetype<ProductTables>(record)
  const dim = p.m * p.width
  const floats = p.scratch + <usize>lane * p.scratchStride
  const lows = floats + ((<usize>p.m) << 6)
  const mask = lows + ((<usize>p.m) << 2)
  for (let i: u32 = 0; i < 16; i++) store<u8>(mask + i, i < p.k ? 63 : 0)
  v128.store(mask, f32x4.splat(12582912), 16)
  v128.store(mask, i32x4.splat(127), 32)
  for (let item = from; item < to; item++) {
    const query = p.queries + ((<usize>item * dim) << 2)
    let widest = f32x4.splat(0), offset: f32 = 0
    for (let j: u32 = 0; j < p.m; j++) {
      const at = floats + ((<usize>j) << 6)
      multiply(p, query, j, at)
      for (let i = p.k; i < 16; i++) store<f32>(at + ((<usize>i) << 2), load<f32>(at))
      const t0 = v128.load(at), t1 = v128.load(at, 16), t2 = v128.load(at, 32), t3 = v128.load(at, 48)
      let l = f32x4.pmin(f32x4.pmin(t0, t1), f32x4.pmin(t2, t3)), h = f32x4.pmax(f32x4.pmax(t0, t1), f32x4.pmax(t2, t3))
      l = f32x4.pmin(l, v128.shuffle<f32>(l, l, 2, 3, 0, 1))
      h = f32x4.pmax(h, v128.shuffle<f32>(h, h, 2, 3, 0, 1))
      l = f32x4.pmin(l, v128.shuffle<f32>(l, l, 1, 0, 3, 2))
      h = f32x4.pmax(h, v128.shuffle<f32>(h, h, 1, 0, 3, 2))
      const low = f32x4.extract_lane(l, 0)
      store<f32>(lows + ((<usize>j) << 2), low)
      widest = f32x4.pmax(widest, f32x4.sub(h, l))
      offset += low
    }
    const unit: f32 = f32x4.extract_lane(widest, 0) / 63
    store<f32>(p.units + ((<usize>item) << 3), unit)
    store<f32>(p.units + ((<usize>item) << 3), offset, 4)
    const scale = f32x4.splat(unit > 0 ? 1 / unit : 0)
    const table = p.tables + <usize>item * p.tableSize
    const used = v128.load(mask), whole = v128.load(mask, 16), seven = v128.load(mask, 32)
    for (let j: u32 = 0; j < p.m; j++) {
      const at = floats + ((<usize>j) << 6)
      const low = v128.load32_splat(lows + ((<usize>j) << 2))
      const near = i16x8.narrow_i32x4_s(steps(at, low, scale, whole, seven), steps(at + 16, low, scale, whole, seven))
      const far = i16x8.narrow_i32x4_s(steps(at + 32, low, scale, whole, seven), steps(at + 48, low, scale, whole, seven))
      v128.store(table + ((<usize>j) << 4), i8x16.min_u(i8x16.narrow_i16x8_u(near, far), used))
    }
    const size = (<usize>p.m) << 4
    memory.fill(table + size, 0, p.tableSize - size)
  }
}

/** Four entries as numbers of units: added to 1.5 · 2²³, a float is rounded to a whole number, which is its lowest bits. */
// @ts-ignore: decorator
@inline
function steps(at: usize, low: v128, scale: v128, whole: v128, seven: v128): v128 {
  return v128.and(f32x4.add(f32x4.mul(f32x4.sub(v128.load(at), low), scale), whole), seven)
}

/** out: npanels · 8 inner products of the query's j-th subvector with the codewords. */
function multiply(p: ProductTables, query: usize, j: u32, out: usize): void {
  const bytes = (<usize>p.width) << 2
  const stride = bytes << 3
  const q = query + <usize>j * bytes
  let x = p.panels + <usize>(j * p.npanels) * stride
  for (let panel: u32 = 0; panel < p.npanels; panel += 2) {
    let a0 = f32x4.splat(0), a1 = a0, a2 = a0, a3 = a0
    for (let t: usize = 0; t < bytes; t += 4) {
      const value = v128.load32_splat(q + t)
      a0 = f32x4.add(a0, f32x4.mul(value, v128.load(x)))
      a1 = f32x4.add(a1, f32x4.mul(value, v128.load(x, 16)))
      a2 = f32x4.add(a2, f32x4.mul(value, v128.load(x + stride)))
      a3 = f32x4.add(a3, f32x4.mul(value, v128.load(x + stride, 16)))
      x += 32
    }
    x += stride
    v128.store(out, a0)
    v128.store(out, a1, 16)
    v128.store(out, a2, 32)
    v128.store(out, a3, 48)
    out += 64
  }
}
