import { lanesOf } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { type ScalarBits, scalarLevels } from './levels.js'

/** How rotated vectors are written as scalar codes. */
export interface ScalarCode {
  readonly width: number
  readonly bits: ScalarBits
  /** Bytes of a code row: width · bits / 8, then the factors. */
  readonly codeSize: number
  /** 32-bit floats of a code row: add, scale, sigma, and with more than one bit the sum of the levels. */
  readonly nfactors: number
  /** Address of 16 signed bytes: what the values of a component stand for (8 bits: unused). */
  readonly levels: number
  /** Address of 2^bits − 1 floats (8 bits: unused). */
  readonly thresholds: number
}

/** Rows and the centroids they belong to. */
export interface CelledRows {
  /** Address: rotated rows (count × width), or code rows (count × codeSize). */
  rows: number
  count: number
  /** Address of count cell numbers. */
  cells: number
  /** Address of the rotated centroids, × width. */
  centroids: number
}

export interface EncodeOptions extends RunOptions {
  /** `add` holds half the residual's squared norm (l2). */
  halfNorm: boolean
  /** A zero row is never an answer (cosine): its `add` is infinite. */
  dropZero: boolean
}

const BLOCK = 64 // rows per item
const COST = 32 // of a component, in multiply-adds

export function createScalarCode(
  engine: Engine,
  alloc: (bytes: number) => number,
  width: number,
  bits: ScalarBits,
): ScalarCode {
  const table = scalarLevels(bits)
  const nfactors = bits === 1 ? 3 : 4
  const levels = alloc(table.levels.length)
  const thresholds = alloc(Math.max(4, table.thresholds.byteLength))
  engine.ints(levels, 4).set(new Uint32Array(table.levels.buffer))
  engine.floats(thresholds, table.thresholds.length).set(table.thresholds)
  return { width, bits, codeSize: (width * bits) / 8 + nfactors * 4, nfactors, levels, thresholds }
}

/**
 * Writes rotated rows as code rows (`out`: count × codeSize). Nothing in them is ever NaN: sums that leave the range of
 * 32-bit floats are held at its ends, and a residual below 1e-30 in all components is taken for zero.
 */
export function encodeScalar(
  engine: Engine,
  code: ScalarCode,
  { rows, count, cells, centroids }: CelledRows,
  out: number,
  { halfNorm, dropZero, ...options }: EncodeOptions,
): Promise<void> {
  const { width, bits, levels, thresholds, codeSize } = code
  const cost = count * width * COST
  return engine.frame((scratch) => {
    const record = scratch.record('EncodeScalar', {
      rows,
      cells,
      centroids,
      width,
      bits,
      levels,
      thresholds,
      count,
      block: BLOCK,
      codeSize,
      halfNorm: halfNorm ? 1 : 0,
      dropZero: dropZero ? 1 : 0,
      out,
      ...lanesOf(scratch, cost, width * 5),
    })
    return engine.run({ kernel: 'encodeScalar', record, count: Math.ceil(count / BLOCK) }, { cost, ...options })
  })
}

/** Reads code rows back as rotated rows (`out`: count × width). */
export function decodeScalar(
  engine: Engine,
  code: ScalarCode,
  { rows: codes, count, cells, centroids }: CelledRows,
  out: number,
  options: RunOptions = {},
): Promise<void> {
  const { width, bits, levels, codeSize } = code
  return engine.frame((scratch) => {
    const fields = { codes, codeSize, cells, centroids, width, bits, levels, count, block: BLOCK, out }
    const record = scratch.record('DecodeScalar', fields)
    const task = { kernel: 'decodeScalar', record, count: Math.ceil(count / BLOCK) } as const
    return engine.run(task, { cost: count * width * COST, ...options })
  })
}
