import { closedOnFailure } from '../engine/closing.js'
import { chunkRows } from '../engine/load.js'
import { MetadataTable } from '../filter/metadata-table.js'
import { type Contents, contentsOf } from '../ivf/contents.js'
import { sameModel } from '../ivf/same-model.js'
import { type Segment, slotsThere } from '../ivf/segment.js'
import { copyVectors } from '../ivf/vectors.js'
import { IvfIndex } from '../ivf-index.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions } from '../options.js'
import { runtime } from '../runtime.js'
import { type Face, headerOf } from '../saved/write.js'
import { defaultSpec, parseSpec, showSpec } from '../spec.js'
import type { ItemId } from './options.js'
import { emptyState, type Settings, type State, stateOf } from './state.js'

/** Vectors per cell from which on cells are found. */
const PER_CELL = 30
/** Codes are learned from so many vectors at least. */
const FOR_CODES = 4096
/** The number of vectors has changed this much when cells are found anew. */
const GROWTH = 4
/** Rows of vectors that are gone cost a little memory; from so many on, … */
const SPENT_ROWS = 1 << 16

/** What the index should be made of; undefined: it may stay as it is. */
export function dueSpec({ spec }: Settings, { index, table, trainedOn }: State): string | undefined {
  const { size, dim } = index
  // …and more than there are vectors, rows are numbered anew.
  const spent = table.rows > GROWTH * size + SPENT_ROWS
  const wanted = spec === undefined ? defaultSpec(size, dim) : specFrom(spec, size, index.spec)
  const other = wanted !== index.spec
  const outgrown = size >= GROWTH * trainedOn || size * GROWTH <= trainedOn
  if (spec === undefined ? other && outgrown : other) return wanted
  return spent ? index.spec : undefined
}

/** The caller's spec where there are vectors enough for it. */
function specFrom(text: string, size: number, present: string): string {
  const spec = parseSpec(text)
  const wanted = showSpec(spec)
  const least = Math.max(spec.nlist === 1 ? 0 : PER_CELL * spec.nlist, spec.quantizer.exact ? 0 : FOR_CODES)
  // not back and forth where vectors come and go
  return size >= (present === wanted ? least / GROWTH : least) ? wanted : 'Flat'
}

/** The spec as it is compared and kept. @throws IvfError ERR_ARGUMENT */
export function checkSpec(text: string): string {
  return showSpec(parseSpec(text))
}

export interface RebuildOptions extends LongCallOptions {
  life: LifeOptions
  /** Called when the state is held: what is written from then on is not in the new one. */
  onHeld(): void
}

/**
 * An index with the vectors of the state, and their metadata, and nothing of what is gone: of the same make, with the
 * same cells, or of another. Without vectors it is flat.
 * @throws IvfError ERR_MEMORY; the signal's reason
 */
export function rebuild(
  state: State,
  settings: Settings,
  spec: string,
  { life, onHeld, signal, onProgress }: RebuildOptions,
): Promise<State> {
  return state.index.whileHeld(async (contents, told) => {
    onHeld()
    const { dim, metric, seed } = settings
    const { size, ids } = contents
    const next =
      spec === state.index.spec
        ? stateOf(await withSameModel(contents, told, life), new MetadataTable(), state.trainedOn)
        : spec === 'Flat' || size === 0
          ? await emptyState(settings, life, size)
          : await trained(contents, size, { spec, dim, metric, seed, signal, onProgress }, life)
    return closedOnFailure(next.index, async () => {
      // Short pieces: searches wait for them.
      const most = Math.ceil(chunkRows(dim) / 4)
      for (const segment of contents.segments) {
        const there = slotsThere(contents.model, segment)
        for (let from = 0; from < there.length; from += most) {
          signal?.throwIfAborted()
          const slots = there.subarray(from, from + most)
          const vectors = await copyVectors(contents.model, segment, slots, { signal })
          const rows = rowsOf(contents, segment, slots)
          const pace = contents.model.engine.pace(signal)
          for (const [i, row] of rows.entries()) {
            next.table.set(next.table.rows, state.table.text(row))
            if (i % 256 === 255) await pace()
          }
          await next.index.add(vectors, { ids: Array.from(rows, (row) => ids.idOf(row) as ItemId), signal })
          onProgress?.({ phase: 'fill', done: next.index.size, total: size })
        }
      }
      return next
    })
  })
}

/** Empty, and of what was learned before. */
function withSameModel(contents: Contents, told: Face, life: LifeOptions): Promise<IvfIndex<ItemId>> {
  const header = headerOf(contents, told)
  return IvfIndex.assemble<ItemId>(header, life, async (engine) => {
    const { model } = contents
    return contentsOf(await sameModel(engine, model, model.rows.slice(), told.seed, {}))
  })
}

async function trained(
  contents: Contents,
  size: number,
  options: Parameters<typeof IvfIndex.train>[1] & { spec: string },
  life: LifeOptions,
): Promise<State> {
  const { dim } = contents.model
  const { nlist } = parseSpec(options.spec)
  // as many as k-means takes, and codes
  const most = Math.min(size, Math.max(100 * nlist, 65536))
  const sample = new Float32Array(most * dim)
  let [seen, taken] = [0, 0]
  for (const segment of contents.segments) {
    // evenly over all slots
    const chosen = slotsThere(contents.model, segment).filter(() => {
      const take = Math.floor(((seen + 1) * most) / size) > Math.floor((seen * most) / size)
      seen++
      return take
    })
    const step = 4 * chunkRows(dim)
    for (let from = 0; from < chosen.length; from += step) {
      const part = await copyVectors(contents.model, segment, chosen.subarray(from, from + step), {
        signal: options.signal,
      })
      sample.set(part, taken * dim)
      taken += part.length / dim
    }
  }
  // Threads do one thing after the other: on those of searches, these would wait for whole steps of k-means.
  const { threads } = await runtime(life)
  const others = threads === 1 ? 2 : Math.max(0, threads - 1)
  const learned = await IvfIndex.train<ItemId>(sample, { ...options, ...life, threads: others })
  try {
    const index = await learned.whileHeld((model, told) => withSameModel(model, told, life))
    return stateOf(index, new MetadataTable(), size)
  } finally {
    await learned.close()
  }
}

function rowsOf({ model: { engine } }: Contents, { rows, count }: Segment, slots: Uint32Array): Uint32Array {
  const all = engine.ints(rows, count)
  return slots.map((slot) => all[slot] as number)
}
