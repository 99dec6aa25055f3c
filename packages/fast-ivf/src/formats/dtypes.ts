import { IvfError } from '../errors.js'
import { fromHalves, toHalves } from '../storage/float16.js'

/** The arrays that rows are handed out in. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array

/** How one number is stored in a file. */
export type Dtype =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'uint8'
  | 'int8'
  | 'uint16'
  | 'int16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'int64'
  | 'bool'

/** One record per dtype: everything that depends on how a number is stored. */
export interface Element {
  /** bytes of one number */
  readonly size: number
  /** kind and size as NumPy writes them */
  readonly npy: string
  /** an array for `length` numbers of this dtype, once read */
  make(length: number): TypedArray
  /** what a reader gets back of `value`; NaN or another number when it cannot be stored as it is */
  round(value: number): number
  /** little-endian bytes to numbers; may reuse the bytes */
  decode(bytes: Uint8Array): TypedArray
  /** numbers that fit (see `misfit`) to little-endian bytes */
  encode(values: ArrayLike<number>, from: number, to: number): Uint8Array
  /** the numbers it holds, for messages */
  readonly holds: string
  readonly float: boolean
  /** of a float: the least size that would round to infinity */
  readonly limit: number | undefined
}

export const elements: { readonly [D in Dtype]: Element } = {
  float32: plain(Float32Array, 'f4', 'numbers up to 3.4e38', Math.fround, 2 ** 128 - 2 ** 103),
  float64: plain(Float64Array, 'f8', 'all numbers', (value) => value, Number.POSITIVE_INFINITY),
  float16: {
    size: 2,
    npy: 'f2',
    make: (length) => new Float32Array(length),
    round: (value) => fromHalves(toHalves([value], 0, 1))[0] as number,
    limit: 65520,
    decode: (bytes) => fromHalves(viewAs(Uint16Array, bytes)),
    encode: (values, from, to) => new Uint8Array(toHalves(values, from, to).buffer),
    holds: 'numbers up to 65504',
    float: true,
  },
  uint8: integer(Uint8Array, 'u1', 0, 255),
  int8: integer(Int8Array, 'i1', -128, 127),
  uint16: integer(Uint16Array, 'u2', 0, 65535),
  int16: integer(Int16Array, 'i2', -32768, 32767),
  uint32: integer(Uint32Array, 'u4', 0, 2 ** 32 - 1),
  int32: integer(Int32Array, 'i4', -(2 ** 31), 2 ** 31 - 1),
  uint64: wide('u8', 0),
  int64: wide('i8', Number.MIN_SAFE_INTEGER),
  bool: {
    ...integer(Uint8Array, 'b1', 0, 1),
    decode: (bytes) => bytes.map((byte) => (byte === 0 ? 0 : 1)),
    holds: '0 and 1',
  },
}

export const dtypeNames: readonly Dtype[] = Object.keys(elements) as Dtype[]

/** The dtype that stores an array as it is; undefined for arrays that hold no plain numbers. */
export function dtypeOf(data: ArrayLike<number>): Dtype | undefined {
  if (Array.isArray(data)) return 'float64'
  const tag = Object.prototype.toString.call(data).slice(8, -6).toLowerCase()
  return tag in elements ? (tag as Dtype) : undefined
}

/**
 * The first of `values[from..to)` that `dtype` would change, or -1. Float dtypes round to the nearest number, as floats
 * do, unless `exact` (the numbers come from an integer array: ids and counts must stay what they are).
 */
export function misfit(dtype: Dtype, values: ArrayLike<number>, from: number, to: number, exact: boolean): number {
  const { round, limit } = elements[dtype]
  for (let i = from; i < to; i++) {
    const value = values[i] as number
    if (exact || limit === undefined) {
      if (round(value) !== value) return i
    } else if (Math.abs(value) >= limit && Number.isFinite(value)) return i
  }
  return -1
}

/** Little-endian bytes as numbers, or the error that `where(index)` begins for an integer that has no exact number. */
export function decode(dtype: Dtype, bytes: Uint8Array, where: (index: number) => string): TypedArray {
  const numbers = elements[dtype].decode(bytes)
  if (dtype !== 'int64' && dtype !== 'uint64') return numbers
  const unsafe = (numbers as Float64Array).findIndex((value) => !Number.isSafeInteger(value))
  if (unsafe < 0) return numbers
  throw new IvfError(
    'ERR_FORMAT',
    `${where(unsafe)} holds an ${dtype} of about ${numbers[unsafe]}, beyond ±2^53 where JavaScript numbers are exact; ` +
      'store smaller integers, or the ids as strings beside the vectors',
  )
}

/** Turns big-endian numbers into little-endian ones, in place. */
export function swapBytes(bytes: Uint8Array, size: number): void {
  if (size === 1) return
  for (let at = 0; at + size <= bytes.length; at += size) bytes.subarray(at, at + size).reverse()
}

interface ArrayType<T> {
  new (length: number): T
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T
  readonly BYTES_PER_ELEMENT: number
}

function viewAs<T extends TypedArray>(Type: ArrayType<T>, bytes: Uint8Array): T {
  const size = Type.BYTES_PER_ELEMENT
  const { buffer, byteOffset } = byteOffsetIsAligned(bytes, size) ? bytes : new Uint8Array(bytes)
  return new Type(buffer, byteOffset, Math.floor(bytes.length / size))
}

function byteOffsetIsAligned(bytes: Uint8Array, size: number): boolean {
  return bytes.byteOffset % size === 0
}

function plain(
  Type: ArrayType<TypedArray>,
  npy: string,
  holds: string,
  round: (value: number) => number,
  limit?: number,
): Element {
  return {
    size: Type.BYTES_PER_ELEMENT,
    npy,
    make: (length) => new Type(length),
    round,
    decode: (bytes) => viewAs(Type, bytes),
    encode(values, from, to) {
      const out = new Type(to - from)
      if (ArrayBuffer.isView(values)) out.set((values as TypedArray).subarray(from, to))
      else for (let i = from; i < to; i++) out[i - from] = values[i] as number
      return new Uint8Array(out.buffer)
    },
    holds,
    limit,
    float: limit !== undefined,
  }
}

function integer(Type: ArrayType<TypedArray>, npy: string, min: number, max: number): Element {
  return plain(Type, npy, `integers from ${min} to ${max}`, within(min, max))
}

/** 64-bit integers, read into doubles: exact up to 2^53, and refused beyond. */
function wide(npy: string, min: number): Element {
  return {
    size: 8,
    npy,
    make: (length) => new Float64Array(length),
    round: within(min, Number.MAX_SAFE_INTEGER),
    decode(bytes) {
      const low = viewAs(Uint32Array, bytes)
      const high = min < 0 ? new Int32Array(low.buffer, low.byteOffset, low.length) : low
      const numbers = new Float64Array(low.length / 2)
      for (let i = 0; i < numbers.length; i++) {
        numbers[i] = (high[2 * i + 1] as number) * 2 ** 32 + (low[2 * i] as number)
      }
      return numbers
    },
    encode(values, from, to) {
      const words = new Uint32Array(2 * (to - from))
      for (let i = from; i < to; i++) {
        const value = values[i] as number
        words[2 * (i - from)] = value % 2 ** 32
        words[2 * (i - from) + 1] = Math.floor(value / 2 ** 32)
      }
      return new Uint8Array(words.buffer)
    },
    holds: `integers from ${min} to ${Number.MAX_SAFE_INTEGER}`,
    float: false,
    limit: undefined,
  }
}

function within(min: number, max: number): (value: number) => number {
  return (value) => (value >= min && value <= max && Number.isInteger(value) ? value : Number.NaN)
}
