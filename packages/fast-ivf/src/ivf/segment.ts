import { rowsByCell } from '../clustering/group.js'
import { assign } from '../clustering/nearest.js'
import { chunkRows } from '../engine/load.js'
import { type Matrix, pick } from '../engine/vectors.js'
import type { LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { Held } from './held.js'
import type { Model } from './model.js'
import { allocOriginals, copyOriginals, keepRows, type Originals, originalsBytes } from './originals.js'
import { allocRows, loadProjected } from './project.js'

/** Vectors stored under a model, cell by cell, in slots that run on from cell to cell; never changed once built. */
export interface Segment {
  readonly count: number
  /** nlist + 1: cell c holds the slots starts[c] … starts[c + 1]. */
  readonly starts: Uint32Array
  readonly codes: Codes
  readonly originals: Originals | undefined
  /** Address: count ids. */
  readonly ids: number
  readonly held: Held
}

/** Bytes of a segment without the originals. */
export function codedBytes({ quantizer }: Model, { count, starts }: Segment): number {
  return quantizer.bytes(count) + count * 4 + starts.byteLength
}

/** Bytes of a segment. */
export function segmentBytes(model: Model, segment: Segment): number {
  return codedBytes(model, segment) + originalsBytes(segment.originals, segment.count)
}

/** Gives each row to its nearest cell and stores it. Rows are copied in twice, so that memory holds only the segment. */
export async function buildSegment(
  model: Model,
  matrix: Matrix,
  firstId: number,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, dim, nlist, quantizer } = model
  const { signal } = options
  const { rows: count } = matrix
  const chunk = Math.min(count, chunkRows(dim))
  const load = { name: 'vectors', signal }
  return engine.frame(async (scratch) => {
    const rows = allocRows(scratch, model, chunk)
    const labelled = model.projection?.beforeCells ? rows.coded : rows.given
    const labels = scratch.alloc(count * 4)
    for (let from = 0; from < count; from += chunk) {
      const to = Math.min(from + chunk, count)
      await loadProjected(model, matrix, from, to, rows, load)
      const out = { labels: labels + from * 4, distances: 0 }
      await assign(engine, model.centroids, { rows: labelled, count: to - from }, out, { signal })
      options.onProgress?.({ phase: 'assign', done: to, total: count })
    }
    const { starts, rows: order } = rowsByCell(engine.ints(labels, count), nlist)
    return newSegment(model, starts, async ({ codes, originals, ids }) => {
      engine.ints(ids, count).set(order.map((row) => firstId + row))
      // The labels in the order of the slots.
      const cells = engine.ints(labels, count)
      for (let cell = 0; cell < nlist; cell++) cells.fill(cell, starts[cell], starts[cell + 1])
      for (let from = 0; from < count; from += chunk) {
        const to = Math.min(from + chunk, count)
        const part = pick(matrix, order.subarray(from, to))
        await loadProjected(model, part, 0, to - from, rows, load)
        await engine.frame(async (own) => {
          const vectors = { rows: rows.coded, cells: labels + from * 4, count: to - from }
          const codeRows = await quantizer.encode(own, vectors, { signal })
          await quantizer.write(codes, codeRows, from, to - from, { signal })
        })
        if (originals) {
          const origin = (row: number): number => part.origin?.(row) ?? row
          await keepRows(engine, originals, rows.given, from, to - from, dim, { signal, name: 'vectors', origin })
        }
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
  const { engine, quantizer } = model
  const { signal } = options
  const { codeSize } = quantizer
  const starts = one.starts.map((start, cell) => start + (two.starts[cell] as number))
  const runs = runsOf(one, two)
  return newSegment(model, starts, ({ codes, originals, ids }) =>
    engine.frame(async (scratch) => {
      const chunk = chunkRows(codeSize / 4)
      const rows = scratch.alloc(Math.min(chunk, one.count + two.count) * codeSize)
      let slot = 0
      let filled = 0
      for (const { from, first, count } of runs) {
        engine.ints(ids + slot * 4, count).set(engine.ints(from.ids + first * 4, count))
        if (originals && from.originals) copyOriginals(engine, from.originals, first, originals, slot, count)
        for (let done = 0; done < count; ) {
          const part = Math.min(count - done, chunk - filled)
          await quantizer.read(from.codes, rows + filled * codeSize, first + done, part, { signal })
          filled += part
          done += part
          if (filled === chunk) await flush(slot + done)
        }
        slot += count
      }
      await flush(slot)

      async function flush(end: number): Promise<void> {
        if (filled > 0) await quantizer.write(codes, rows, end - filled, filled, { signal })
        filled = 0
      }
    }),
  )
}

/** Slots of one segment that follow each other in the merged one, too. */
interface SlotRun {
  from: Segment
  first: number
  count: number
}

/** Where the merged segment's slots come from, in their order. */
function runsOf(one: Segment, two: Segment): SlotRun[] {
  const runs: SlotRun[] = []
  for (let cell = 0; cell + 1 < one.starts.length; cell++) {
    for (const from of [one, two]) {
      const first = from.starts[cell] as number
      const count = (from.starts[cell + 1] as number) - first
      const last = runs.at(-1)
      if (count === 0) continue
      if (last?.from === from) last.count += count
      else runs.push({ from, first, count })
    }
  }
  return runs
}

async function newSegment(
  model: Model,
  starts: Uint32Array,
  fill: (segment: Segment) => Promise<void>,
): Promise<Segment> {
  const { engine, quantizer, keep, dim, nlist } = model
  const held = new Held(engine)
  try {
    const count = starts[nlist] as number
    const alloc = (bytes: number): number => held.alloc(bytes)
    const codes = quantizer.alloc(alloc, count)
    const originals = allocOriginals(alloc, keep, dim, count)
    const segment = { count, starts, codes, originals, ids: held.alloc(count * 4), held }
    await fill(segment)
    return segment
  } catch (error) {
    held.release()
    throw error
  }
}
