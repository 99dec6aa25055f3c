import { copyOf, type Matrix, toMatrix, type Vectors } from '../engine/vectors.js'
import { IvfError, show } from '../errors.js'
import type { Metadata } from '../filter/filter.js'
import { metadataText } from '../filter/json.js'
import { checkDistinct, readIds } from '../ivf/ids.js'
import type { ItemId, NewItem, NewItems } from './options.js'

/** One call's change, checked, in memory of its own. */
export type Write = Upsert | Remove

export interface Upsert {
  readonly op: 'upsert'
  readonly kind: IdKind
  readonly ids: readonly ItemId[]
  /** ids × dim */
  readonly vectors: Float32Array
  /** One for each id: the metadata's JSON, if it has any. */
  readonly texts: readonly (string | undefined)[]
}

export interface Remove {
  readonly op: 'remove'
  readonly kind: IdKind
  readonly ids: readonly ItemId[]
}

export type IdKind = 'number' | 'string'

/**
 * What `upsert` was given. All that could keep it from being stored is found here, before it is in the log.
 * @throws IvfError ERR_ARGUMENT, ERR_ID, ERR_DIM, ERR_NOT_FINITE, ERR_DETACHED
 */
export function readUpsert<M extends Metadata, I extends ItemId>(
  given: NewItem<M, I> | readonly NewItem<M, I>[] | NewItems<M, I>,
  dim: number,
): Upsert {
  const { ids: names, matrix, metadata } = partsOf(given, dim)
  const { ids, kind } = checkIds(names)
  checkDistinct(ids)
  if (ids.length !== matrix.rows) {
    throw new IvfError('ERR_ARGUMENT', `${ids.length} ids are given for ${matrix.rows} vectors; give one for each`)
  }
  if (metadata && metadata.length !== ids.length) {
    throw new IvfError('ERR_ARGUMENT', `${metadata.length} metadata are given for ${ids.length} ids; give one for each`)
  }
  const vectors = copyOf(matrix)
  checkFinite(vectors, dim)
  const texts = ids.map((id, i) => {
    const own = metadata?.[i]
    return own === undefined ? undefined : metadataText(own, `the metadata of ${show(id)}`)
  })
  return { op: 'upsert', kind, ids, vectors, texts }
}

/** What `remove` was given. @throws IvfError ERR_ARGUMENT, ERR_ID */
export function readRemove(given: ItemId | Iterable<ItemId>): Remove {
  const list = typeof given === 'object' && given !== null ? [...given] : [given]
  return { op: 'remove', ...checkIds(list) }
}

/** @throws IvfError ERR_ARGUMENT, ERR_ID */
export function checkId(id: ItemId): ItemId {
  return checkIds([id]).ids[0] as ItemId
}

interface Parts {
  ids: readonly ItemId[] | ArrayLike<number>
  matrix: Matrix
  metadata: readonly (Metadata | undefined)[] | undefined
}

function partsOf(given: NewItem | readonly NewItem[] | NewItems, dim: number): Parts {
  if (typeof given === 'object' && given !== null && 'vectors' in given) {
    const { ids, vectors, metadata } = given
    if (metadata !== undefined && !Array.isArray(metadata)) {
      throw new IvfError('ERR_ARGUMENT', `metadata is ${show(metadata)}; it must be an array with one for each vector`)
    }
    return { ids, matrix: toMatrix(vectors, dim, 'vectors'), metadata }
  }
  const items = (Array.isArray(given) ? given : [given]) as readonly NewItem[]
  for (const [i, item] of items.entries()) {
    if (typeof item === 'object' && item !== null && 'id' in item && 'vector' in item) continue
    throw new IvfError(
      'ERR_ARGUMENT',
      `item ${i} is ${show(item)}; it must be { id, vector, metadata }, or give { ids, vectors, metadata }`,
    )
  }
  return {
    ids: items.map(({ id }) => id),
    matrix: toMatrix(items.map(({ vector }) => vector) as Vectors, dim, 'vectors'),
    metadata: items.map(({ metadata }) => metadata),
  }
}

function checkIds(given: ArrayLike<ItemId>): { ids: ItemId[]; kind: IdKind } {
  const { ids, kind } = readIds(given as readonly ItemId[])
  if (kind === 'bigint') {
    throw new IvfError('ERR_ID', `ids[0] is ${show(ids[0])}; ids of a collection are strings or safe integers`)
  }
  return { ids: ids as ItemId[], kind: kind === 'string' ? 'string' : 'number' }
}

/** Sums of squares are taken in 32 bits; a little less than they hold, since they round. */
const MOST = 3e38

function checkFinite(vectors: Float32Array, dim: number): void {
  for (let at = 0; at < vectors.length; at += dim) {
    let sum = 0
    for (let i = at; i < at + dim; i++) sum += (vectors[i] as number) ** 2
    if (sum <= MOST) continue
    const i = vectors.subarray(at, at + dim).findIndex((value) => !Number.isFinite(value))
    const what = i < 0 ? 'numbers too large to square in 32 bits' : `${vectors[at + i]} at component ${i}`
    throw new IvfError(
      'ERR_NOT_FINITE',
      `row ${at / dim} of vectors holds ${what} (as 32-bit floats); leave it out, or mend what embedded it`,
    )
  }
}
