/** Fields of a file as bytes, little-endian. */

import { bytesOf } from '../storage/bytes.js'

export function letters(text: string): Uint8Array {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0))
}

export function u8(value: number): Uint8Array {
  return Uint8Array.of(value)
}

export function i32(value: number): Uint8Array {
  return bytesOf(Int32Array.of(value))
}

export function f32(value: number): Uint8Array {
  return bytesOf(Float32Array.of(value))
}

export function u64(value: number): Uint8Array {
  return bytesOf(BigUint64Array.of(BigInt(value)))
}

/** How many, then the numbers. */
export function counted(values: Float32Array | BigInt64Array): [Uint8Array, Uint8Array] {
  return [u64(values.length), bytesOf(values)]
}
