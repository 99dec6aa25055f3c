import type { Engine } from '../engine/engine.js'
import { allocPanels, type Panels, scatter } from '../engine/panels.js'
import type { Metric } from '../options.js'
import { Held } from './held.js'

/** What training yields; never changed. */
export interface Model {
  readonly engine: Engine
  readonly metric: Metric
  readonly dim: number
  readonly nlist: number
  /** In panels, for the kernels. */
  readonly centroids: Panels
  readonly held: Held
}

/** A model of these centroids (nlist × dim). */
export async function createModel(
  engine: Engine,
  metric: Metric,
  dim: number,
  centroids: Float32Array,
): Promise<Model> {
  const nlist = centroids.length / dim
  const held = new Held(engine)
  try {
    const panels = allocPanels(engine, (bytes) => held.alloc(bytes), nlist, dim)
    await engine.frame((scratch) => {
      const rows = scratch.alloc(centroids.byteLength)
      engine.floats(rows, centroids.length).set(centroids)
      return scatter(engine, panels, {
        rows,
        count: nlist,
        slots: 0,
        first: 0,
        halfNorm: metric === 'l2',
        dropZero: false,
      })
    })
    return { engine, metric, dim, nlist, centroids: panels, held }
  } catch (error) {
    held.release()
    throw error
  }
}
