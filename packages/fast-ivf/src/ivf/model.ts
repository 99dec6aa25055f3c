import type { Engine } from '../engine/engine.js'
import { type Panels, panelsOf } from '../engine/panels.js'
import type { Metric } from '../options.js'
import { Held } from './held.js'

/** What training yields; never changed. */
export interface Model {
  readonly engine: Engine
  readonly metric: Metric
  readonly dim: number
  readonly nlist: number
  /** nlist × dim */
  readonly rows: Float32Array
  /** In panels, for the kernels. */
  readonly centroids: Panels
  readonly held: Held
}

/** A model of these centroids (nlist × dim). */
export async function createModel(engine: Engine, metric: Metric, dim: number, rows: Float32Array): Promise<Model> {
  const nlist = rows.length / dim
  const held = new Held(engine)
  try {
    const alloc = (bytes: number): number => held.alloc(bytes)
    const panels = await panelsOf(engine, alloc, rows, dim, { halfNorm: metric === 'l2' })
    return { engine, metric, dim, nlist, rows, centroids: panels, held }
  } catch (error) {
    held.release()
    throw error
  }
}
