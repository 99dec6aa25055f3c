import type { Engine, Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { PANEL, type Panels, panelPairs } from '../engine/panels.js'

/** Rows to compare with centroids. */
export interface RowBlock {
  /** Address of the rows, row-major. */
  rows: number
  /** Address of the numbers of the rows wanted, or 0: all in order. */
  indices?: number
  count: number
}

export interface NearestOutput {
  /** Address: count labels; or count × k, nearest first. */
  labels: number
  /** Address: the same shape, bias − ⟨row, centroid⟩; or 0. */
  distances: number
}

/** Gives each row to a centroid, the nearest or nearly so. labels: address of count numbers. */
export type AssignRows = (block: RowBlock, labels: number, options: RunOptions) => Promise<void>

export const PACKED_BYTES: number = 128 << 10 // rows of one item, in the second-level cache
export const PRODUCTS = 8192 // floats of one strip, in the first-level cache
const LONG_ROW = 1 << 17 // multiply-adds of a row from which items are half as large, so that threads end together

/** Finds the nearest centroid of each row; of equals the first. */
export function assign(
  engine: Engine,
  centroids: Panels,
  block: RowBlock,
  out: NearestOutput,
  options: RunOptions = {},
): Promise<void> {
  return nearest(engine, 'assignRows', centroids, block, out, 1, options)
}

/** Gives rows to the nearest of all centroids. */
export function assigningAll(engine: Engine, centroids: Panels): AssignRows {
  return (block, labels, options) => assign(engine, centroids, block, { labels, distances: 0 }, options)
}

/** Finds the k nearest centroids of each row, nearest first. */
export function nearestCells(
  engine: Engine,
  centroids: Panels,
  block: RowBlock,
  out: NearestOutput,
  k: number,
  options: RunOptions = {},
): Promise<void> {
  return nearest(engine, 'nearestCells', centroids, block, out, k, options)
}

function nearest(
  engine: Engine,
  kernel: 'assignRows' | 'nearestCells',
  centroids: Panels,
  { rows, indices = 0, count }: RowBlock,
  { labels, distances }: NearestOutput,
  k: number,
  options: RunOptions,
): Promise<void> {
  const { dim } = centroids
  const cost = count * centroids.count * dim
  return engine.frame((scratch) => {
    const npanels = panelPairs(centroids.count)
    const block = blockRows(dim, count, centroids.count)
    const step = Math.min(npanels, Math.max(2, Math.floor(PRODUCTS / PANEL / block) & ~1))
    const record = scratch.record('Assign', {
      rows,
      indices,
      dim,
      count,
      block,
      group: engine.tileRows,
      panels: centroids.panels,
      npanels,
      step,
      bias: centroids.bias,
      labels,
      distances,
      k,
      ...lanesOf(scratch, cost, block * (4 * (dim + step * PANEL) + 16 * (k + 1))),
    })
    return engine.run({ kernel, record, count: Math.ceil(count / block) }, { cost, ...options })
  })
}

/** Writes count × width inner products of rows with the first `width` vectors of the panels. */
export function products(
  engine: Engine,
  panels: Panels,
  { rows, count }: RowBlock,
  width: number,
  out: number,
  options: RunOptions = {},
): Promise<void> {
  const { dim } = panels
  const cost = count * width * dim
  return engine.frame((scratch) => {
    const npanels = panelPairs(width)
    const block = blockRows(dim, count, width)
    const record = scratch.record('Products', {
      rows,
      dim,
      count,
      block,
      group: engine.tileRows,
      panels: panels.panels,
      npanels,
      width,
      out,
      ...lanesOf(scratch, cost, 4 * block * (dim + npanels * PANEL)),
    })
    return engine.run({ kernel: 'products', record, count: Math.ceil(count / block) }, { cost, ...options })
  })
}

/** Rows of one item, of which there are `count`, that are compared with so many centroids: a multiple of 4. */
export function blockRows(dim: number, count: number, centroids: number): number {
  const most = dim * centroids < LONG_ROW ? 64 : 32
  const fitting = Math.floor(PACKED_BYTES / (dim * 4)) & ~3
  return Math.max(4, Math.min(most, fitting, Math.ceil(count / 4) * 4))
}

/** Scratch of its own for each lane that the work will run on. */
export function lanesOf(scratch: Scratch, cost: number, bytes: number): { scratch: number; scratchStride: number } {
  const scratchStride = Math.ceil(bytes / 64) * 64
  return { scratch: scratch.alloc(scratchStride * scratch.engine.lanes(cost)), scratchStride }
}
