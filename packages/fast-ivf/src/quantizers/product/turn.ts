import { products } from '../../clustering/nearest.js'
import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { type Panels, panelsOf } from '../../engine/panels.js'

/** Panels with which `applyRotation` multiplies. */
export function placeRotation(
  engine: Engine,
  alloc: (bytes: number) => number,
  rotation: Float32Array,
  dim: number,
): Promise<Panels> {
  return panelsOf(engine, alloc, rotation, dim, { halfNorm: false })
}

/** out: count × dim, each row rotated; not in place. */
export function applyRotation(
  engine: Engine,
  rotation: Panels,
  rows: number,
  count: number,
  out: number,
  options: RunOptions = {},
): Promise<void> {
  return products(engine, rotation, { rows, count }, rotation.dim, out, options)
}
