import { MetadataTable } from '../filter/metadata-table.js'
import { contentsOf, rowOf } from '../ivf/contents.js'
import { createModel } from '../ivf/make-model.js'
import { vectorOf } from '../ivf/vectors.js'
import { IvfIndex } from '../ivf-index.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions, Metric } from '../options.js'
import { parseSpec } from '../spec.js'
import type { CachedFilter } from './filters.js'
import type { Item, ItemId } from './options.js'
import type { IdKind, Upsert, Write } from './writes.js'

/** What a collection is, as long as it lives. */
export interface Settings {
  readonly dim: number
  readonly metric: Metric
  readonly seed: number
  /** The caller's; undefined: chosen by size. */
  readonly spec: string | undefined
}

/** An index, and the metadata of its rows. Rows are never changed, so whoever holds both sees them as they belong. */
export interface State {
  readonly index: IvfIndex<ItemId>
  /** By row of the index. A row is there before its vector is. */
  readonly table: MetadataTable
  /** Filters used last, by key. */
  readonly filters: Map<string, CachedFilter>
  /** How many vectors there were when cells were last found; 0: never. */
  readonly trainedOn: number
}

export function stateOf(index: IvfIndex<ItemId>, table: MetadataTable, trainedOn: number): State {
  return { index, table, filters: new Map(), trainedOn }
}

/** Without vectors: flat, so there is nothing to learn. */
export async function emptyState({ dim, metric, seed }: Settings, life: LifeOptions, trainedOn = 0): Promise<State> {
  const { quantizer } = parseSpec('Flat')
  const { word, exact, bounded } = quantizer
  const told = { metric, dim, nlist: 1, seed, keep: 'none', projection: undefined, options: {} } as const
  const traits = { kind: 'Flat', word, exact, bounded }
  const index = await IvfIndex.assemble<ItemId>({ ...told, quantizer: traits }, life, async (engine) => {
    // any centroid will do that has a direction
    const centroid = new Float32Array(dim).fill(1, 0, 1)
    return contentsOf(
      await createModel(engine, { dim, metric, seed, quantizer, keep: 'none' }, centroid, undefined, {}),
    )
  })
  return stateOf(index, new MetadataTable(), trainedOn)
}

/** The kind of the ids that are there; undefined as long as there was none. */
export function kindOf({ index }: State): Promise<IdKind | undefined> {
  return index.whileHeld(async ({ ids: { kind } }) => (kind === 'string' || kind === 'number' ? kind : undefined))
}

/**
 * Does all the writes, in their order, as one: the last one of an id is what counts.
 * @throws IvfError ERR_MEMORY, ERR_WORKER; then some may have been done
 */
export async function applyWrites(
  state: State,
  writes: readonly Write[],
  options: LongCallOptions = {},
): Promise<void> {
  const { index, table } = state
  const { dim } = index
  const last = new Map<ItemId, { write: Upsert; i: number } | undefined>()
  for (const write of writes) {
    for (const [i, id] of write.ids.entries()) last.set(id, write.op === 'upsert' ? { write, i } : undefined)
  }
  const removed: ItemId[] = []
  const ids: ItemId[] = []
  const vectors = new Float32Array([...last.values()].filter(Boolean).length * dim)
  const first = await index.whileHeld(async ({ rows }) => rows)
  for (const [id, found] of last) {
    if (!found) {
      removed.push(id)
      continue
    }
    const { write, i } = found
    vectors.set(write.vectors.subarray(i * dim, (i + 1) * dim), ids.length * dim)
    table.set(first + ids.length, write.texts[i])
    ids.push(id)
  }
  if (removed.length > 0) await index.remove(removed, options)
  if (ids.length > 0) await index.upsert(vectors, { ids, ...options })
}

/** The vector of an id, and what is kept beside it. */
export function getItem({ index, table }: State, id: ItemId): Promise<Item | undefined> {
  return index.whileHeld(async (contents) => {
    const row = rowOf(contents, id)
    const vector = row === undefined ? undefined : await vectorOf(contents, row)
    return vector && { id, vector, metadata: table.get(row as number) }
  })
}
