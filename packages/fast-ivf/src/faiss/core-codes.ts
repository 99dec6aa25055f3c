import { flat } from '../quantizers/flat/flat.js'
import { codeSize as rowSize } from '../quantizers/product/encode.js'
import { product } from '../quantizers/product/product.js'
import type { QuantizerPlan } from '../quantizers/quantizer.js'
import { decodeScalar, productNumbers, scalarCodebooks, splitRaBitQ } from './codes.js'
import { ownBuffer } from './cursor.js'
import type { ProductQuantizer, ScalarQuantizer } from './description.js'
import { scalarBits } from './parts.js'
import type { FaissCore } from './take-apart.js'

/** How faiss's codes are stored here. */
export type CoreCodes =
  /** As vectors: count × dim. */
  | {
      readonly kind: 'vectors'
      readonly plan: QuantizerPlan
      rows(codes: Uint8Array, count: number, centroid: Centroid): Float32Array
    }
  /** As code rows: count × rowBytes. */
  | {
      readonly kind: 'codes'
      readonly plan: QuantizerPlan
      readonly rowBytes: number
      rows(codes: Uint8Array, count: number, centroid: Centroid): Uint8Array
    }

/** Of the codes' cell; undefined where codes are not of residuals. */
export type Centroid = Float32Array | undefined

/** The quantizer that takes a core's codes as they are, and how they become its rows. */
export function coreCodes(core: FaissCore): CoreCodes {
  switch (core.kind) {
    case 'flat':
    case 'ivf-flat':
      return { kind: 'vectors', plan: flat, rows: (codes) => new Float32Array(ownBuffer(codes)) }
    case 'pq':
      return productCodes(core.pq, core.metric === 'l2', false)
    case 'ivf-pq':
      return productCodes(core.pq, core.metric === 'l2', core.byResidual)
    case 'sq':
      return scalarCodes(core.sq, core.metric === 'l2', false)
    case 'ivf-sq':
      return scalarCodes(core.sq, core.metric === 'l2', core.byResidual)
    case 'ivf-rabitq':
      return signCodes(core.dim, core.metric === 'l2', core.byResidual)
    default:
      throw new Error(`what is stored as ${core satisfies never}?`)
  }
}

/** Look-ups are exact: 4-bit codes are not scanned with rounded tables. */
function productCodes(pq: ProductQuantizer, squared: boolean, residual: boolean): CoreCodes {
  const { m, nbits, codebooks, codeSize, dim } = pq
  const k = 2 ** nbits
  const width = dim / m
  const training = { kind: 'given', codebooks } as const
  const plan = product({ m, k, residual, opq: false, fastScan: false, training })
  const rowBytes = rowSize(m, nbits)
  const halves = squared ? halfNorms(codebooks, width) : undefined
  return {
    kind: 'codes',
    plan,
    rowBytes,
    rows(codes, count, centroid) {
      const rows = placed(codes, codeSize, rowBytes, count)
      if (!halves) return rows
      const numbers = productNumbers(pq, codes, count)
      const view = new DataView(rows.buffer)
      for (let row = 0; row < count; row++) {
        let sum = 0
        for (let j = 0; j < m; j++) {
          const word = j * k + (numbers[row * m + j] as number)
          sum += halves[word] as number
          if (!centroid) continue
          for (let t = 0; t < width; t++) {
            sum += (centroid[j * width + t] as number) * (codebooks[word * width + t] as number)
          }
        }
        view.setFloat32((row + 1) * rowBytes - 4, sum, true)
      }
      return rows
    },
  }
}

/** Of at most 8 bits: product codes of components, several together where they fit a byte. Others are numbers. */
function scalarCodes(sq: ScalarQuantizer, squared: boolean, residual: boolean): CoreCodes {
  const { dim, type, codeSize } = sq
  const values = scalarCodebooks(sq)
  if (values) return productCodes({ codeSize, ...together(values, dim, scalarBits(type)) }, squared, residual)
  return {
    kind: 'vectors',
    plan: flat,
    rows(codes, count, centroid) {
      const rows = decodeScalar(sq, codes, count)
      if (centroid)
        for (let at = 0; at < rows.length; at++) rows[at] = (rows[at] as number) + (centroid[at % dim] as number)
      return rows
    },
  }
}

/**
 * RaBitQ by queries that are not rounded. As faiss has it, the squared distance is add + ‖q − c‖² − 2 · scale ·
 * ⟨q − c, s⟩; half of it less ½‖q‖² is what is stored here plus ½‖c‖² − ⟨q, c⟩ less scale · ⟨q, s⟩. By inner product
 * faiss leaves ‖x‖² out of `add`, and ½‖c‖² is not there beside −⟨q, c⟩, so that it is stored.
 */
function signCodes(dim: number, squared: boolean, residual: boolean): CoreCodes {
  const { m, nbits, codebooks } = together(
    Float32Array.from({ length: 2 * dim }, (_, at) => (at & 1) * 2 - 1),
    dim,
    1,
  )
  const training = { kind: 'given', codebooks } as const
  const plan = product({ m, k: 2 ** nbits, residual, opq: false, fastScan: false, scaled: true, training })
  const rowBytes = rowSize(m, nbits, 2)
  const signBytes = Math.ceil(dim / 8)
  return {
    kind: 'codes',
    plan,
    rowBytes,
    rows(codes, count, centroid) {
      const { signs, add, multiplier } = splitRaBitQ(dim, codes, count)
      const rows = placed(codes, signBytes + 8, rowBytes, count, signBytes)
      const view = new DataView(rows.buffer)
      const norm = squared || !centroid ? 0 : centroid.reduce((sum, value) => sum + value * value, 0)
      for (let row = 0; row < count; row++) {
        const scale = (multiplier[row] as number) / Math.sqrt(dim)
        let offset = 0
        if (centroid) for (let i = 0; i < dim; i++) offset += (centroid[i] as number) * (signs[row * dim + i] as number)
        view.setFloat32((row + 1) * rowBytes - 8, ((add[row] as number) + norm) / 2 + scale * offset, true)
        view.setFloat32((row + 1) * rowBytes - 4, scale, true)
      }
      return rows
    },
  }
}

/**
 * Codes of components as product codes of as many components as fit a byte: the bits stay where they are. `values`:
 * dim × 2^bits.
 */
function together(values: Float32Array, dim: number, bits: number): Omit<ProductQuantizer, 'codeSize'> {
  let width = Math.floor(8 / bits)
  while (dim % width !== 0) width--
  const nbits = width * bits
  const m = dim / width
  const codebooks = new Float32Array(dim << nbits)
  for (let at = 0; at < codebooks.length; at++) {
    const t = at % width
    const word = Math.floor(at / width)
    const component = (word >> nbits) * width + t
    const code = (word >> (t * bits)) & (2 ** bits - 1)
    codebooks[at] = values[(component << bits) + code] as number
  }
  return { dim, m, nbits, codebooks }
}

/** Codes in rows of another size, filled up with zeros. */
function placed(codes: Uint8Array, size: number, rowBytes: number, count: number, used = size): Uint8Array {
  const rows = new Uint8Array(count * rowBytes)
  for (let row = 0; row < count; row++) rows.set(codes.subarray(row * size, row * size + used), row * rowBytes)
  return rows
}

function halfNorms(words: Float32Array, width: number): Float64Array {
  const halves = new Float64Array(words.length / width)
  words.forEach((value, at) => {
    const word = Math.floor(at / width)
    halves[word] = (halves[word] as number) + (value * value) / 2
  })
  return halves
}
