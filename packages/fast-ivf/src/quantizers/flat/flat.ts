import { PRODUCTS } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { allocPanels, PANEL, type Panels, panelPairs, scatter } from '../../engine/panels.js'
import type { Metric } from '../../options.js'
import type { Codes, Quantizer, QuantizerKind, QuantizerPlan } from '../quantizer.js'

/** The vectors themselves, in panels of 8: exact. */
export const flat: QuantizerPlan = {
  word: 'Flat',
  exact: true,
  bounded: false,
  check() {},
  train: async ({ engine, dim, metric }) => createFlat(engine, dim, metric),
}

export const flatKind: QuantizerKind = {
  words: 'Flat',
  examples: ['Flat'],
  parse: (word) => (word === 'Flat' ? flat : undefined),
  open: ({ kind }) => (kind === 'Flat' ? flat : undefined),
}

/** The flat quantizer: it learns nothing. */
export function createFlat(engine: Engine, dim: number, metric: Metric): Quantizer {
  const cleared = { halfNorm: metric === 'l2', dropZero: metric === 'cosine' }
  const panelsOf = ({ codes, factors, count }: Codes): Panels => ({
    ...{ dim, count, panels: codes, bias: factors },
    npanels: panelPairs(count) + 2,
  })
  return {
    word: 'Flat',
    exact: true,
    residual: false,
    byShare: false,
    bounded: false,
    rounding: 0,
    codeSize: dim * 4,
    preparedBytes: 0,
    learned: { traits: { kind: 'Flat' }, tensors: [] },
    scan: {
      kernel: 'scanPanels',
      dim,
      bits: 32,
      levels: 0,
      nfactors: 1,
      packed: (queries) => Math.ceil(queries / 4) * 4 * dim * 4,
      sums: () => PRODUCTS,
      cost: dim,
    },
    alloc(alloc, count) {
      const { panels, bias, npanels } = allocPanels(engine, alloc, count, dim)
      return { count, codes: panels, factors: bias, stride: npanels * PANEL }
    },
    bytes: (count) => (panelPairs(count) + 2) * PANEL * (dim + 1) * 4,
    encode: async (_scratch, { rows }) => rows,
    decode: async (_scratch, codeRows) => codeRows,
    async write(codes, rows, first, count, options) {
      await scatter(engine, panelsOf(codes), { ...cleared, rows, count, first }, options)
    },
    async read(codes, rows, first, count, options) {
      await gather(engine, panelsOf(codes), first, count, rows, options)
    },
    prepare: async (_scratch, queries) => ({ tables: queries, tableSize: dim * 4, units: 0 }),
  }
}

/** Reads slots first … first + count back as rows. */
async function gather(
  engine: Engine,
  { panels, dim }: Panels,
  first: number,
  count: number,
  rows: number,
  options: RunOptions,
): Promise<void> {
  await engine.frame((scratch) => {
    const block = 64
    const record = scratch.record('Gather', { panels, dim, first, block, count, rows })
    return engine.run(
      { kernel: 'gatherRows', record, count: Math.ceil(count / block) },
      { cost: count * dim * 24, ...options },
    )
  })
}
