/** The checksum that zip files carry. `crc` is the checksum of what came before. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let state = ~crc
  let i = 0
  for (; i + 8 <= bytes.length; i += 8) {
    const low = state ^ view.getInt32(i, true)
    const high = view.getInt32(i + 4, true)
    state = pushed(7, low) ^ pushed(6, low >>> 8) ^ pushed(5, low >>> 16) ^ pushed(4, low >>> 24)
    state ^= pushed(3, high) ^ pushed(2, high >>> 8) ^ pushed(1, high >>> 16) ^ pushed(0, high >>> 24)
  }
  for (; i < bytes.length; i++) state = (state >>> 8) ^ pushed(0, state ^ (bytes[i] as number))
  return ~state >>> 0
}

/** The checksum of A followed by B, from those of A and of B: for a header that is known only at the end. */
export function joinCrc32(a: number, b: number, lengthOfB: number): number {
  // appending a zero byte multiplies by x^8; square and multiply does lengthOfB of them at once
  let shift = ONE
  let square = ONE >>> 8
  for (let n = lengthOfB; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) shift = multiply(shift, square)
    square = multiply(square, square)
  }
  return (multiply(shift, a) ^ b) >>> 0
}

/** Polynomials over two elements have their lowest power in the highest bit here. */
const POLYNOMIAL = 0xedb88320
const ONE = 0x80000000

const timesX = (value: number): number => (value & 1 ? (value >>> 1) ^ POLYNOMIAL : value >>> 1)

function multiply(a: number, b: number): number {
  let product = 0
  let power = b
  for (let bit = 31; bit >= 0; bit--) {
    if ((a >>> bit) & 1) product ^= power
    power = timesX(power)
  }
  return product >>> 0
}

/** 8 × 256: what becomes of a byte that so many others follow; with eight of them three times as fast as with one. */
const TABLES: Uint32Array = makeTables()

function makeTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256)
  for (let i = 0; i < tables.length; i++) {
    let value = tables[i - 256] ?? i
    for (let bit = 0; bit < 8; bit++) value = timesX(value)
    tables[i] = value
  }
  return tables
}

/** The low byte of `value`, followed by `others` bytes. */
const pushed = (others: number, value: number): number => TABLES[others * 256 + (value & 255)] as number
