import { assign } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import { chunkRows, loadRows } from '../engine/load.js'
import { allocPanels, type Panels, type ScatterOptions, scatter } from '../engine/panels.js'
import { type Matrix, pick } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import { Held } from './held.js'
import type { Model } from './model.js'

/** Vectors stored under a model, cell by cell, in panels that run on from cell to cell; never changed once built. */
export interface Segment {
  readonly count: number
  /** nlist + 1: cell c holds the slots starts[c] … starts[c + 1]. */
  readonly starts: Uint32Array
  readonly vectors: Panels
  /** Address: count ids. */
  readonly ids: number
  readonly held: Held
}

/** Bytes of a segment. */
export function segmentBytes({ vectors, count, starts }: Segment): number {
  return vectors.npanels * 8 * (vectors.dim + 1) * 4 + count * 4 + starts.byteLength
}

/** Gives each row to its nearest cell and stores it. Rows are copied in twice, so that memory holds only the segment. */
export async function buildSegment(
  model: Model,
  matrix: Matrix,
  firstId: number,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, dim, nlist } = model
  const { rows: count } = matrix
  const chunk = Math.min(count, chunkRows(dim))
  const load = { normalize: model.metric === 'cosine', name: 'vectors', signal: options.signal }
  return engine.frame(async (scratch) => {
    const rows = scratch.alloc(chunk * dim * 4)
    const labels = scratch.alloc(count * 4)
    for (let from = 0; from < count; from += chunk) {
      const to = Math.min(from + chunk, count)
      await loadRows(engine, matrix, from, to, rows, load)
      await assign(
        engine,
        model.centroids,
        { rows, count: to - from },
        { labels: labels + from * 4, distances: 0 },
        options,
      )
      options.onProgress?.({ phase: 'assign', done: to, total: count })
    }
    const starts = new Uint32Array(nlist + 1)
    const order = rowsByCell(engine.ints(labels, count), starts)
    return newSegment(model, starts, async (vectors, ids) => {
      engine.ints(ids, count).set(order.map((row) => firstId + row))
      for (let from = 0; from < count; from += chunk) {
        const to = Math.min(from + chunk, count)
        await loadRows(engine, pick(matrix, order.subarray(from, to)), 0, to - from, rows, load)
        await scatter(
          engine,
          vectors,
          { ...scatterOptions(model), rows, count: to - from, slots: 0, first: from },
          options.signal,
        )
        options.onProgress?.({ phase: 'fill', done: to, total: count })
      }
    })
  })
}

/** One segment of two; the first's vectors come first in each cell. */
export async function mergeSegments(
  model: Model,
  one: Segment,
  two: Segment,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, dim, nlist } = model
  const starts = one.starts.map((start, cell) => start + (two.starts[cell] as number))
  return newSegment(model, starts, async (vectors, ids) => {
    for (const part of [one, two]) {
      const slots = new Uint32Array(part.count)
      for (let cell = 0; cell < nlist; cell++) {
        const [from, to] = [part.starts[cell] as number, part.starts[cell + 1] as number]
        const first =
          part === one
            ? (starts[cell] as number)
            : (starts[cell] as number) + (one.starts[cell + 1] as number) - (one.starts[cell] as number)
        for (let slot = from; slot < to; slot++) slots[slot] = first + slot - from
      }
      const target = engine.ints(ids, one.count + two.count)
      engine.ints(part.ids, part.count).forEach((id, slot) => {
        target[slots[slot] as number] = id
      })
      await moveRows(model, part, slots, vectors, options)
    }
  })

  async function moveRows(
    to: Model,
    part: Segment,
    slots: Uint32Array,
    vectors: Panels,
    { signal }: LongCallOptions,
  ): Promise<void> {
    const chunk = Math.min(part.count, chunkRows(dim))
    await engine.frame(async (scratch) => {
      const rows = scratch.alloc(chunk * dim * 4)
      const at = scratch.alloc(chunk * 4)
      for (let from = 0; from < part.count; from += chunk) {
        const count = Math.min(chunk, part.count - from)
        await gather(engine, part.vectors, from, count, rows, signal)
        engine.ints(at, count).set(slots.subarray(from, from + count))
        await scatter(engine, vectors, { ...scatterOptions(to), rows, count, slots: at, first: 0 }, signal)
      }
    })
  }
}

/** Reads slots first … first + count back as rows. */
export async function gather(
  engine: Engine,
  vectors: Panels,
  first: number,
  count: number,
  rows: number,
  signal?: AbortSignal,
): Promise<void> {
  await engine.frame((scratch) => {
    const block = 64
    const record = scratch.record('Gather', { panels: vectors.panels, dim: vectors.dim, first, block, count, rows })
    return engine.run(
      { kernel: 'gatherRows', record, count: Math.ceil(count / block) },
      { cost: count * vectors.dim * 4, signal },
    )
  })
}

async function newSegment(
  model: Model,
  starts: Uint32Array,
  fill: (vectors: Panels, ids: number) => Promise<void>,
): Promise<Segment> {
  const held = new Held(model.engine)
  try {
    const count = starts[model.nlist] as number
    const vectors = allocPanels(model.engine, (bytes) => held.alloc(bytes), count, model.dim)
    const ids = held.alloc(count * 4)
    await fill(vectors, ids)
    return { count, starts, vectors, ids, held }
  } catch (error) {
    held.release()
    throw error
  }
}

function scatterOptions({ metric }: Model): Pick<ScatterOptions, 'halfNorm' | 'dropZero'> {
  return { halfNorm: metric === 'l2', dropZero: metric === 'cosine' }
}

/** Counts labels into `starts` and returns the rows in the order of their cells: rows of a cell keep their order. */
function rowsByCell(labels: Uint32Array, starts: Uint32Array): Uint32Array {
  for (const cell of labels) starts[cell + 1] = (starts[cell + 1] as number) + 1
  for (let cell = 1; cell < starts.length; cell++)
    starts[cell] = (starts[cell] as number) + (starts[cell - 1] as number)
  const next = starts.slice(0, -1)
  const order = new Uint32Array(labels.length)
  labels.forEach((cell, row) => {
    const slot = next[cell] as number
    next[cell] = slot + 1
    order[slot] = row
  })
  return order
}
