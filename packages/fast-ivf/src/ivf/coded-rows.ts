import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { project } from '../projections/place.js'
import type { Model } from './model.js'
import type { Segment } from './segment.js'
import { readVectors } from './vectors.js'

/** The address of the vectors of these slots (ascending), as cells are found by: count × their components, in scratch. */
export async function celledRows(
  scratch: Scratch,
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  options: RunOptions,
): Promise<number> {
  const rows = await readVectors(scratch, model, segment, slots, options)
  return model.projection?.beforeCells ? projected(scratch, model, rows, slots.length, options) : rows
}

/** The same, as they are encoded: count × width. */
export async function codedRows(
  scratch: Scratch,
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  options: RunOptions,
): Promise<number> {
  const rows = await readVectors(scratch, model, segment, slots, options)
  return model.projection ? projected(scratch, model, rows, slots.length, options) : rows
}

async function projected(
  scratch: Scratch,
  { engine, projection, width }: Model,
  rows: number,
  count: number,
  { signal }: RunOptions,
): Promise<number> {
  if (!projection) return rows
  const out = scratch.alloc(count * width * 4)
  await project(engine, projection.place, rows, count, out, { name: 'vectors', signal })
  return out
}
