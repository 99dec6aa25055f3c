/** The forms in which vectors are kept, in plain code. */

const f = Math.fround

/** The kernels' numbers of the forms. */
export const FORMS = { f32: 1, f16: 2, int8: 3 } as const
export type Kept = keyof typeof FORMS

export function rowBytesOf(kept: Kept, dim: number): number {
  const bytes = { f32: dim * 4, f16: dim * 2, int8: 4 + dim }[kept]
  return kept === 'f32' ? bytes : Math.ceil(bytes / 16) * 16
}

/** The bytes of a row, zeros after it. */
export function storedRow(kept: Kept, row: Float32Array): Uint8Array {
  const bytes = new Uint8Array(rowBytesOf(kept, row.length))
  if (kept === 'f32') new Float32Array(bytes.buffer).set(row)
  else if (kept === 'f16') new Uint16Array(bytes.buffer).set([...row].map(toHalf))
  else {
    new Float32Array(bytes.buffer, 0, 1)[0] = factorOf(row)
    new Int8Array(bytes.buffer, 4).set(bytesOf(row))
  }
  return bytes
}

/** What is left of a row. */
export function keptRow(kept: Kept, row: Float32Array): Float32Array {
  if (kept === 'f32') return row
  if (kept === 'f16') return row.map((value) => halfOf(toHalf(value)))
  return Float32Array.from(bytesOf(row), (byte) => byte * factorOf(row))
}

/** The number that half-precision bits stand for. */
export function halfOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const mantissa = bits & 1023
  return exponent === 0 ? sign * mantissa * 2 ** -24 : sign * (1024 + mantissa) * 2 ** (exponent - 25)
}

function toHalf(value: number): number {
  const size = Math.abs(value)
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1e-9)))
  // One more where the logarithm was rounded up to the next power; 2 ** −24 is the smallest unit.
  const unit = 2 ** (exponent - (2 ** exponent > size && exponent > -14 ? 11 : 10))
  const rounded = even(size / unit) * unit
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  if (rounded < 2 ** -14) return sign | (rounded * 2 ** 24)
  const top = Math.floor(Math.log2(rounded))
  return sign | (((top + 15) << 10) + (rounded / 2 ** (top - 10) - 1024))
}

function factorOf(row: Float32Array): number {
  return f(row.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127)
}

function bytesOf(row: Float32Array): number[] {
  const factor = factorOf(row)
  return [...row].map((value) => (factor === 0 ? 0 : Math.max(-127, Math.min(127, even(f(value / factor))))))
}

/** The nearest integer, of two equally near the even one. */
function even(value: number): number {
  const low = Math.floor(value)
  const gap = value - low
  return gap > 0.5 || (gap === 0.5 && low % 2 !== 0) ? low + 1 : low
}
