import { sumLanes } from '../../kernels/simd'

const TINY: f32 = 1e-30 // a query whose components are all smaller is zero

/** Rotated queries as what scans add up: ⟨x̄, q⟩ = unit · sum + offset. */
@unmanaged
export class ScalarTables {
  queries: usize // count × width, rotated
  width: u32 // a multiple of 32
  count: u32
  block: u32 // queries per item
  tables: usize // out: count × width / 4 × 16 bytes for signs, or count × width
  units: usize // out: count × 2, a unit and an offset
}

/**
 * Item: a block of queries. For each 4 components a table of what they come to under each of 16 choices of signs, in
 * 0 … 63: four of them add up within a byte.
 */
export function signTables(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<ScalarTables>(record)
  const bytes = (<usize>r.width) << 2
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const query = r.queries + bytes * i
    // The least entry of a group is −Σ|q|, the greatest Σ|q|.
    let most: f32 = 0, offset: f32 = 0
    for (let at: usize = 0; at < bytes; at += 16) {
      const sum = sumLanes(f32x4.abs(v128.load(query + at)))
      most = max(most, sum)
      offset -= sum
    }
    const some = most > TINY
    signTable(query, bytes, some ? 31.5 / most : 0, r.tables + bytes * i)
    store<f32>(r.units + ((<usize>i) << 3), some ? most / 31.5 : 0)
    store<f32>(r.units + ((<usize>i) << 3), some ? offset : 0, 4)
  }
}

function signTable(query: usize, bytes: usize, factor: f32, table: usize): void {
  const f = f32x4.splat(factor)
  for (let at: usize = 0; at < bytes; at += 16) {
    const q = v128.load(query + at)
    const against = f32x4.sub(f32x4.splat(0), q)
    // Bits 0 and 1 of an entry's number choose within a vector, bits 2 and 3 among vectors.
    const low = f32x4.add(v128.shuffle<f32>(q, against, 4, 0, 4, 0), v128.shuffle<f32>(q, against, 5, 5, 1, 1))
    const c = v128.shuffle<f32>(q, q, 2, 2, 2, 2), d = v128.shuffle<f32>(q, q, 3, 3, 3, 3)
    const both = f32x4.add(c, d), apart = f32x4.sub(c, d)
    const size = f32x4.splat(sumLanes(f32x4.abs(q)))
    v128.store(table + at, i8x16.narrow_i16x8_u(
      i16x8.narrow_i32x4_s(entries(f32x4.sub(low, both), size, f), entries(f32x4.add(low, apart), size, f)),
      i16x8.narrow_i32x4_s(entries(f32x4.sub(low, apart), size, f), entries(f32x4.add(low, both), size, f)),
    ))
  }
}

// @ts-ignore: decorator
@inline
function entries(sums: v128, size: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(f32x4.add(sums, size), factor)))
}

/** Item: a block of queries, a byte a component: 64 + the component in 63rds of the widest. */
export function byteQueries(record: usize, from: u32, to: u32, lane: u32): void {
  const r = changetype<ScalarTables>(record)
  const bytes = (<usize>r.width) << 2
  for (let i = from * r.block, end = min(to * r.block, r.count); i < end; i++) {
    const query = r.queries + bytes * i
    let most4 = f32x4.splat(0)
    for (let at: usize = 0; at < bytes; at += 16) most4 = f32x4.pmax(most4, f32x4.abs(v128.load(query + at)))
    const most = max(
      max(f32x4.extract_lane(most4, 0), f32x4.extract_lane(most4, 1)),
      max(f32x4.extract_lane(most4, 2), f32x4.extract_lane(most4, 3)),
    )
    const some = most > TINY
    byteQuery(query, r.width, some ? 63 / most : 0, r.tables + <usize>r.width * i)
    store<f32>(r.units + ((<usize>i) << 3), some ? most / 63 : 0)
    store<f32>(r.units + ((<usize>i) << 3), 0, 4)
  }
}

function byteQuery(query: usize, width: u32, factor: f32, out: usize): void {
  const f = f32x4.splat(factor)
  const middle = i8x16.splat(64)
  for (let i: u32 = 0; i < width; i += 16) {
    const low = i16x8.narrow_i32x4_s(rounded(v128.load(query), f), rounded(v128.load(query, 16), f))
    const high = i16x8.narrow_i32x4_s(rounded(v128.load(query, 32), f), rounded(v128.load(query, 48), f))
    v128.store(out, i8x16.add(i8x16.narrow_i16x8_s(low, high), middle))
    query += 64
    out += 16
  }
}

// @ts-ignore: decorator
@inline
function rounded(values: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(values, factor)))
}
