import { trainLloyd } from '../clustering/lloyd.js'
import { nearestCells } from '../clustering/nearest.js'
import { panelsOf } from '../engine/panels.js'
import { toMatrix } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { celledRows } from './coded-rows.js'
import type { Model } from './model.js'
import { rangeOf, type Segment } from './segment.js'

/** Cells around a new one whose vectors may be nearer to it. */
const AROUND = 8
const ITERATIONS = 8
/** Vectors per piece that dividing looks at. */
const POINTS = 256

/** pieces × the components of cells: centroids of the parts of a cell. */
export async function divide(
  model: Model,
  segment: Segment,
  cell: number,
  pieces: number,
  seed: number,
  options: LongCallOptions,
): Promise<Float32Array> {
  const { engine, nlist, metric } = model
  const cellDim = model.rows.length / nlist
  const slots = rangeOf(segment, cell)
  const sample = slots.length > pieces * POINTS ? everyNth(slots, pieces * POINTS) : slots
  const rows = await engine.frame(async (scratch) => {
    const at = await celledRows(scratch, model, segment, sample, options)
    return engine.floats(at, sample.length * cellDim).slice()
  })
  const settings = {
    ...{ numCentroids: pieces, iterations: ITERATIONS, pointsPerCentroid: POINTS, seed },
    metric: metric === 'cosine' ? 'cosine' : 'l2',
  } as const
  const { signal } = options
  return (await trainLloyd(engine, toMatrix(rows, cellDim, 'vectors'), settings, { signal })).centroids
}

/** The cells that stay and are among the nearest to a new centroid. */
export async function cellsAround(
  { engine, nlist, rows }: Model,
  stays: Float32Array,
  fresh: Float32Array,
  kept: readonly number[],
  { signal }: LongCallOptions,
): Promise<number[]> {
  const cellDim = rows.length / nlist
  const count = fresh.length / cellDim
  const k = Math.min(AROUND, kept.length)
  if (count === 0 || k === 0) return []
  return engine.frame(async (scratch) => {
    const panels = await panelsOf(engine, (bytes) => scratch.alloc(bytes), stays, cellDim, { halfNorm: true }, signal)
    const at = scratch.alloc(fresh.byteLength)
    engine.floats(at, fresh.length).set(fresh)
    const labels = scratch.alloc(count * k * 4)
    await nearestCells(engine, panels, { rows: at, count }, { labels, distances: scratch.alloc(count * k * 4) }, k, {
      signal,
    })
    return Array.from(new Set(engine.ints(labels, count * k)), (i) => kept[i] as number)
  })
}

function everyNth(slots: Uint32Array, most: number): Uint32Array {
  return Uint32Array.from({ length: most }, (_, i) => slots[Math.floor((i * slots.length) / most)] as number)
}
