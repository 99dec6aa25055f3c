import { IvfError } from '../errors.js'

/** A new array of `bytes` bytes. @throws IvfError ERR_MEMORY */
export function allocate(bytes: number): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(bytes)
  } catch (cause) {
    throw new IvfError('ERR_MEMORY', `cannot have ${bytes} bytes in one piece; take less at a time`, { cause })
  }
}

/** The bytes of numbers, without a copy. */
export function bytesOf(numbers: ArrayBufferView): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** The parts one after the other; `length` is their sum. @throws IvfError ERR_MEMORY */
export function joinBytes(parts: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = allocate(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
