/** Half precision, for platforms without Float16Array: 1 sign bit, 5 exponent bits, 10 mantissa bits. */

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

/** The bits of the half nearest to `value`, ties to even; too large a number becomes infinite. */
export function toHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (size >= 65520) return sign | 0x7c00
  let exponent = Math.max(-14, Math.floor(Math.log2(size)))
  if (size < 2 ** exponent && exponent > -14) exponent--
  // both divisions are by powers of two, so the only rounding is the wanted one
  const units = roundToEven(size / 2 ** (exponent - 10))
  return sign | (((exponent + 15) << 10) + units - 1024)
}

/** The half nearest to `value`, as a number. */
export function roundHalf(value: number): number {
  return fromHalves(Uint16Array.of(toHalf(value)))[0] as number
}

function roundToEven(value: number): number {
  const below = Math.floor(value)
  const part = value - below
  if (part === 0.5) return below % 2 === 0 ? below : below + 1
  return part < 0.5 ? below : below + 1
}
