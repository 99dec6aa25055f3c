import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { Id, IdList, LongCallOptions } from '../options.js'
import { append, type Contents, release, remove, type WriteSettings } from './contents.js'
import { checkDistinct, type IdKind, readIds } from './ids.js'

/** Ids of vectors that are written. */
export interface GivenIds {
  readonly kind: IdKind
  readonly ids: readonly Id[]
}

/** @throws IvfError ERR_ID, also for one that is given twice; ERR_ARGUMENT */
export function readOwnIds(ids: IdList): GivenIds {
  const given = readIds(ids)
  checkDistinct(given.ids)
  return given
}

/** The ids as they are at this moment. */
export function listed(ids: Iterable<Id> | IdList): IdList {
  return ids !== null && typeof ids === 'object' && Symbol.iterator in ids ? [...ids] : (ids as IdList)
}

/**
 * The contents with the vectors of all parts, in a table that these ids fit; they are not in it yet. On failure nothing
 * is left of them.
 * @throws IvfError ERR_ID, ERR_ARGUMENT
 */
export async function appendNamed(
  contents: Contents,
  parts: AsyncIterable<Matrix>,
  given: GivenIds | undefined,
  options: LongCallOptions,
): Promise<Contents> {
  const { rows, size } = contents
  const kind = given ? given.kind : 'rows'
  const ids = given?.ids.length === 0 ? contents.ids : contents.ids.forKind(kind, rows, size)
  const next = await append(contents, parts, options)
  const count = next.rows - rows
  if (given && count !== given.ids.length) {
    release(next, contents)
    throw new IvfError('ERR_ARGUMENT', `${given.ids.length} ids are given for ${count} vectors; give one for each`)
  }
  return { ...next, ids }
}

/** As `appendNamed`, in place of the vectors of `rows`, all of which are there. */
export async function replace(
  contents: Contents,
  rows: readonly number[],
  parts: AsyncIterable<Matrix>,
  given: GivenIds | undefined,
  settings: WriteSettings,
): Promise<Contents> {
  const without = rows.length > 0 ? await remove(contents, rows, settings) : contents
  let next: Contents | undefined
  try {
    next = await appendNamed(without, parts, given, settings)
    return next
  } finally {
    // What it shares with the contents before has gone, or stays, with those.
    const own = without.segments.filter((segment) => !contents.segments.includes(segment))
    if (own.length > 0) release({ ...without, segments: own }, next ?? contents)
  }
}
