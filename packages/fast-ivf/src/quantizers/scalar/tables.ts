import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import type { ScalarBits } from './levels.js'

/** Rotated queries as scans of scalar codes want them. */
export interface ScalarTables {
  /** Address: nq × tableSize bytes. */
  tables: number
  /** Address: nq × 2 floats, unit and offset: ⟨x̄, q⟩ = unit · sum + offset. */
  units: number
}

const BLOCK = 16 // queries per item
const COST = 64 // of a component, in multiply-adds

/** Bytes prepared per query: for signs 16 per 4 components, else one per component. */
export function scalarTableSize(width: number, bits: ScalarBits): number {
  return bits === 1 ? width * 4 : width
}

/** Prepares rotated queries (count × width) for codes of this many bits. */
export function prepareScalar(
  engine: Engine,
  bits: ScalarBits,
  { queries, count, width }: { queries: number; count: number; width: number },
  { tables, units }: ScalarTables,
  options: RunOptions = {},
): Promise<void> {
  const kernel = bits === 1 ? 'signTables' : 'byteQueries'
  return engine.frame((scratch) => {
    const record = scratch.record('ScalarTables', { queries, width, count, block: BLOCK, tables, units })
    return engine.run({ kernel, record, count: Math.ceil(count / BLOCK) }, { cost: count * width * COST, ...options })
  })
}
