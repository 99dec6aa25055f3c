import { lanesOf } from '../../clustering/nearest.js'
import type { Engine, Scratch } from '../../engine/engine.js'
import type { KernelName, RunOptions } from '../../engine/executor.js'
import { PANEL, panelPairs } from '../../engine/panels.js'
import type { Codebooks } from './codebooks.js'

/** Codebooks in engine memory. */
export interface PlacedCodebooks {
  readonly m: number
  readonly k: number
  readonly width: number
  /** Bits of a code. */
  readonly bits: number
  /** Panels of a subspace, an even number. */
  readonly npanels: number
  /** Address: m × k × width. */
  readonly words: number
  /** Address: m × npanels × width × 8. */
  readonly panels: number
  /** Address: m × npanels · 8 halves of squared norms; infinite past the last codeword. */
  readonly bias: number
}

/**
 * What the factor of a code row is: 0; ½‖x̂‖² − ½‖c‖² (without a centroid ½‖x̂‖²); or ½‖x̂‖² − ½, and infinite for a zero
 * row.
 */
export type FactorKind = 'none' | 'apart' | 'unit'

export interface CodedRows {
  /** Address: count × dim, row-major. */
  rows: number
  count: number
  /** Address: each row's cell; with `centroids` 0 not read. */
  cells: number
  /** Address: nlist × dim, row-major; 0: codes are of the rows themselves. */
  centroids: number
  /** Address: count × codeSize bytes. */
  codes: number
  /** Floats after each code, of which the last is the factor. Default 1. */
  nfactors?: number
}

const ENCODED = 32 // rows of one item: with their residuals they stay in the first-level cache
const DECODED = 256
const STEP_BYTES = 16 << 10 // codewords compared at a time
const FACTORS = { none: 0, apart: 1, unit: 2 } as const satisfies Record<FactorKind, number>

/** Bits that hold a number below k. */
export function codeBits(k: number): number {
  return 32 - Math.clz32(k - 1)
}

/** Bytes of m packed codes: whole 32-bit words. */
export function packedBytes(m: number, bits: number): number {
  return Math.ceil((m * bits) / 32) * 4
}

/** Bytes of a code row: packed codes, then the factors. */
export function codeSize(m: number, bits: number, nfactors = 1): number {
  return packedBytes(m, bits) + nfactors * 4
}

/** Copies codebooks to engine memory. */
export function placeCodebooks(engine: Engine, alloc: (bytes: number) => number, books: Codebooks): PlacedCodebooks {
  const { m, k, width, words } = books
  const npanels = panelPairs(k)
  const slots = npanels * PANEL
  const placed = {
    ...{ m, k, width, npanels, bits: codeBits(k) },
    words: alloc(words.byteLength),
    panels: alloc(m * slots * width * 4),
    bias: alloc(m * slots * 4),
  }
  engine.floats(placed.words, words.length).set(words)
  const panels = engine.floats(placed.panels, m * slots * width).fill(0)
  const bias = engine.floats(placed.bias, m * slots).fill(Number.POSITIVE_INFINITY)
  for (let j = 0; j < m; j++) {
    for (let n = 0; n < k; n++) {
      const from = (j * k + n) * width
      const to = (j * npanels + Math.floor(n / PANEL)) * PANEL * width + (n % PANEL)
      let norm = 0
      for (let t = 0; t < width; t++) {
        const value = words[from + t] as number
        panels[to + t * PANEL] = value
        norm += value * value
      }
      bias[j * slots + n] = norm / 2
    }
  }
  return placed
}

/** Writes a code row for each row: the nearest codeword of each subvector, of equals the first, then the factor. */
export function encodeRows(
  engine: Engine,
  books: PlacedCodebooks,
  coded: CodedRows,
  factor: FactorKind,
  options: RunOptions = {},
): Promise<void> {
  const { m, width, npanels } = books
  const cost = coded.count * m * width * npanels * PANEL
  return runCoded(engine, 'encodeProduct', books, coded, factor, ENCODED, cost, options)
}

/** Writes the vector that each code row stands for; the factor is not looked at. */
export function decodeRows(
  engine: Engine,
  books: PlacedCodebooks,
  coded: CodedRows,
  options: RunOptions = {},
): Promise<void> {
  const cost = coded.count * books.m * books.width * 4
  return runCoded(engine, 'decodeProduct', books, coded, 'none', DECODED, cost, options)
}

function runCoded(
  engine: Engine,
  kernel: KernelName,
  books: PlacedCodebooks,
  { rows, count, cells, centroids, codes, nfactors }: CodedRows,
  factor: FactorKind,
  block: number,
  cost: number,
  options: RunOptions,
): Promise<void> {
  const { m, width, k, bits, words, panels, bias, npanels } = books
  return engine.frame((scratch: Scratch) => {
    const record = scratch.record('ProductRows', {
      ...{ rows, count, block, cells, centroids, m, width, k, bits, words, panels, bias, npanels },
      step: Math.max(2, Math.floor(STEP_BYTES / (PANEL * width * 4)) & ~1),
      codes,
      codeSize: codeSize(m, bits, nfactors),
      add: FACTORS[factor],
      ...lanesOf(scratch, cost, 32 + block * (m * width * 4 + 32)),
    })
    return engine.run({ kernel, record, count: Math.ceil(count / block) }, { cost, ...options })
  })
}
