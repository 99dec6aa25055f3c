import { meanOf } from '../../clustering/mean.js'
import { PRODUCTS } from '../../clustering/nearest.js'
import { IvfError } from '../../errors.js'
import { allocCodes, type CodeShape, codesBytes, packedBytes, readCodes, writeCodes } from '../layouts/blocks.js'
import type { Quantizer, QuantizerKind, QuantizerPlan, QuantizerTraining } from '../quantizer.js'
import { createRotation, rotate, rotatedWidth, unrotate } from '../rotation/rotation.js'
import { createScalarCode, decodeScalar, encodeScalar } from './encode.js'
import type { ScalarBits } from './levels.js'
import { prepareScalar, scalarTableSize } from './tables.js'

const BITS = [1, 2, 4, 8] as const satisfies ScalarBits[]

/**
 * Rotated scalar codes: what is left of a vector after its centroid is taken away, turned by a seeded random rotation,
 * a few bits per component, with factors that make estimates unbiased and tell their standard error. Nothing is
 * learned. One bit is RaBitQ (J. Gao, C. Long, SIGMOD 2024); more bits are Lloyd–Max levels, 8 are uniform.
 */
export const scalarKind: QuantizerKind = {
  words: BITS.map((bits) => `SQ${bits}`).join(', '),
  examples: BITS.map((bits) => `SQ${bits}`),
  parse(word) {
    const bits = BITS.find((bits) => word === `SQ${bits}`)
    return bits && scalar(bits)
  },
  open({ kind, bits }, tensors) {
    const known = kind === 'SQ' ? BITS.find((own) => own === bits) : undefined
    return known && scalar(known, tensors.get('origin'))
  },
}

/** Sums per query that are offered at a time. */
const STRIP = 512

/**
 * What rounding queries adds to errors. A code of x̄ errs by ‖r‖ · tan / √(width − 1) per length of the query, and each
 * component of the query by unit / √12, which is worth ‖r‖ / cos · unit / √12: so unit² · (width − 1) / (12 · sin²) beside
 * the squared length. A table's entry stands for four components.
 */
function roundingOf(bits: ScalarBits, width: number): number {
  const tan = tanOf(bits, width)
  return (((width - 1) / 12) * (1 + tan ** 2)) / tan ** 2 / (bits === 1 ? 4 : 1)
}

/** By how much residuals and their codes differ in direction: the levels' error; 8 bits share out the widest component. */
function tanOf(bits: ScalarBits, width: number): number {
  if (bits === 8) return (Math.sqrt(2 * Math.log(2 * width)) - 0.45) / (127 * Math.sqrt(12))
  return { 1: 0.755, 2: 0.365, 4: 0.098 }[bits]
}

/** `origin`: about which vectors are turned (l2); the middle of the centroids, when left out. */
function scalar(bits: ScalarBits, origin?: Float32Array): QuantizerPlan {
  const word = `SQ${bits}`
  return {
    word,
    exact: false,
    bounded: true,
    check() {},
    train: async (training) => create(word, bits, origin, training),
  }
}

async function create(
  word: string,
  bits: ScalarBits,
  given: Float32Array | undefined,
  training: QuantizerTraining,
): Promise<Quantizer> {
  const { engine, alloc, metric, dim, centroids: centers, seed, options } = training
  const width = rotatedWidth(dim)
  // Distances of l2 stay when all is moved: about their middle, queries are short and rounded finely.
  const origin = metric === 'l2' ? (given ?? meanOf(centers, dim)) : undefined
  if (origin && origin.length !== dim) {
    throw new IvfError('ERR_DIM', `the origin holds ${origin.length} numbers, and ${dim} are needed`)
  }
  const rotation = createRotation(engine, alloc, dim, seed, origin)
  const code = createScalarCode(engine, alloc, width, bits)
  const nlist = centers.length / dim
  const centroids = alloc(nlist * width * 4)
  await engine.frame(async (scratch) => {
    const rows = scratch.alloc(centers.byteLength)
    engine.floats(rows, centers.length).set(centers)
    await rotate(engine, rotation, rows, nlist, centroids, { signal: options.signal })
  })
  const { codeSize, nfactors, levels } = code
  const codeBytes = (width * bits) / 8
  const signs = bits === 1
  const fields = signs ? width / 4 : width
  const shape: CodeShape = {
    ...{ layout: signs ? 'nibbles' : 'quads', bits: signs ? 4 : bits },
    ...{ fields, codeBytes, nfactors, codeSize },
  }
  const tableSize = scalarTableSize(width, bits)
  return {
    ...{
      word,
      exact: false,
      residual: true,
      byShare: metric !== 'l2',
      bounded: true,
      rounding: roundingOf(bits, width),
      codeSize,
      preparedBytes: tableSize + width * 4 + 8,
      // The codes of vectors tell where they are from there, whatever becomes of the centroids.
      learned: {
        traits: { kind: 'SQ', bits },
        tensors: origin ? [{ name: 'origin', shape: [dim], data: origin }] : [],
      },
    },
    scan: {
      ...{ kernel: signs ? 'scanNibbles' : 'scanQuads', dim: fields, bits, levels, nfactors },
      packed: (queries) => packedBytes(shape, queries),
      sums: (queries) => (signs ? PRODUCTS : queries * STRIP),
      // Measured: one look-up of 4 signs takes as long as half a multiply-add, a product of bytes as long as half of one.
      cost: signs ? width / 8 : width / 2,
    },
    alloc: (alloc, count) => allocCodes(engine, alloc, shape, count),
    bytes: (count) => codesBytes(shape, count),
    async encode(scratch, { rows, cells, count }, options) {
      const out = scratch.alloc(count * codeSize)
      await engine.frame(async (own) => {
        const rotated = own.alloc(count * width * 4)
        await rotate(engine, rotation, rows, count, rotated, options)
        await encodeScalar(engine, code, { rows: rotated, count, cells, centroids }, out, {
          ...options,
          halfNorm: metric === 'l2',
          dropZero: metric === 'cosine',
        })
      })
      return out
    },
    async decode(scratch, rows, cells, count, options) {
      const out = scratch.alloc(count * dim * 4)
      await engine.frame(async (own) => {
        const rotated = own.alloc(count * width * 4)
        await decodeScalar(engine, code, { rows, count, cells, centroids }, rotated, options)
        await unrotate(engine, rotation, rotated, count, out, options)
      })
      return out
    },
    write: (codes, rows, first, count, options) => writeCodes(engine, shape, codes, rows, first, count, options),
    read: (codes, rows, first, count, options) => readCodes(engine, shape, codes, rows, first, count, options),
    async prepare(scratch, queries, nq, options) {
      const tables = scratch.alloc(nq * tableSize)
      const units = scratch.alloc(nq * 8)
      await engine.frame(async (own) => {
        const rotated = own.alloc(nq * width * 4)
        await rotate(engine, rotation, queries, nq, rotated, options)
        await prepareScalar(engine, bits, { queries: rotated, count: nq, width }, { tables, units }, options)
      })
      return { tables, tableSize, units }
    },
  }
}
