/** Bit r of a set of rows or slots is bit r & 31 of word r >>> 5. */

/** Words for `count` bits and one to spare, which kernels may read. */
export function wordsFor(count: number): number {
  return (count >>> 5) + 2
}

export function hasBit(words: Uint32Array, i: number): boolean {
  return (((words[i >>> 5] as number) >>> (i & 31)) & 1) === 1
}

export function setBit(words: Uint32Array, i: number): void {
  words[i >>> 5] = (words[i >>> 5] as number) | (1 << (i & 31))
}

export function clearBit(words: Uint32Array, i: number): void {
  words[i >>> 5] = (words[i >>> 5] as number) & ~(1 << (i & 31))
}

/** Sets the first `count` bits and clears the others. */
export function fillBits(words: Uint32Array, count: number): void {
  words.fill(0xffffffff, 0, count >>> 5).fill(0, count >>> 5)
  if (count & 31) words[count >>> 5] = (1 << (count & 31)) - 1
}

/** How many of the bits from … to are set. */
export function countBits(words: Uint32Array, from: number, to: number): number {
  if (from >= to) return 0
  const [first, last] = [from >>> 5, (to - 1) >>> 5]
  const [head, tail] = [0xffffffff << (from & 31), 0xffffffff >>> (31 - ((to - 1) & 31))]
  if (first === last) return popcount((words[first] as number) & head & tail)
  let count = popcount((words[first] as number) & head) + popcount((words[last] as number) & tail)
  for (let i = first + 1; i < last; i++) count += popcount(words[i] as number)
  return count
}

/** Calls `each` for every set bit from … to, in order. */
export function eachBit(words: Uint32Array, from: number, to: number, each: (i: number) => void): void {
  for (let w = from >>> 5; w << 5 < to; w++) {
    let word = words[w] as number
    if (w === from >>> 5) word &= 0xffffffff << (from & 31)
    while (word !== 0) {
      const i = (w << 5) + 31 - Math.clz32(word & -word)
      if (i >= to) return
      each(i)
      word &= word - 1
    }
  }
}

/** The set bits from … to, in order. */
export function bitsOf(words: Uint32Array, from: number, to: number): Uint32Array {
  const found = new Uint32Array(countBits(words, from, to))
  let filled = 0
  eachBit(words, from, to, (i) => {
    found[filled++] = i
  })
  return found
}

const CHUNK = 16 // slots: what the narrowest kernel computes at a time

/** Parts of from … to that hold all bits that are set, without stretches of more than `gap` where none is. */
export function chunksOf(words: Uint32Array, from: number, to: number, gap: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = []
  for (let chunk = Math.floor(from / CHUNK); chunk * CHUNK < to; chunk++) {
    const [first, last] = [Math.max(from, chunk * CHUNK), Math.min(to, (chunk + 1) * CHUNK)]
    if (countBits(words, first, last) === 0) continue
    const before = found.at(-1)
    if (before && first - before.to <= gap) before.to = last
    else found.push({ from: first, to: last })
  }
  return found
}

/** Sums of 2, then 4, then 8 bits, side by side; the product adds the four bytes. */
function popcount(word: number): number {
  let x = word - ((word >>> 1) & 0x55555555)
  x = (x & 0x33333333) + ((x >>> 2) & 0x33333333)
  return Math.imul((x + (x >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
