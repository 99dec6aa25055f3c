import type { AssignRows } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import type { Panels } from '../engine/panels.js'
import type { Metric } from '../options.js'
import type { Projection } from '../projections/place.js'
import type { Quantizer } from '../quantizers/quantizer.js'
import type { ChooseCells } from './choose.js'
import type { Held } from './held.js'
import type { Keep } from './originals.js'

/** What training yields; never changed. */
export interface Model {
  readonly engine: Engine
  readonly metric: Metric
  /** Components of the vectors themselves. */
  readonly dim: number
  /** Components of what is encoded. */
  readonly width: number
  /** What is done to vectors before they are encoded. */
  readonly projection: ModelProjection | undefined
  readonly nlist: number
  /** nlist × dim, or × width where cells are of projected vectors. */
  readonly rows: Float32Array
  /** nlist: squared norms of the centroids as codes see them. */
  readonly norms: Float32Array
  /** In panels, for the kernels. */
  readonly centroids: Panels
  readonly choose: ChooseCells
  /** How many of these cells, nearest first, a query visits at most; all, when left out. */
  readonly reach?: (cells: Uint32Array) => number
  /** Which cells vectors belong to. */
  readonly assign: AssignRows
  readonly quantizer: Quantizer
  /** Scores of codes are those of the vectors themselves. */
  readonly exact: boolean
  /** In which form segments keep the vectors beside their codes. */
  readonly keep: Keep
  readonly held: Held
}

/** A projection, and where it comes in. */
export interface ModelProjection {
  readonly place: Projection
  /** Cells are of projected vectors; else of the vectors themselves. */
  readonly beforeCells: boolean
  /** Address: nlist × width: the centroids, projected; 0 when they are already, or codes are not residuals of them. */
  readonly centroids: number
  /** Address: half their squared norms, for l2; else 0. */
  readonly bias: number
}

/** nlist */
export function squaredNorms(rows: Float32Array, dim: number): Float32Array {
  return Float32Array.from({ length: rows.length / dim }, (_, c) =>
    rows.subarray(c * dim, (c + 1) * dim).reduce((sum, x) => sum + x * x, 0),
  )
}
