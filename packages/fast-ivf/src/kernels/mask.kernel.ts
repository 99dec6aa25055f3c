/**
 * Writes `value` over the numbers at `at` of those slots whose bit is not set: one number per slot, `count` slots from
 * `first` on. Up to 3 bytes past a slot's bit are read.
 */
export function dropSlots(mask: usize, first: u32, count: u32, at: usize, value: f32): void {
  const bits = i32x4(1, 2, 4, 8), other = f32x4.splat(value)
  let i: u32 = 0
  for (; i + 16 <= count; i += 16) {
    const word = bitsFrom(mask, first + i)
    if ((word & 0xffff) == 0xffff) {
      at += 64
      continue
    }
    for (let part: u32 = 0; part < 16; part += 4) {
      const kept = i32x4.eq(v128.and(i32x4.splat(word >> part), bits), bits)
      v128.store(at, v128.bitselect(v128.load(at), other, kept))
      at += 16
    }
  }
  for (; i < count; i++) {
    if (!(bitsFrom(mask, first + i) & 1)) store<f32>(at, value)
    at += 4
  }
}

/** At least 25 bits, the first that of the slot. */
// @ts-ignore: decorator
@inline
function bitsFrom(mask: usize, slot: u32): u32 {
  return load<u32>(mask + (slot >> 3)) >> (slot & 7)
}
