import { nearestCells } from '../../clustering/nearest.js'
import type { Random } from '../../clustering/random.js'
import { panelsOf } from '../../engine/panels.js'
import type { Matrix } from '../../engine/vectors.js'
import type { ProjectionTraining } from '../projection.js'
import { type Cells, cellsOf } from './cells.js'

/** Cells and those next to each. */
export interface Neighbourhoods {
  readonly cells: Cells
  /** nlist × near: the cells nearest to each that have rows, itself first. */
  readonly nearest: Uint32Array
  readonly near: number
}

/** The cells of the sample's rows, and of each the `near` nearest (or as many as there are). */
export async function neighbourhoodsOf(
  training: ProjectionTraining,
  sample: Matrix,
  near: number,
): Promise<Neighbourhoods> {
  const { engine, metric, dim, options } = training
  const { signal } = options
  const cells = await cellsOf(training, sample)
  const { starts, centroids, nlist } = cells
  const filled = Uint32Array.from({ length: nlist }, (_, cell) => cell).filter((c) => starts[c + 1] !== starts[c])
  const rows = new Float32Array(filled.length * dim)
  filled.forEach((cell, i) => {
    rows.set(centroids.subarray(cell * dim, (cell + 1) * dim), i * dim)
  })
  const k = Math.min(near, filled.length)
  const nearest = new Uint32Array(nlist * k)
  await engine.frame(async (scratch) => {
    const alloc = (bytes: number): number => scratch.alloc(bytes)
    const panels = await panelsOf(engine, alloc, rows, dim, { halfNorm: metric !== 'cosine' }, signal)
    const at = alloc(rows.byteLength)
    engine.floats(at, rows.length).set(rows)
    const [labels, distances] = [alloc(filled.length * k * 4), alloc(filled.length * k * 4)]
    await nearestCells(engine, panels, { rows: at, count: filled.length }, { labels, distances }, k, { signal })
    const found = engine.ints(labels, filled.length * k)
    filled.forEach((cell, i) => {
      for (let j = 0; j < k; j++) nearest[cell * k + j] = filled[found[i * k + j] as number] as number
    })
  })
  return { cells, nearest, near: k }
}

/**
 * Fills `target` with rows of the cells about a random row's, at most `members` of each, all different as long as these
 * cells have so many.
 */
export function drawNeighbours(
  { cells, nearest, near }: Neighbourhoods,
  random: Random,
  members: number,
  target: Uint32Array,
): void {
  const middle = cells.labels[random.below(cells.labels.length)] as number
  for (let i = 0, filled = 0; filled < target.length; i++) {
    const cell = nearest[middle * near + (i % near)] as number
    const size = (cells.starts[cell + 1] as number) - (cells.starts[cell] as number)
    const end = Math.min(filled + Math.min(members, size), target.length)
    drawMembers(cells, cell, random, target.subarray(filled, end))
    filled = end
  }
}

/** At most as many as the cell has. */
function drawMembers({ starts, rows }: Cells, cell: number, random: Random, target: Uint32Array): void {
  const first = starts[cell] as number
  const size = (starts[cell + 1] as number) - first
  if (size === target.length) {
    target.set(rows.subarray(first, first + size))
    return
  }
  // Steps that share no divisor with the size meet each row at most once.
  let step = 1 + random.below(size - 1)
  while (divisor(step, size) > 1) step = 1 + random.below(size - 1)
  let at = random.below(size)
  for (let i = 0; i < target.length; i++) {
    target[i] = rows[first + at] as number
    at = (at + step) % size
  }
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b)
}
