import { assigningAll } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import type { Panels } from '../engine/panels.js'
import type { LongCallOptions, Metric } from '../options.js'
import { comparingAll } from './choose.js'
import type { Held } from './held.js'
import type { Model } from './model.js'

/** How queries and vectors find their cells. */
export interface Finding extends Pick<Model, 'choose' | 'assign'> {}

/** What is known of the centroids. */
export interface Cells {
  readonly metric: Metric
  readonly dim: number
  /** nlist × dim */
  readonly rows: Float32Array
  /** Vectors themselves are compared, not codes of them. */
  readonly exact: boolean
}

/** Centroids beyond so many are compared in two levels: with fewer it takes hardly less time. */
export const MANY = 4096
/** Fewer are always compared with all: codes of them are not worth their memory. */
const FEW = 288

/** How cells are found: `nearest` and `visited` are the centroids in panels, as vectors and as queries see them. */
export async function findingOf(
  engine: Engine,
  held: Held,
  cells: Cells,
  { nearest, visited }: { nearest: Panels; visited: Panels },
  { signal }: LongCallOptions,
): Promise<Finding> {
  const all: Finding = { choose: comparingAll(visited), assign: assigningAll(engine, nearest) }
  const nlist = nearest.count
  if (nlist > MANY) return (await import('./two-level.js')).inTwoLevels(engine, held, cells, all)
  // Where vectors themselves are compared, so are centroids.
  if (cells.exact || nlist < FEW) return all
  const { byCodes } = await import('./two-level.js')
  return { ...all, choose: await byCodes(engine, held, cells, all.choose, { signal }) }
}
