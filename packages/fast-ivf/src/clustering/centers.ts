import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { allocPanels, PANEL, type Panels } from '../engine/panels.js'

/** Centroids that move: the sum and count of the members of each, and the mean as rows and as panels. */
export interface Centers {
  readonly table: Panels
  /** Address: count (rounded up to 8) × dim. */
  readonly rows: number
  /** Address: count × dim. */
  readonly sums: number
  /** Address: count floats. */
  readonly counts: number
}

export interface MeanSettings {
  /** Divide each centroid by its norm. */
  normalize: boolean
  /** Bias is half the squared norm: distances are l2's. */
  halfNorm: boolean
  countOffset: number
  normOffset: number
}

export function allocCenters(scratch: Scratch, count: number, dim: number): Centers {
  return {
    table: allocPanels(scratch.engine, (bytes) => scratch.alloc(bytes), count, dim),
    rows: scratch.zeros(Math.ceil(count / PANEL) * PANEL * dim),
    sums: scratch.zeros(count * dim),
    counts: scratch.zeros(count),
  }
}

/** Rows and where each belongs. */
export interface Members {
  /** Address of the rows, row-major. */
  rows: number
  /** Address of the numbers of the rows meant, or 0: all in order. */
  indices?: number
  /** Address: a label per row meant. */
  labels: number
  count: number
}

/** Adds the rows to the sums and counts of their labels, or takes them away; in the order of the rows on any number of threads. */
export async function contribute(
  engine: Engine,
  { table, sums, counts }: Centers,
  members: Members,
  sign: 1 | -1,
  options: RunOptions = {},
): Promise<void> {
  const { rows, indices = 0, labels, count } = members
  if (count === 0) return
  const { dim } = table
  const cost = count * dim * 2
  await engine.frame((scratch) => {
    const width = engine.lanes(cost) > 1 ? 32 : dim
    const record = scratch.record('Sums', { rows, indices, labels, count, dim, sign, width, sums })
    return engine.run({ kernel: 'addToSums', record, count: Math.ceil(dim / width) }, { cost, ...options })
  })
  const tally = engine.floats(counts, table.count)
  const cells = engine.ints(labels, count)
  for (let i = 0; i < count; i++) {
    const cell = cells[i] as number
    tally[cell] = (tally[cell] as number) + sign
  }
}

/** Moves each centroid to the mean of its members. */
export async function moveToMeans(
  engine: Engine,
  { table, rows, sums, counts }: Centers,
  settings: MeanSettings,
  options: RunOptions = {},
): Promise<void> {
  const { count, dim, panels, bias } = table
  await engine.frame((scratch) => {
    const record = scratch.record('Means', {
      sums,
      counts,
      count,
      dim,
      countOffset: settings.countOffset,
      normalize: settings.normalize ? 1 : 0,
      normOffset: settings.normOffset,
      halfNorm: settings.halfNorm ? 1 : 0,
      rows,
      panels,
      bias,
    })
    return engine.run({ kernel: 'means', record, count: Math.ceil(count / PANEL) }, { cost: count * dim, ...options })
  })
}
