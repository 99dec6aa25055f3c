import { products } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Panels } from '../engine/panels.js'

/** The inner products of rows (count × dim) with all vectors of the panels: count × panels.count. */
export function productsOf(
  engine: Engine,
  panels: Panels,
  rows: Float32Array,
  options: RunOptions = {},
): Promise<Float32Array> {
  return engine.frame(async (scratch) => {
    const count = rows.length / panels.dim
    const at = scratch.alloc(rows.byteLength)
    const out = scratch.alloc(count * panels.count * 4)
    engine.floats(at, rows.length).set(rows)
    await products(engine, panels, { rows: at, count }, panels.count, out, options)
    return engine.floats(out, count * panels.count).slice()
  })
}
