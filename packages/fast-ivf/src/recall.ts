import { IvfError } from './errors.js'
import type { Id } from './options.js'

/** Ids of the answers, nq × k row-major, nearest first; NaN, undefined or −1 where there are fewer. A search result is one. */
export interface Ids<I extends Id = number> {
  readonly ids: ArrayLike<I | undefined>
  readonly k: number
}

/**
 * recall@k: the share of the true k nearest that were found, |found ∩ true| / k, averaged over the queries. Where the
 * truth has fewer than k answers, they are what can be found.
 *
 * @param found at least k answers per query @param truth at least k answers per query
 * @throws IvfError ERR_ARGUMENT when k is more than either holds, or the numbers of queries differ
 */
export function recall<I extends Id = number>(found: Ids<I>, truth: Ids<I>, k: number): number {
  const nq = queriesOf(found, truth, k, k)
  let hits = 0
  let possible = 0
  for (let q = 0; q < nq; q++) {
    const wanted = new Set<I>()
    for (let i = 0; i < k; i++) {
      const id = truth.ids[q * truth.k + i]
      if (isId(id)) wanted.add(id)
    }
    possible += wanted.size
    for (let i = 0; i < k; i++) if (wanted.delete(found.ids[q * found.k + i] as I)) hits++
  }
  return possible === 0 ? 1 : hits / possible
}

/**
 * recall1@k: the share of queries whose true nearest is within the first k found. (The original FastIVF's "recall".)
 *
 * @throws IvfError ERR_ARGUMENT
 */
export function recall1<I extends Id = number>(found: Ids<I>, truth: Ids<I>, k: number): number {
  const nq = queriesOf(found, truth, k, 1)
  let hits = 0
  let possible = 0
  for (let q = 0; q < nq; q++) {
    const nearest = truth.ids[q * truth.k]
    if (!isId(nearest)) continue
    possible++
    for (let i = 0; i < k; i++) {
      if (found.ids[q * found.k + i] !== nearest) continue
      hits++
      break
    }
  }
  return possible === 0 ? 1 : hits / possible
}

/** Others pad with what is no id. */
function isId<I extends Id>(id: I | undefined): id is I {
  return id !== undefined && id !== -1 && !Number.isNaN(id)
}

function queriesOf<I extends Id>(found: Ids<I>, truth: Ids<I>, k: number, kTrue: number): number {
  if (!Number.isSafeInteger(k) || k < 1 || k > found.k || kTrue > truth.k) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `recall at k = ${k} needs k answers per query; found has ${found.k}, the truth ${truth.k}`,
    )
  }
  const nq = found.ids.length / found.k
  if (nq !== truth.ids.length / truth.k) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `found has ${nq} queries, the truth ${truth.ids.length / truth.k}; they must be the same queries`,
    )
  }
  return nq
}
