import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { normalNumbers } from './normal.js'
import { polarFactor } from './square.js'

/** dim × dim, drawn evenly from all rotations and reflections. */
export async function randomRotation(
  engine: Engine,
  dim: number,
  seed: number,
  options: RunOptions = {},
): Promise<Float32Array> {
  const normal = normalNumbers(seed)
  while (true) {
    const drawn = Float32Array.from({ length: dim * dim }, normal)
    const rotation = await polarFactor(engine, drawn, dim, options)
    if (rotation) return rotation // nearly always
  }
}
