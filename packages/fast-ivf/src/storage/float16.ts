/**
 * Floats of 16 bits, for platforms without Float16Array. Halves: 1 sign bit, 5 exponent bits, 10 mantissa bits.
 * Brain floats (bfloat16): the upper half of a 32-bit float.
 */

/** The numbers that half-precision `bits` stand for; exact. */
export function fromHalves(bits: Uint16Array): Float32Array {
  const numbers = new Float32Array(bits.length)
  const words = new Uint32Array(numbers.buffer)
  for (let i = 0; i < bits.length; i++) {
    const half = bits[i] as number
    const sign = (half & 0x8000) << 16
    if ((half & 0x7c00) === 0x7c00) {
      words[i] = sign | 0x7f800000 | ((half & 0x3ff) << 13)
    } else {
      // exponent and mantissa moved into place, then the difference of the two biases put right by a product
      words[i] = sign | ((half & 0x7fff) << 13)
      numbers[i] = (numbers[i] as number) * 2 ** 112
    }
  }
  return numbers
}

/** The numbers that brain floats' `bits` stand for; exact. */
export function fromBrainFloats(bits: Uint16Array): Float32Array {
  const words = new Uint32Array(bits.length)
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] as number) << 16
  return new Float32Array(words.buffer)
}

/** The bits of the halves nearest to `values[from..to)`, ties to even; from 65520 on a number becomes infinite. */
export function toHalves(values: ArrayLike<number>, from: number, to: number): Uint16Array {
  const bits = new Uint16Array(to - from)
  const size = new Float64Array(1)
  const words = new Uint32Array(size.buffer)
  for (let i = from; i < to; i++) {
    const value = values[i] as number
    size[0] = Math.abs(value)
    const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
    const exponent = Math.max(-14, ((words[1] as number) >>> 20) - 1023)
    // in units of the last mantissa bit, where adding and taking away 2^52 rounds to an integer, ties to even
    const units = (size[0] as number) * (UNITS[exponent + 14] ?? 0) + 2 ** 52 - 2 ** 52
    const finite = sign | (((exponent + 15) << 10) + units - 1024)
    bits[i - from] = Number.isNaN(value) ? 0x7e00 : (size[0] as number) >= 65520 ? sign | 0x7c00 : finite
  }
  return bits
}

/** Units of the last mantissa bit in 1, by exponent from -14 to 15. */
const UNITS: Float64Array = Float64Array.from({ length: 30 }, (_, i) => 2 ** (24 - i))
