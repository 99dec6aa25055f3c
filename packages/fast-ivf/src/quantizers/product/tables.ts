import { lanesOf } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import type { KernelName, RunOptions } from '../../engine/executor.js'
import { PANEL } from '../../engine/panels.js'
import type { PlacedCodebooks } from './encode.js'

export interface QueryTables {
  /** Address: nq × dim, row-major. */
  queries: number
  nq: number
  /** Address: nq × tableSize bytes. */
  tables: number
  tableSize: number
}

/** Bytes of a query's table for look-ups: m × 2^bits floats. */
export function lookUpTableSize({ m, bits }: Pick<PlacedCodebooks, 'm' | 'bits'>): number {
  return (m << bits) * 4
}

/** Bytes of a query's table for the fast scan: m × 16. */
export function nibbleTableSize({ m }: Pick<PlacedCodebooks, 'm'>): number {
  return m * 16
}

/** Writes each query's inner products with the codewords of each subspace; entries past the k-th mean nothing. */
export function fillLookUpTables(
  engine: Engine,
  books: PlacedCodebooks,
  tables: QueryTables,
  options: RunOptions = {},
): Promise<void> {
  return fill(engine, 'lookUpTables', books, tables, 0, options)
}

/**
 * Writes each query's inner products as bytes from 0 to 63, for up to 16 codewords; a tableSize beyond m × 16 is filled
 * with zeros. units: nq × (unit, offset), so that ⟨query, code⟩ ≈ unit · sum of bytes + offset.
 */
export function fillNibbleTables(
  engine: Engine,
  books: PlacedCodebooks,
  tables: QueryTables,
  units: number,
  options: RunOptions = {},
): Promise<void> {
  if (books.k > 16) throw new Error(`${books.k} codewords do not fit 4 bits`)
  return fill(engine, 'nibbleTables', books, tables, units, options)
}

function fill(
  engine: Engine,
  kernel: KernelName,
  { m, width, k, bits, panels, npanels }: PlacedCodebooks,
  { queries, nq, tables, tableSize }: QueryTables,
  units: number,
  options: RunOptions,
): Promise<void> {
  const cost = nq * m * width * npanels * PANEL
  return engine.frame((scratch) => {
    const record = scratch.record('ProductTables', {
      ...{ queries, m, width, k, bits, panels, npanels, tables, tableSize, units },
      ...lanesOf(scratch, cost, m * 16 * 4 + m * 4 + 48),
    })
    return engine.run({ kernel, record, count: nq }, { cost, ...options })
  })
}
