import { addsOf, offerSums, queryOf, Scan, Visit, visitOf } from '../../kernels/visit.kernel'
import { codeAt } from './encode.kernel'

/**
 * Item: a visit of a cell of packed codes (Scan.dim codes of Scan.bits bits). They are unpacked once for all queries, to
 * bytes or 16 bits, eight slots beside each other; a query's table is dim × 2^bits floats. Up to 7 bytes past a code
 * row are read.
 */
export function scanLookUp(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Scan>(record)
  const m = s.dim, bits = s.bits
  const short = bits <= 8
  const unpacked = s.scratch + <usize>lane * s.scratchStride
  const sums = unpacked + s.packed
  // An octet is m × 8 codes.
  const octet = (<usize>m) << (short ? 3 : 4)
  const most = max<u32>(8, min(s.products, <u32>(s.packed / octet) << 3) & ~7)
  for (let item = from; item < to; item++) {
    const v = visitOf(s, item)
    const adds = addsOf(s, v, lane)
    for (let first = v.from; first < v.to; first += most) {
      const count = min(most, v.to - first)
      const octets = (count + 7) >> 3
      unpack(s, v, first, count, octet, unpacked)
      for (let i: u32 = 0; i < v.count; i++) {
        const table = s.tables + <usize>queryOf(v, i) * s.tableSize
        if (short) addBytes(table, unpacked, octets, m, bits, sums)
        else addShorts(table, unpacked, octets, m, bits, sums)
        offerSums(s, v, i, adds, sums, first, count, lane)
      }
    }
  }
}

function unpack(s: Scan, v: Visit, first: u32, count: u32, octet: usize, to: usize): void {
  const m = s.dim, bits = s.bits
  const codeBytes = <usize>((m * bits + 31) >> 5) << 2
  // Slots that fill the last octet have the codes 0.
  if (count & 7) memory.fill(to + octet * (count >> 3), 0, octet)
  let code = v.codes + <usize>first * codeBytes
  for (let i: u32 = 0; i < count; i++) {
    const at = to + octet * (i >> 3)
    if (bits <= 8) unpackBytes(code, m, bits, at + (i & 7))
    else unpackShorts(code, m, bits, at + ((<usize>(i & 7)) << 1))
    code += codeBytes
  }
}

/** Eight codes are `bits` whole bytes. */
function unpackBytes(code: usize, m: u32, bits: u32, to: usize): void {
  const mask = (1 << bits) - 1
  const end = to + ((<usize>m) << 3)
  const whole = to + ((<usize>(m & ~7)) << 3)
  const b = <u64>bits
  while (to < whole) {
    let word = load<u64>(code)
    store<u8>(to, <u32>word & mask)
    word >>= b
    store<u8>(to, <u32>word & mask, 8)
    word >>= b
    store<u8>(to, <u32>word & mask, 16)
    word >>= b
    store<u8>(to, <u32>word & mask, 24)
    word >>= b
    store<u8>(to, <u32>word & mask, 32)
    word >>= b
    store<u8>(to, <u32>word & mask, 40)
    word >>= b
    store<u8>(to, <u32>word & mask, 48)
    word >>= b
    store<u8>(to, <u32>word & mask, 56)
    code += bits
    to += 64
  }
  let word = to < end ? load<u64>(code) : 0
  while (to < end) {
    store<u8>(to, <u32>word & mask)
    word >>= b
    to += 8
  }
}

function unpackShorts(code: usize, m: u32, bits: u32, to: usize): void {
  let bit: u32 = 0
  for (let j: u32 = 0; j < m; j++) {
    store<u16>(to, codeAt(code, bit, bits))
    bit += bits
    to += 16
  }
}

/** A sum is one chain in the order of the subspaces; eight of them at once keep the adders busy. */
function addBytes(table: usize, at: usize, octets: u32, m: u32, bits: u32, sums: usize): void {
  const entries = (<usize>4) << bits
  const end = table + entries * m
  for (let octet: u32 = 0; octet < octets; octet++) {
    let a: f32 = 0, b: f32 = 0, c: f32 = 0, d: f32 = 0, e: f32 = 0, f: f32 = 0, g: f32 = 0, h: f32 = 0
    for (let t = table; t < end; t += entries) {
      a += load<f32>(t + ((<usize>load<u8>(at)) << 2))
      b += load<f32>(t + ((<usize>load<u8>(at, 1)) << 2))
      c += load<f32>(t + ((<usize>load<u8>(at, 2)) << 2))
      d += load<f32>(t + ((<usize>load<u8>(at, 3)) << 2))
      e += load<f32>(t + ((<usize>load<u8>(at, 4)) << 2))
      f += load<f32>(t + ((<usize>load<u8>(at, 5)) << 2))
      g += load<f32>(t + ((<usize>load<u8>(at, 6)) << 2))
      h += load<f32>(t + ((<usize>load<u8>(at, 7)) << 2))
      at += 8
    }
    sums = storeSums(sums, a, b, c, d, e, f, g, h)
  }
}

function addShorts(table: usize, at: usize, octets: u32, m: u32, bits: u32, sums: usize): void {
  const entries = (<usize>4) << bits
  const end = table + entries * m
  for (let octet: u32 = 0; octet < octets; octet++) {
    let a: f32 = 0, b: f32 = 0, c: f32 = 0, d: f32 = 0, e: f32 = 0, f: f32 = 0, g: f32 = 0, h: f32 = 0
    for (let t = table; t < end; t += entries) {
      a += load<f32>(t + ((<usize>load<u16>(at)) << 2))
      b += load<f32>(t + ((<usize>load<u16>(at, 2)) << 2))
      c += load<f32>(t + ((<usize>load<u16>(at, 4)) << 2))
      d += load<f32>(t + ((<usize>load<u16>(at, 6)) << 2))
      e += load<f32>(t + ((<usize>load<u16>(at, 8)) << 2))
      f += load<f32>(t + ((<usize>load<u16>(at, 10)) << 2))
      g += load<f32>(t + ((<usize>load<u16>(at, 12)) << 2))
      h += load<f32>(t + ((<usize>load<u16>(at, 14)) << 2))
      at += 16
    }
    sums = storeSums(sums, a, b, c, d, e, f, g, h)
  }
}

// @ts-ignore: decorator
@inline
function storeSums(sums: usize, a: f32, b: f32, c: f32, d: f32, e: f32, f: f32, g: f32, h: f32): usize {
  store<f32>(sums, a)
  store<f32>(sums, b, 4)
  store<f32>(sums, c, 8)
  store<f32>(sums, d, 12)
  store<f32>(sums, e, 16)
  store<f32>(sums, f, 20)
  store<f32>(sums, g, 24)
  store<f32>(sums, h, 28)
  return sums + 32
}
