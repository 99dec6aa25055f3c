import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Matrix } from '../engine/vectors.js'
import type { Queries } from './choose.js'
import type { Model } from './model.js'
import { allocRows, loadProjected } from './project.js'

/** Memory of the queries that are searched together. */
const BLOCK_BYTES = 64 << 20
/** Of so many threads: what is searched together must not depend on how many there are. */
const LANES = 4

/** How many queries are searched together, each with nprobe cells and k candidates. */
export function queriesPerBlock({ dim, width, quantizer, spill, nlist }: Model, nprobe: number, k: number): number {
  const perQuery = (dim + width) * 4 + nprobe * 20 + quantizer.preparedBytes + k * 8 * LANES + (spill ? nlist / 8 : 0)
  return Math.max(64, Math.floor(BLOCK_BYTES / perQuery))
}

/** Queries from … to, with their norms, in scratch. */
export async function loadQueries(
  scratch: Scratch,
  model: Model,
  queries: Matrix,
  from: number,
  to: number,
  { signal }: RunOptions,
): Promise<Queries> {
  const nq = to - from
  const rows = allocRows(scratch, model, nq)
  const norms = scratch.alloc(nq * 4)
  const codedNorms = model.projection ? scratch.alloc(nq * 4) : norms
  await loadProjected(model, queries, from, to, rows, { norms, codedNorms, name: 'queries', signal })
  return { given: { rows: rows.given, norms, nq }, coded: { rows: rows.coded, norms: codedNorms, nq } }
}
