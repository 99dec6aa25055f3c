import { chunkRows } from '../engine/load.js'
import type { LongCallOptions } from '../options.js'
import { countBits, hasBit, wordsFor } from './bits.js'
import type { Model } from './model.js'
import { copyOriginals } from './originals.js'
import { newSegment, type Segment } from './segment.js'

/** One segment of several, without the vectors that are gone; in each cell those of earlier segments come first. */
export async function joinSegments(
  model: Model,
  parts: readonly Segment[],
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, quantizer } = model
  const { signal } = options
  const { codeSize } = quantizer
  const masks = new Map(parts.map((part) => [part, maskOf(model, part)]))
  const starts = joinedStarts(model.nlist, parts, masks)
  const total = parts.reduce((sum, { alive }) => sum + alive, 0)
  const most = chunkRows(codeSize / 4)
  return newSegment(model, starts, ({ codes, originals, rows: numbers }) =>
    engine.frame(async (scratch) => {
      const room =
        Math.min(
          most,
          parts.reduce((sum, { count }) => sum + count, 0),
        ) * codeSize
      const [read, kept] = [scratch.alloc(room), scratch.alloc(room)]
      let slot = 0
      for (const runs of blocksOf(parts, most)) {
        const at = new Map<Segment, number>()
        let filled = 0
        for (const { from, first, count } of spansOf(runs)) {
          await quantizer.read(from.codes, read + filled * codeSize, first, count, { signal })
          // Where slot 0 would be.
          at.set(from, read + (filled - first) * codeSize)
          filled += count
        }
        const bytes = new Uint8Array(engine.memory.buffer)
        const own = engine.ints(numbers, total)
        let count = 0
        for (const { from, ...run } of runs) {
          const old = engine.ints(from.rows, from.count)
          for (const { first, count: size } of keptRuns(masks.get(from), run.first, run.count)) {
            const rows = (at.get(from) as number) + first * codeSize
            bytes.copyWithin(kept + count * codeSize, rows, rows + size * codeSize)
            for (let i = 0; i < size; i++) own[slot + count + i] = old[first + i] as number
            if (originals && from.originals) copyOriginals(bytes, from.originals, first, originals, slot + count, size)
            count += size
          }
        }
        if (count > 0) await quantizer.write(codes, kept, slot, count, { signal })
        slot += count
        if (total > 0) options.onProgress?.({ phase: 'compact', done: slot, total })
      }
    }),
  )
}

/** Slots of one segment that follow each other in the joined one, too. */
interface SlotRun {
  from: Segment
  first: number
  count: number
}

/** Where the joined segment's slots come from, in their order; together at most so many. */
function* blocksOf(parts: readonly Segment[], most: number): Generator<SlotRun[]> {
  const nlist = (parts[0]?.starts.length ?? 1) - 1
  let block: SlotRun[] = []
  let filled = 0
  for (let cell = 0; cell < nlist; cell++) {
    for (const from of parts) {
      let first = from.starts[cell] as number
      const end = from.starts[cell + 1] as number
      while (first < end) {
        const count = Math.min(end - first, most - filled)
        block.push({ from, first, count })
        filled += count
        first += count
        if (filled < most) continue
        yield block
        block = []
        filled = 0
      }
    }
  }
  if (filled > 0) yield block
}

/** What a block takes of each segment: cells follow each other there, so it is one stretch. */
function spansOf(runs: readonly SlotRun[]): SlotRun[] {
  const spans = new Map<Segment, SlotRun>()
  for (const run of runs) {
    const span = spans.get(run.from)
    if (span) span.count += run.count
    else spans.set(run.from, { ...run })
  }
  return [...spans.values()]
}

/** A copy: memory may grow meanwhile. */
function maskOf({ engine }: Model, { mask, count }: Segment): Uint32Array | undefined {
  return mask === 0 ? undefined : engine.ints(mask, wordsFor(count)).slice()
}

function joinedStarts(
  nlist: number,
  parts: readonly Segment[],
  masks: ReadonlyMap<Segment, Uint32Array | undefined>,
): Uint32Array {
  const starts = new Uint32Array(nlist + 1)
  for (let cell = 0; cell < nlist; cell++) {
    let count = 0
    for (const part of parts) {
      const [from, to] = [part.starts[cell] as number, part.starts[cell + 1] as number]
      const mask = masks.get(part)
      count += mask ? countBits(mask, from, to) : to - from
    }
    starts[cell + 1] = (starts[cell] as number) + count
  }
  return starts
}

/** Runs of slots whose vectors are there. */
function* keptRuns(
  mask: Uint32Array | undefined,
  first: number,
  count: number,
): Generator<{ first: number; count: number }> {
  if (!mask) yield { first, count }
  const end = mask ? first + count : first
  for (let slot = first; slot < end; slot++) {
    if (!hasBit(mask as Uint32Array, slot)) continue
    const from = slot
    while (slot < end && hasBit(mask as Uint32Array, slot)) slot++
    yield { first: from, count: slot - from }
  }
}
