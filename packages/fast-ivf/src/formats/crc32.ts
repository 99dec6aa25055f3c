/** The checksum that zip files carry. `crc` is the checksum of what came before. */
export function crc32(bytes: Uint8Array, crc = 0): number {
  let state = ~crc
  for (let i = 0; i < bytes.length; i++) state = (state >>> 8) ^ (TABLE[(state ^ (bytes[i] as number)) & 255] as number)
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

const TABLE: Uint32Array = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte
  for (let bit = 0; bit < 8; bit++) value = timesX(value)
  return value
})
