import { show } from '../errors.js'
import { type Cursor, formatError } from './cursor.js'
import type { FaissHeader, ProductQuantizer, ScalarQuantizer, ScalarType } from './description.js'
import { METRIC_REMEDY, OTHER_METRICS, unsupported } from './refuse.js'

/** What indexes are made of: the header, the product and the scalar quantizer. */

const MAX_DIM = 2 ** 20
const MAX_NBITS = 16

/** i32 dim · i64 ntotal · 2 × i64, unused · bool trained · i32 metric */
export async function readHeader(cursor: Cursor): Promise<FaissHeader> {
  const dim = await cursor.i32('the dimension')
  checkRange(cursor, 'the dimension', dim, 1, MAX_DIM)
  const ntotal = await cursor.i64('the number of vectors')
  cursor.pass(2, 8, 'the header')
  const trained = await cursor.bool('is_trained')
  const metric = await cursor.i32('the metric')
  if (metric === 0 || metric === 1) return { dim, ntotal, trained, metric: metric === 1 ? 'l2' : 'ip' }
  const other = OTHER_METRICS[metric]
  if (other === undefined) throw formatError(cursor.name, `has the metric ${metric} at byte ${cursor.at - 4}`)
  throw unsupported(
    cursor.name,
    `an index by the metric ${other}`,
    cursor.at - 4,
    `L2 and the inner product can be; ${METRIC_REMEDY}`,
  )
}

/** u64 dim · u64 m · u64 nbits · vec<f32> codebooks */
export async function readProduct(cursor: Cursor, header: FaissHeader): Promise<ProductQuantizer> {
  const dim = await cursor.u64('the dimension of the product quantizer')
  checkEqual(cursor, 'the dimension of the product quantizer', dim, header.dim)
  const m = await cursor.u64('the number of subvectors')
  if (m === 0 || dim % m !== 0) {
    throw formatError(cursor.name, `says at byte ${cursor.at - 8} that ${dim} components are ${m} equal subvectors`)
  }
  const nbits = await cursor.u64('nbits')
  if (nbits > MAX_NBITS && nbits <= 24) {
    throw unsupported(
      cursor.name,
      `product codes of ${nbits} bits`,
      cursor.at - 8,
      `at most ${MAX_NBITS} bits are known: build it in Python with 'IVF1024,PQ16'`,
    )
  }
  checkRange(cursor, 'nbits', nbits, 1, MAX_NBITS)
  const codebooks = await readTrained(cursor, 'the codebooks', dim * 2 ** nbits, header.trained)
  return { dim, m, nbits, codeSize: Math.ceil((m * nbits) / 8), codebooks }
}

/** i32 type · i32 rangestat · f32 its argument · u64 dim · u64 codeSize · vec<f32> range */
export async function readScalar(cursor: Cursor, header: FaissHeader): Promise<ScalarQuantizer> {
  const at = cursor.at
  const number = await cursor.i32('the type of the scalar quantizer')
  const type = SCALAR_TYPES[number]
  if (!type) {
    if (number < 0 || number > MAX_SCALAR_TYPE) {
      throw formatError(cursor.name, `has the scalar type ${number} at byte ${at}`)
    }
    throw unsupported(
      cursor.name,
      `scalar codes of type ${number}`,
      at,
      `types 0 to 8 (${SCALAR_TYPES.join(', ')}) are known: build it in Python with 'IVF1024,SQ8' or another of them`,
    )
  }
  cursor.pass(2, 4, 'the scalar quantizer')
  const dim = await cursor.u64('the dimension of the scalar quantizer')
  checkEqual(cursor, 'the dimension of the scalar quantizer', dim, header.dim)
  const codeSize = await cursor.u64('the size of a scalar code')
  checkEqual(cursor, 'the size of a scalar code', codeSize, scalarCodeSize(type, dim))
  const range = await readTrained(cursor, 'the range of the scalar quantizer', rangeLength(type, dim), header.trained)
  return { dim, type, codeSize, range }
}

/** In the order of faiss's numbers. */
export const SCALAR_TYPES: readonly ScalarType[] = [
  ...(['8bit', '4bit', '8bit-uniform', '4bit-uniform', 'fp16', '8bit-direct', '6bit', 'bf16'] as const),
  '8bit-direct-signed',
]
const MAX_SCALAR_TYPE = 26

/** Bits of a component. */
export function scalarBits(type: ScalarType): number {
  if (type === '6bit') return 6
  if (type === '4bit' || type === '4bit-uniform') return 4
  return type === 'fp16' || type === 'bf16' ? 16 : 8
}

export function scalarCodeSize(type: ScalarType, dim: number): number {
  return Math.ceil((dim * scalarBits(type)) / 8)
}

/** Floats that training yields. */
export function rangeLength(type: ScalarType, dim: number): number {
  if (type === '8bit' || type === '4bit' || type === '6bit') return 2 * dim
  return type === '8bit-uniform' || type === '4bit-uniform' ? 2 : 0
}

/** vec<f32>: `count` floats, or none as long as training has not yielded them. */
async function readTrained(cursor: Cursor, what: string, count: number, trained: boolean): Promise<Float32Array> {
  const found = await cursor.u64(`the length of ${what}`)
  if (trained || found !== 0) checkEqual(cursor, `the length of ${what}`, found, count)
  return cursor.floats(found, what)
}

/** Of a number just read. @throws IvfError ERR_FORMAT */
export function checkEqual(cursor: Cursor, what: string, found: number, needed: number): void {
  if (found === needed) return
  throw formatError(cursor.name, `says before byte ${cursor.at} that ${what} is ${show(found)}; it must be ${needed}`)
}

/** Of a number just read. @throws IvfError ERR_FORMAT */
export function checkRange(cursor: Cursor, what: string, found: number, min: number, max: number): void {
  if (found >= min && found <= max) return // not NaN
  throw formatError(
    cursor.name,
    `says before byte ${cursor.at} that ${what} is ${show(found)}; it must be from ${min} to ${max}`,
  )
}
