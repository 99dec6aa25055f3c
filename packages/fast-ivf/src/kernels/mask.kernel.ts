/**
 * Makes those of `count` numbers at `at` infinite whose slot's bit is not set, from slot `first` on. Up to 3 bytes past a
 * slot's bit are read.
 */
export function dropSlots(mask: usize, first: u32, count: u32, at: usize): void {
  for (let i: u32 = 0; i < count; i += 16) {
    const left = min<u32>(16, count - i)
    // At least 25 bits, the first that of slot first + i.
    let gone = ~(load<u32>(mask + ((first + i) >> 3)) >> ((first + i) & 7)) & ((<u32>1 << left) - 1)
    while (gone) {
      store<f32>(at + ((<usize>ctz(gone)) << 2), Infinity)
      gone &= gone - 1
    }
    at += 64
  }
}
