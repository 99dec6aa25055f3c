import type { RunOptions } from '../engine/executor.js'
import type { Model } from '../ivf/model.js'
import { packedBytes } from '../quantizers/product/encode.js'
import { encodeScalar8 } from './codes.js'
import type { ProductQuantizer, ScalarQuantizer } from './description.js'
import type { SegmentSlots } from './stored-order.js'
import { codeRows } from './stored-vectors.js'

/** How vectors are written, and what faiss is told of it. */
export type WrittenCodes = {
  readonly codeSize: number
  readonly byResidual: boolean
  /** count × codeSize: codes of vectors that are all in one cell. */
  encode(part: SegmentSlots, cell: number): Promise<Uint8Array>
} & (
  | { readonly kind: 'ivf-flat' }
  | { readonly kind: 'ivf-pq'; readonly pq: ProductQuantizer }
  | { readonly kind: 'ivf-sq'; readonly sq: ScalarQuantizer }
  | { readonly kind: 'ivf-rabitq'; readonly qb: number }
)

type Read = (part: SegmentSlots) => Promise<Float32Array>

/** The vectors themselves. */
export function flatCodes(width: number, read: Read): WrittenCodes {
  return {
    ...{ kind: 'ivf-flat', codeSize: width * 4, byResidual: false },
    encode: async (part) => new Uint8Array((await read(part)).buffer as ArrayBuffer),
  }
}

/** 8 bits per component of what is left without the centroid. `centroids`: nlist × width. */
export async function scalarCodes(
  centroids: Float32Array,
  width: number,
  parts: Iterable<{ part: SegmentSlots; cell: number }>,
  read: Read,
): Promise<WrittenCodes> {
  const rest = async (part: SegmentSlots, cell: number): Promise<Float32Array> => {
    const rows = await read(part)
    for (let at = 0; at < rows.length; at++) {
      rows[at] = (rows[at] as number) - (centroids[cell * width + (at % width)] as number)
    }
    return rows
  }
  const low = new Float32Array(width).fill(Number.POSITIVE_INFINITY)
  const high = new Float32Array(width).fill(Number.NEGATIVE_INFINITY)
  for (const { part, cell } of parts) {
    const rows = await rest(part, cell)
    for (let at = 0, i = 0; at < rows.length; at++, i = i + 1 === width ? 0 : i + 1) {
      const value = rows[at] as number
      if (value < (low[i] as number)) low[i] = value
      if (value > (high[i] as number)) high[i] = value
    }
  }
  // Without vectors there is no range; any will do.
  const from = low.map((value) => (value === Number.POSITIVE_INFINITY ? 0 : value))
  const span = high.map((value, i) => (value === Number.NEGATIVE_INFINITY ? 1 : value - (from[i] as number)))
  const range = new Float32Array(2 * width)
  range.set(from)
  range.set(span, width)
  return {
    ...{ kind: 'ivf-sq', codeSize: width, byResidual: true, sq: { dim: width, type: '8bit', codeSize: width, range } },
    encode: async (part, cell) => encodeScalar8(await rest(part, cell), from, span),
  }
}

/** The codes of a product quantizer as they are; undefined when it is none. `centroids`: nlist × width, turned. */
export function sameCodes(model: Model, centroids: Float32Array, options: RunOptions): WrittenCodes | undefined {
  const { quantizer, width, metric } = model
  const { traits, tensors } = quantizer.learned
  const codebooks = tensors.find(({ name }) => name === 'codebooks')?.data
  if (traits.kind !== 'PQ' || !codebooks) return undefined
  const [m, k, byResidual] = [Number(traits.m), Number(traits.k), traits.residual === true]
  const nbits = 32 - Math.clz32(k - 1)
  const rowBytes = quantizer.codeSize
  if (traits.scaled === true) {
    const signBytes = Math.ceil(width / 8)
    const codeSize = signBytes + 8
    return {
      ...{ kind: 'ivf-rabitq', codeSize, byResidual, qb: 0 },
      async encode(part, cell) {
        const rows = await codeRows(model, part, options)
        const centroid = byResidual ? centroids.subarray(cell * width, (cell + 1) * width) : undefined
        return signsOf(rows, { rowBytes, factors: packedBytes(m, nbits), signBytes, width }, centroid, metric === 'l2')
      },
    }
  }
  const codeSize = Math.ceil((m * nbits) / 8)
  return {
    ...{ kind: 'ivf-pq', codeSize, byResidual },
    pq: { dim: width, m, nbits, codeSize, codebooks: filledUp(codebooks, k, 2 ** nbits, width / m) },
    async encode(part) {
      const rows = await codeRows(model, part, options)
      const codes = new Uint8Array(part.slots.length * codeSize)
      for (let row = 0; row < part.slots.length; row++) {
        codes.set(rows.subarray(row * rowBytes, row * rowBytes + codeSize), row * codeSize)
      }
      return codes
    },
  }
}

/** faiss has 2^nbits codewords; those that are not there are copies of the first, which is preferred to them. */
function filledUp(words: Float32Array, k: number, all: number, width: number): Float32Array {
  if (k === all) return words
  const m = words.length / (k * width)
  const filled = new Float32Array(m * all * width)
  for (let j = 0; j < m; j++) {
    const own = words.subarray(j * k * width, (j + 1) * k * width)
    filled.set(own, j * all * width)
    for (let word = k; word < all; word++) filled.set(own.subarray(0, width), (j * all + word) * width)
  }
  return filled
}

/** Of what is stored here, faiss's `add` is twice without the centroid's part, and its multiplier is for signs / √dim. */
function signsOf(
  rows: Uint8Array,
  { rowBytes, factors, signBytes, width }: { rowBytes: number; factors: number; signBytes: number; width: number },
  centroid: Float32Array | undefined,
  squared: boolean,
): Uint8Array {
  const codeSize = signBytes + 8
  const codes = new Uint8Array((rows.length / rowBytes) * codeSize)
  const [from, to] = [new DataView(rows.buffer), new DataView(codes.buffer)]
  const norm = squared || !centroid ? 0 : centroid.reduce((sum, value) => sum + value * value, 0)
  for (let at = 0, row = 0; at < rows.length; at += rowBytes, row++) {
    codes.set(rows.subarray(at, at + signBytes), row * codeSize)
    const [add, scale] = [from.getFloat32(at + factors, true), from.getFloat32(at + factors + 4, true)]
    let offset = 0
    for (let i = 0; centroid && i < width; i++) {
      offset += ((rows[at + (i >> 3)] as number) >> (i & 7)) & 1 ? (centroid[i] as number) : -(centroid[i] as number)
    }
    to.setFloat32(row * codeSize + signBytes, 2 * (add - scale * offset) - norm, true)
    to.setFloat32(row * codeSize + signBytes + 4, scale * Math.sqrt(width), true)
  }
  return codes
}
