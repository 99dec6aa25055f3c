import { chunkRows } from '../engine/load.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { celledRows, codedRows } from './coded-rows.js'
import { type Contents, compacted } from './contents.js'
import { cellsAround, divide } from './divide.js'
import type { Model } from './model.js'
import { moveInto, relabel } from './move.js'
import { AS_THEY_ARE, pick } from './pick.js'
import { sameModel } from './same-model.js'
import type { Segment } from './segment.js'
import type { ReadSlots } from './spill.js'

/** What is tended to. */
export interface OptimizeSettings {
  /** Vectors that a cell should have. */
  cellSize: number
  seed: number
}

/** What `optimize` did. */
export interface OptimizeReport {
  /** Cells that were divided, and that were given up. */
  readonly split: number
  readonly dissolved: number
  /** Vectors that are in another cell now. */
  readonly moved: number
  readonly cells: { readonly before: number; readonly after: number }
  /** Vectors in the largest cell. */
  readonly largest: { readonly before: number; readonly after: number }
}

/** A cell is divided when it is larger than so many times what it should be… */
const LARGE = 2
/** …and given up when it is smaller than this share of it. */
const SMALL = 1 / 8
/** Pieces of one cell, at most: what is left too large is divided the next time. */
const MOST_PIECES = 1024

/**
 * Divides cells that have grown far beyond the others and gives up tiny ones; vectors of those, and of the cells
 * around, go to the nearest centroid that there is now, and only they are encoded anew (after SPFresh's LIRE; Y. Xu et
 * al., SOSP 2023). Works on one segment with nothing removed.
 * @throws IvfError ERR_UNSUPPORTED when vectors cannot be had back
 */
export async function optimized(
  contents: Contents,
  settings: OptimizeSettings,
  options: LongCallOptions,
): Promise<{ contents: Contents; report: OptimizeReport }> {
  const { model } = contents
  if (model.projection && model.keep === 'none') {
    throw new IvfError(
      'ERR_UNSUPPORTED',
      "cells cannot be divided, since only projected vectors are stored; build the index with keep 'f32', 'f16' or 'int8'",
    )
  }
  const whole = await compacted(contents, options)
  const [segment] = whole.segments
  try {
    const sizes = segment ? sizesOf(segment) : new Uint32Array(model.nlist)
    const largest = Math.max(...sizes)
    const plan = segment && planOf(sizes, settings.cellSize)
    if (!segment || !plan || plan.large.length + plan.small.length === 0) {
      const report = { split: 0, dissolved: 0, moved: 0, cells: both(model.nlist), largest: both(largest) }
      return { contents: whole, report }
    }
    const next = await rebuild(model, segment, plan, settings, options)
    const after = Math.max(...sizesOf(next.segment))
    if (whole !== contents) segment.held.release()
    return {
      contents: { ...whole, model: next.model, segments: [next.segment] },
      report: {
        ...{ split: plan.large.length, dissolved: plan.small.length, moved: next.moved },
        cells: { before: model.nlist, after: next.model.nlist },
        largest: { before: largest, after },
      },
    }
  } catch (error) {
    if (whole !== contents) for (const one of whole.segments) one.held.release()
    throw error
  }
}

function both(size: number): { before: number; after: number } {
  return { before: size, after: size }
}

function sizesOf({ starts }: Segment): Uint32Array {
  return Uint32Array.from({ length: starts.length - 1 }, (_, c) => (starts[c + 1] as number) - (starts[c] as number))
}

interface Plan {
  /** Cells to be divided, and into how many. */
  large: { cell: number; pieces: number }[]
  /** Cells to be given up. */
  small: number[]
  /** Cells that stay. */
  kept: number[]
}

function planOf(sizes: Uint32Array, cellSize: number): Plan {
  const plan: Plan = { large: [], small: [], kept: [] }
  for (const [cell, size] of sizes.entries()) {
    if (size > LARGE * cellSize && size > 1) {
      plan.large.push({ cell, pieces: Math.min(MOST_PIECES, Math.ceil(size / cellSize)) })
    } else if (size < SMALL * cellSize) plan.small.push(cell)
    else plan.kept.push(cell)
  }
  // Something must stay for the vectors to go to.
  if (plan.large.length + plan.kept.length === 0) plan.kept.push(plan.small.shift() as number)
  return plan
}

async function rebuild(
  model: Model,
  segment: Segment,
  plan: Plan,
  { seed }: OptimizeSettings,
  options: LongCallOptions,
): Promise<{ model: Model; segment: Segment; moved: number }> {
  const cellDim = model.rows.length / model.nlist
  const added: Float32Array[] = []
  for (const [i, { cell, pieces }] of plan.large.entries()) {
    added.push(await divide(model, segment, cell, pieces, seed, options))
    options.onProgress?.({ phase: 'optimize', done: i + 1, total: plan.large.length })
  }
  const stays = concat(plan.kept.map((cell) => model.rows.subarray(cell * cellDim, (cell + 1) * cellDim)))
  const fresh = concat(added)
  const around = await cellsAround(model, stays, fresh, plan.kept, options)
  const next = await sameModel(model.engine, model, concat([stays, fresh]), seed, { signal: options.signal })
  try {
    const named = new Map(plan.kept.map((cell, i) => [cell, i]))
    const touched = new Set([...plan.large.map(({ cell }) => cell), ...plan.small, ...around])
    const { labels, moved } = await relabel(next, model, segment, named, touched, options)
    const alone = await moveInto(next, model, segment, labels, moved, options)
    return { model: next, segment: next.spill ? await spillAnew(next, alone, options) : alone, moved: moved.size }
  } catch (error) {
    next.held.release()
    throw error
  }
}

/** Second cells are found once more, of the vectors as they are stored. */
async function spillAnew(model: Model, segment: Segment, options: LongCallOptions): Promise<Segment> {
  const { spilled } = await import('./spill.js')
  const read: ReadSlots = async (scratch, slots, as) => {
    // Codes are decoded in the order of their slots.
    const order = Uint32Array.from(slots.keys()).sort((a, b) => (slots[a] as number) - (slots[b] as number))
    const sorted = order.map((i) => slots[i] as number)
    const [rows, dim] =
      as === 'celled'
        ? [await celledRows(scratch, model, segment, sorted, options), model.rows.length / model.nlist]
        : [await codedRows(scratch, model, segment, sorted, options), model.width]
    const out = scratch.alloc(slots.length * dim * 4)
    const moved = { slots: Uint32Array.from(order.keys()), places: order }
    await pick(scratch, { kept: AS_THEY_ARE, from: rows, dim, rows: out, ...moved }, { signal: options.signal })
    return out
  }
  return spilled(model, segment, chunkRows(model.dim), read, options)
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
