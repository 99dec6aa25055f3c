@unmanaged
export class Hashes {
  ranges: usize // count × 2: address, bytes
  out: usize // count, u64
}

const P1: u64 = 0x9e3779b185ebca87
const P2: u64 = 0xc2b2ae3d27d4eb4f
const P3: u64 = 0x165667b19e3779f9
const P4: u64 = 0x85ebca77c2b2ae63
const P5: u64 = 0x27d4eb2f165667c5

/** Item: a range of bytes, anywhere. Its XXH64 of seed 0, the same number as `xxh64` of storage/ gives. */
export function hashRanges(record: usize, from: u32, to: u32, lane: u32): void {
  const h = changetype<Hashes>(record)
  for (let i = from; i < to; i++) {
    const at = (<usize>i) << 3
    store<u64>(h.out + at, hash(load<u32>(h.ranges + at), load<u32>(h.ranges + at, 4)))
  }
}

function hash(at: usize, bytes: usize): u64 {
  const end = at + bytes
  let state = P5
  if (bytes >= 32) {
    let a = P1 + P2
    let b = P2
    let c: u64 = 0
    let d: u64 = 0 - P1
    for (; end - at >= 32; at += 32) {
      a = round(a, load<u64>(at))
      b = round(b, load<u64>(at, 8))
      c = round(c, load<u64>(at, 16))
      d = round(d, load<u64>(at, 24))
    }
    state = rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)
    state = merge(merge(merge(merge(state, a), b), c), d)
  }
  state += <u64>bytes
  for (; end - at >= 8; at += 8) state = rotl(state ^ round(0, load<u64>(at)), 27) * P1 + P4
  if (end - at >= 4) {
    state = rotl(state ^ (<u64>load<u32>(at) * P1), 23) * P2 + P3
    at += 4
  }
  for (; at < end; at++) state = rotl(state ^ (<u64>load<u8>(at) * P5), 11) * P1
  state = (state ^ (state >> 33)) * P2
  state = (state ^ (state >> 29)) * P3
  return state ^ (state >> 32)
}

// @ts-ignore: decorator
@inline
function round(state: u64, word: u64): u64 {
  return rotl(state + word * P2, 31) * P1
}

// @ts-ignore: decorator
@inline
function merge(state: u64, part: u64): u64 {
  return (state ^ round(0, part)) * P1 + P4
}
