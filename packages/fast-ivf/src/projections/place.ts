import { blockRows, lanesOf } from '../clustering/nearest.js'
import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { lowestRow } from '../engine/lowest-row.js'
import { PANEL, panelPairs, panelsOf } from '../engine/panels.js'
import { IvfError } from '../errors.js'
import type { ProjectionParameters } from './projection.js'

/** A projection in an engine's memory. */
export interface Projection {
  readonly parameters: ProjectionParameters
  /** Address of the weight's rows in panels; 0: the first components stay as they are. */
  readonly panels: number
  /** Address, or 0. */
  readonly bias: number
}

export interface ApplyOptions extends RunOptions {
  /** Address for the squared norms of what comes out, or 0. */
  norms?: number
  /** What the rows are called in an error. */
  name: string
  /** The caller's number of row i, for messages, where it is not i. */
  origin?: (row: number) => number
}

/** Puts a projection into memory. */
export async function placeProjection(
  engine: Engine,
  alloc: (bytes: number) => number,
  parameters: ProjectionParameters,
  signal?: AbortSignal,
): Promise<Projection> {
  const { weight, bias, dim } = parameters
  const at = bias ? alloc(bias.byteLength) : 0
  if (bias) engine.floats(at, bias.length).set(bias)
  const panels = weight ? (await panelsOf(engine, alloc, weight, dim, { halfNorm: false }, signal)).panels : 0
  return { parameters, panels, bias: at }
}

/**
 * Writes what becomes of the rows (count × dim, normalized for cosine) to `out` (count × width).
 * @throws IvfError ERR_NOT_FINITE, naming the first row that becomes too large
 */
export async function project(
  engine: Engine,
  projection: Projection,
  rows: number,
  count: number,
  out: number,
  { norms = 0, name, origin, ...options }: ApplyOptions,
): Promise<void> {
  const { panels, bias, parameters } = projection
  const { dim, width, unit, word } = parameters
  const cost = count * (panels ? dim : 1) * width
  const npanels = panelPairs(width)
  const block = blockRows(dim, count, width)
  const bad = await lowestRow(engine, cost, (scratch, bad) => {
    const record = scratch.record('Project', {
      ...{ rows, dim, count, block, group: engine.tileRows, panels, npanels, width, bias, out, norms, bad },
      unit: unit ? 1 : 0,
      ...lanesOf(scratch, cost, panels ? 4 * block * (dim + npanels * PANEL) : 64),
    })
    return engine.run({ kernel: 'projectRows', record, count: Math.ceil(count / block) }, { cost, ...options })
  })
  if (bad === undefined) return
  throw new IvfError(
    'ERR_NOT_FINITE',
    `row ${origin?.(bad) ?? bad} of ${name} becomes too large for 32-bit floats under the projection ${word}; scale the vectors, or its weights, down`,
  )
}

/** The address of the projected rows (count × width), in scratch. */
export async function projected(
  scratch: Scratch,
  projection: Projection,
  rows: number,
  count: number,
  options: ApplyOptions,
): Promise<number> {
  const out = scratch.alloc(Math.max(1, count) * projection.parameters.width * 4)
  await project(scratch.engine, projection, rows, count, out, options)
  return out
}
