import { rowsByCell } from '../clustering/group.js'
import { chunkRows } from '../engine/load.js'
import type { LongCallOptions } from '../options.js'
import { celledRows, codedRows } from './coded-rows.js'
import type { Model } from './model.js'
import { AS_THEY_ARE, pick } from './pick.js'
import { newSegment, rangeOf, type Segment } from './segment.js'

/** The cell of each slot under the next model, and the slots whose cell is another one. */
export async function relabel(
  next: Model,
  model: Model,
  segment: Segment,
  named: ReadonlyMap<number, number>,
  touched: ReadonlySet<number>,
  options: LongCallOptions,
): Promise<{ labels: Uint32Array; moved: Set<number> }> {
  const { engine, nlist, dim } = model
  const labels = new Uint32Array(segment.count)
  const moved = new Set<number>()
  const cells = [...touched].sort((a, b) => a - b)
  for (const cell of Array.from({ length: nlist }, (_, c) => c)) {
    if (!touched.has(cell)) labels.fill(named.get(cell) as number, segment.starts[cell], segment.starts[cell + 1])
  }
  const slots = Uint32Array.from(cells.flatMap((cell) => Array.from(rangeOf(segment, cell))))
  const chunk = chunkRows(dim)
  for (let from = 0; from < slots.length; from += chunk) {
    const some = slots.subarray(from, from + chunk)
    const found = await engine.frame(async (scratch) => {
      const rows = await celledRows(scratch, model, segment, some, options)
      const out = scratch.alloc(some.length * 4)
      const { signal } = options
      await next.assign({ rows, count: some.length }, out, { signal })
      return engine.ints(out, some.length).slice()
    })
    let cell = 0
    for (const [i, slot] of some.entries()) {
      while ((segment.starts[cell + 1] as number) <= slot) cell++
      labels[slot] = found[i] as number
      if (named.get(cell) !== found[i]) moved.add(slot)
    }
  }
  return { labels, moved }
}

/** The segment under the next model: codes move as they are, but for those whose cell is another one. */
export async function moveInto(
  next: Model,
  model: Model,
  segment: Segment,
  labels: Uint32Array,
  moved: ReadonlySet<number>,
  options: LongCallOptions,
): Promise<Segment> {
  const { engine, quantizer } = model
  const { codeSize, exact } = quantizer
  const { count } = segment
  const { signal } = options
  const { starts, rows: order } = rowsByCell(labels, next.nlist)
  return newSegment(next, starts, ({ codes, originals, rows: numbers }) =>
    engine.frame(async (scratch) => {
      const old = engine.ints(segment.rows, count)
      engine.ints(numbers, count).set(order.map((slot) => old[slot] as number))
      if (originals && segment.originals) {
        const { rowBytes, rows: from } = segment.originals
        const picked = { kept: AS_THEY_ARE, from, dim: rowBytes / 4, slots: order, rows: originals.rows }
        await pick(scratch, picked, { signal })
      }
      // Exact codes are had slot by slot where they are needed; others are small, and read whole.
      const all = exact ? 0 : scratch.alloc(count * codeSize)
      if (all) await quantizer.read(segment.codes, all, 0, count, { signal })
      const chunk = Math.min(count, chunkRows(Math.max(model.dim, codeSize / 4)))
      for (let from = 0; from < count; from += chunk) {
        const slots = order.subarray(from, Math.min(count, from + chunk))
        await engine.frame(async (own) => {
          const rows = own.alloc(slots.length * codeSize)
          if (exact) await pick(own, { kept: 0, from: segment.codes.codes, dim: model.width, slots, rows }, { signal })
          else {
            const bytes = new Uint8Array(engine.memory.buffer)
            for (const [i, slot] of slots.entries()) {
              bytes.copyWithin(rows + i * codeSize, all + slot * codeSize, all + (slot + 1) * codeSize)
            }
            await encodeMoved(next, model, segment, slots, labels, moved, rows, options)
          }
          await next.quantizer.write(codes, rows, from, slots.length, { signal })
        })
        options.onProgress?.({ phase: 'fill', done: from + slots.length, total: count })
      }
    }),
  )
}

/** Encodes those of the slots that moved over their places among the rows. */
async function encodeMoved(
  next: Model,
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  labels: Uint32Array,
  moved: ReadonlySet<number>,
  rows: number,
  options: LongCallOptions,
): Promise<void> {
  const { engine } = model
  const { codeSize } = next.quantizer
  const places = [...slots.entries()].filter(([, slot]) => moved.has(slot)).sort(([, a], [, b]) => a - b)
  if (places.length === 0) return
  const own = Uint32Array.from(places, ([, slot]) => slot)
  await engine.frame(async (scratch) => {
    const coded = await codedRows(scratch, model, segment, own, options)
    const cells = scratch.alloc(own.length * 4)
    engine.ints(cells, own.length).set(own.map((slot) => labels[slot] as number))
    const { signal } = options
    const at = await next.quantizer.encode(scratch, { rows: coded, cells, count: own.length }, { signal })
    const bytes = new Uint8Array(engine.memory.buffer)
    for (const [i, [place]] of places.entries()) {
      bytes.copyWithin(rows + place * codeSize, at + i * codeSize, at + (i + 1) * codeSize)
    }
  })
}
