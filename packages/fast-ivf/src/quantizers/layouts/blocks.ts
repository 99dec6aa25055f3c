import type { Engine } from '../../engine/engine.js'
import type { KernelName, RunOptions } from '../../engine/executor.js'
import type { Codes } from '../quantizer.js'

/** Of a byte that is moved between a code row and its place in a layout, in multiply-adds. */
const COST = 96

/** Slots of a block: what a scan kernel works on at a time. */
export const BLOCK = 32

/**
 * How codes lie in a segment. `nibbles`: 16 bytes per group of a block, slots j and j + 16 in byte j. `quads`: decoded,
 * 4 components of slot 0, of slot 1, …, then the next 4 components; packed, each vector of 16 bytes holds 8 / bits such.
 * `rows`: one code after the other.
 */
export type Layout = 'nibbles' | 'quads' | 'rows'

export interface CodeShape {
  readonly layout: Layout
  /** Of a field. */
  readonly bits: number
  /** Groups of 4 bits (`nibbles`), components, a multiple of 32 (`quads`), or subvectors. */
  readonly fields: number
  /** Bytes of a packed code, a multiple of 4. */
  readonly codeBytes: number
  /** 32-bit floats that belong to a code: add, or add, scale, sigma, or those and sum. */
  readonly nfactors: number
  /** Bytes of a code row: codeBytes, then the factors. */
  readonly codeSize: number
}

const KERNELS = {
  nibbles: { write: 'writeNibbles', read: 'readNibbles' },
  quads: { write: 'writeQuads', read: 'readQuads' },
  rows: { write: 'writeRows', read: 'readRows' },
} as const satisfies Record<Layout, Record<'write' | 'read', KernelName>>

/**
 * Room for the codes of `count` slots, cleared, in whole blocks and one to spare, which kernels may read; slots that are
 * never written are never an answer.
 */
export function allocCodes(engine: Engine, alloc: (bytes: number) => number, shape: CodeShape, count: number): Codes {
  const stride = slotsFor(count)
  const bytes = blockBytes(shape) * (stride / BLOCK)
  const codes = alloc(bytes)
  const factors = alloc(shape.nfactors * stride * 4)
  engine.ints(codes, bytes / 4).fill(0)
  const floats = engine.floats(factors, shape.nfactors * stride)
  floats.fill(Number.POSITIVE_INFINITY, 0, stride)
  floats.fill(0, stride)
  return { count, codes, factors, stride }
}

/** Bytes that `allocCodes` takes. */
export function codesBytes(shape: CodeShape, count: number): number {
  const stride = slotsFor(count)
  return blockBytes(shape) * (stride / BLOCK) + shape.nfactors * stride * 4
}

/** Writes code rows (count × codeSize at `rows`) into the slots from `first` on. */
export function writeCodes(
  engine: Engine,
  shape: CodeShape,
  store: Codes,
  rows: number,
  first: number,
  count: number,
  options: RunOptions = {},
): Promise<void> {
  return convert(engine, 'write', shape, store, rows, first, count, options)
}

/** Reads the slots from `first` on as code rows, as they were written. */
export function readCodes(
  engine: Engine,
  shape: CodeShape,
  store: Codes,
  rows: number,
  first: number,
  count: number,
  options: RunOptions = {},
): Promise<void> {
  return convert(engine, 'read', shape, store, rows, first, count, options)
}

/** Bytes of scratch that a scan of visits with at most `queries` queries needs before its products, per lane. */
export function packedBytes({ layout, bits, fields }: CodeShape, queries: number): number {
  if (layout === 'rows') return 0
  if (layout === 'nibbles') return 64
  const decoded = bits === 8 ? 0 : BLOCK * fields
  return Math.ceil((160 + 2 * fields * queries + decoded) / 64) * 64
}

function convert(
  engine: Engine,
  way: 'write' | 'read',
  shape: CodeShape,
  store: Codes,
  rows: number,
  first: number,
  count: number,
  options: RunOptions,
): Promise<void> {
  const { layout, bits, fields, codeBytes, nfactors, codeSize } = shape
  const { codes, factors, stride } = store
  const blocks = Math.ceil((first + count) / BLOCK) - Math.floor(first / BLOCK)
  return engine.frame((scratch) => {
    const record = scratch.record('CodeRows', {
      rows,
      codeSize,
      codeBytes,
      first,
      count,
      fields,
      bits,
      codes,
      factors,
      nfactors,
      stride,
    })
    return engine.run(
      { kernel: KERNELS[layout][way], record, count: count > 0 ? blocks : 0 },
      { cost: count * codeSize * COST, ...options },
    )
  })
}

function blockBytes({ layout, bits, fields, codeBytes }: CodeShape): number {
  if (layout === 'nibbles') return fields * 16
  return layout === 'quads' ? fields * bits * 4 : codeBytes * BLOCK
}

/** Whole blocks and one more. */
function slotsFor(count: number): number {
  return (Math.ceil(count / BLOCK) + 1) * BLOCK
}
