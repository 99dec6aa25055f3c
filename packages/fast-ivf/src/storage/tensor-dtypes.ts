import { fromBrainFloats, fromHalves } from './float16.js'

/** The arrays that tensors are kept in. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Uint32Array
  | Int32Array
  | BigUint64Array
  | BigInt64Array

/** How a number of a tensor is stored, in the words of safetensors. */
export type TensorDtype =
  | 'F32'
  | 'F64'
  | 'F16'
  | 'BF16'
  | 'U8'
  | 'I8'
  | 'U16'
  | 'I16'
  | 'U32'
  | 'I32'
  | 'U64'
  | 'I64'
  | 'BOOL'

interface TensorArrayType {
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorArray
  readonly name: string
  readonly BYTES_PER_ELEMENT: number
}

/** The array of each dtype: of F16 and BF16 the bits, of BOOL the bytes. An array's own dtype comes first. */
const arrays: { readonly [D in TensorDtype]: TensorArrayType } = {
  F32: Float32Array,
  F64: Float64Array,
  U8: Uint8Array,
  I8: Int8Array,
  U16: Uint16Array,
  I16: Int16Array,
  U32: Uint32Array,
  I32: Int32Array,
  U64: BigUint64Array,
  I64: BigInt64Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  BOOL: Uint8Array,
}

export const tensorDtypes: readonly TensorDtype[] = Object.keys(arrays) as TensorDtype[]

/** Bytes of one number. */
export function sizeOfDtype(dtype: TensorDtype): number {
  return arrays[dtype].BYTES_PER_ELEMENT
}

/** The name of the array that holds a dtype. */
export function arrayOfDtype(dtype: TensorDtype): string {
  return arrays[dtype].name
}

/** The dtype that an array's type tells, undefined for anything else. By its tag: realms have types of their own. */
export function dtypeOfArray(data: unknown): TensorDtype | undefined {
  if (!ArrayBuffer.isView(data)) return undefined
  const tag = Object.prototype.toString.call(data).slice(8, -1)
  return tensorDtypes.find((dtype) => arrays[dtype].name === tag)
}

/** Little-endian bytes as numbers; may reuse the bytes. */
export function toTensorArray(dtype: TensorDtype, bytes: Uint8Array): TensorArray {
  const Type = arrays[dtype]
  const { buffer, byteOffset } = bytes.byteOffset % Type.BYTES_PER_ELEMENT === 0 ? bytes : new Uint8Array(bytes)
  return new Type(buffer, byteOffset, bytes.length / Type.BYTES_PER_ELEMENT)
}

/** The numbers of floats as 32-bit floats; undefined for dtypes that are no floats. */
export function toFloats(dtype: TensorDtype, data: TensorArray): Float32Array | undefined {
  if (dtype === 'F32') return data as Float32Array
  if (dtype === 'F64') return new Float32Array(data as Float64Array)
  if (dtype === 'F16') return fromHalves(data as Uint16Array)
  if (dtype === 'BF16') return fromBrainFloats(data as Uint16Array)
  return undefined
}
