import { PRODUCTS } from '../../clustering/nearest.js'
import { IvfError } from '../../errors.js'
import { allocCodes, type CodeShape, codesBytes, packedBytes, readCodes, writeCodes } from '../layouts/blocks.js'
import type { Quantizer, QuantizerKind, QuantizerPlan, QuantizerTraining } from '../quantizer.js'
import {
  codeBits,
  packedBytes as codeBytesOf,
  codeSize,
  decodeRows,
  encodeRows,
  type FactorKind,
  placeCodebooks,
} from './encode.js'
import type { ProductOptions } from './learn.js'
import { multiplyRows, scaleRows } from './scaled.js'
import { checkCodebooks } from './size.js'
import { fillLookUpTables, fillNibbleTables, lookUpTableSize, nibbleTableSize } from './tables.js'

const STRIP = 256 // slots whose codes are unpacked at a time

/** `PQ32x6`: 32 subvectors of 6 bits each, of residuals. */
export const productKind: QuantizerKind = {
  words: 'PQ<m>x<bits>',
  examples: ['PQ12x4', 'PQ3x4', 'PQ8x6', 'PQ48x1', 'PQ2x9', 'PQ4x8', 'OPQ12,PQ12x4', 'OPQ8,PQ8x6'],
  parse(word, { opq }) {
    const [, m, bits] = word.match(/^PQ(\d+)x(\d+)$/) ?? []
    if (m === undefined || bits === undefined) return undefined
    if (opq !== undefined && opq !== Number(m)) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `OPQ${opq} learns a rotation for ${opq} subvectors, and ${word} has ${m}; make them equal`,
      )
    }
    if (Number(bits) < 1 || Number(bits) > 16) {
      throw new IvfError('ERR_ARGUMENT', `${word} has codes of ${bits} bits; they must have 1 to 16`)
    }
    const options = {
      m: Number(m),
      k: 2 ** Number(bits),
      residual: true,
      opq: opq !== undefined,
      fastScan: true,
    } as const
    return product({ ...options, training: { kind: 'lloyd' } })
  },
  open({ kind, m, k, residual, opq, fastScan, scaled = false }, tensors) {
    if (kind !== 'PQ') return undefined
    const codebooks = tensors.get('codebooks')
    const rotation = tensors.get('rotation')
    const [flags, sizes] = [
      [residual, opq, fastScan, scaled],
      [m, k],
    ]
    const right = flags.every((flag) => typeof flag === 'boolean') && sizes.every(Number.isSafeInteger)
    if (!right || !codebooks || (opq === true) !== (rotation !== undefined)) {
      throw new IvfError('ERR_FORMAT', 'the product quantizer is not told whole; write the file again')
    }
    const options = {
      m: Number(m),
      k: Number(k),
      residual: residual === true,
      opq: opq === true,
      fastScan: fastScan === true,
      scaled: scaled === true,
    }
    return product({ ...options, training: { kind: 'given', codebooks, ...(rotation && { rotation }) } })
  },
}

/** Product codes (H. Jégou, M. Douze, C. Schmid, 2011). */
export function product(options: ProductOptions): QuantizerPlan {
  const { m, k, opq, scaled } = options
  const word = scaled ? 'RaBitQ' : `${opq ? `OPQ${m},` : ''}PQ${m}x${codeBits(k)}`
  return {
    word,
    exact: false,
    bounded: false,
    check: (dim) => void checkCodebooks(dim, { m, k }),
    train: (training) => create(word, options, training),
  }
}

async function create(word: string, options: ProductOptions, training: QuantizerTraining): Promise<Quantizer> {
  const { engine, alloc, metric, dim, centroids: centers } = training
  const { m, k, residual, opq, fastScan, scaled = false } = options
  const { codebooks, rotation, turn, turnBack } = await (await import('./learn.js')).learn(options, training)
  const books = placeCodebooks(engine, alloc, codebooks)
  const nlist = centers.length / dim
  const centroids = residual ? alloc(centers.byteLength) : 0
  if (residual) {
    engine.floats(centroids, centers.length).set(centers)
    await engine.frame(async (scratch) => {
      const turned = await turn(scratch, centroids, nlist, { signal: training.options.signal })
      if (turned !== centroids) engine.floats(centroids, centers.length).set(engine.floats(turned, centers.length))
    })
  }
  const { bits } = books
  const fast = fastScan && bits === 4
  const nfactors = scaled ? 2 : 1
  const shape: CodeShape = {
    ...{ layout: fast ? 'nibbles' : 'rows', bits, fields: m },
    ...{ codeBytes: codeBytesOf(m, bits), nfactors, codeSize: codeSize(m, bits, nfactors) },
  }
  const factor: FactorKind = metric === 'ip' ? 'none' : metric === 'l2' ? 'apart' : 'unit'
  const tableSize = fast ? nibbleTableSize(books) : lookUpTableSize(books)
  return {
    ...{
      word,
      exact: false,
      residual,
      byShare: false,
      bounded: false,
      rounding: 0,
      codeSize: shape.codeSize,
      preparedBytes: tableSize + 8 + dim * 4,
      learned: {
        traits: { kind: 'PQ', m, k, residual, opq, fastScan, ...(scaled && { scaled }) },
        tensors: [
          { name: 'codebooks', shape: [m, k, codebooks.width], data: codebooks.words },
          ...(rotation ? [{ name: 'rotation', shape: [dim, dim], data: rotation }] : []),
        ],
      },
    },
    scan: {
      ...{ kernel: fast ? 'scanNibbles' : 'scanLookUp', dim: m, bits, levels: 0, nfactors },
      sums: () => PRODUCTS,
      packed: (queries) => (fast ? packedBytes(shape, queries) : m * STRIP * (bits > 8 ? 2 : 1)),
      cost: fast ? m / 2 : m * 4,
    },
    alloc: (alloc, count) => allocCodes(engine, alloc, shape, count),
    bytes: (count) => codesBytes(shape, count),
    async encode(scratch, { rows, cells, count }, options) {
      const codes = scratch.alloc(count * shape.codeSize)
      await engine.frame(async (own) => {
        const turned = await turn(own, rows, count, options)
        const coded = { rows: turned, count, cells, centroids, codes, nfactors }
        await encodeRows(engine, books, coded, factor, options)
        if (scaled) await scaleRows(engine, books, coded, metric, options)
      })
      return codes
    },
    async decode(scratch, codes, cells, count, options) {
      const rows = scratch.alloc(count * dim * 4)
      const coded = { rows, count, cells, centroids: scaled ? 0 : centroids, codes, nfactors }
      await decodeRows(engine, books, coded, options)
      if (scaled) await multiplyRows(engine, books, { ...coded, centroids }, options)
      return turnBack(scratch, rows, count, options)
    },
    write: (codes, rows, first, count, options) => writeCodes(engine, shape, codes, rows, first, count, options),
    read: (codes, rows, first, count, options) => readCodes(engine, shape, codes, rows, first, count, options),
    async prepare(scratch, queries, nq, options) {
      const tables = scratch.alloc(nq * tableSize)
      const units = fast ? scratch.alloc(nq * 8) : 0
      await engine.frame(async (own) => {
        const turned = await turn(own, queries, nq, options)
        const filled = { queries: turned, nq, tables, tableSize }
        await (fast
          ? fillNibbleTables(engine, books, filled, units, options)
          : fillLookUpTables(engine, books, filled, options))
      })
      return { tables, tableSize, units }
    },
  }
}
