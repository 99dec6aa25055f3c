import type { Engine } from '../engine/engine.js'
import type { Panels } from '../engine/panels.js'
import type { Metric } from '../options.js'
import type { Quantizer } from '../quantizers/quantizer.js'
import type { ChooseCells } from './choose.js'
import type { Held } from './held.js'
import type { Keep } from './originals.js'

/** What training yields; never changed. */
export interface Model {
  readonly engine: Engine
  readonly metric: Metric
  readonly dim: number
  readonly nlist: number
  /** nlist × dim */
  readonly rows: Float32Array
  /** nlist: squared norms. */
  readonly norms: Float32Array
  /** In panels, for the kernels. */
  readonly centroids: Panels
  readonly choose: ChooseCells
  readonly quantizer: Quantizer
  /** In which form segments keep the vectors beside their codes. */
  readonly keep: Keep
  readonly held: Held
}

/** nlist */
export function squaredNorms(rows: Float32Array, dim: number): Float32Array {
  return Float32Array.from({ length: rows.length / dim }, (_, c) =>
    rows.subarray(c * dim, (c + 1) * dim).reduce((sum, x) => sum + x * x, 0),
  )
}
