import { exactSearch, type Ids, IvfError, type Metric } from 'fast-ivf'
import type { VectorBatch } from 'fast-ivf/formats'
import type { Context } from '../context.js'
import { readRows } from '../vectors.js'

/** The true nearest of each query, nq × k. */
export interface Truth extends Ids {
  source: 'file' | 'exact search'
  /** The file it came from; absent when it was computed. */
  path?: string
  seconds: number
}

/** The answers that a file tells. @throws IvfError ERR_FORMAT when it is of other queries or other vectors */
export async function readTruth(
  path: string,
  { nq, k, rows }: { nq: number; k: number; rows: number },
  context: Context,
): Promise<Truth> {
  const start = performance.now()
  const { data, dims } = await readRows(path, 'read the truth', context)
  const [count, width] = dims
  const wrong = (why: string): IvfError => new IvfError('ERR_FORMAT', `${path} ${why}`)
  if (count !== nq) throw wrong(`has answers for ${count} queries, there are ${nq}; are they of another file?`)
  if (width < k) throw wrong(`has ${width} answers per query, fewer than k; give --k ${width}, or leave out --truth`)
  for (const id of data) {
    if (Number.isNaN(id) || id === -1) continue // no answer
    if (!Number.isSafeInteger(id) || id < -1) throw wrong(`holds ${id}, which is no row number; it must hold ids`)
    if (id >= rows) throw wrong(`names row ${id}, the base has ${rows}; is it the truth of more vectors?`)
  }
  return { ids: data, k: width, source: 'file', path, seconds: (performance.now() - start) / 1000 }
}

/** The answers that comparing everything gives. */
export async function computeTruth(
  base: VectorBatch,
  queries: VectorBatch,
  options: { k: number; metric: Metric; threads?: number; revectorize?: boolean },
  { signal, progress, note }: Context,
): Promise<Truth> {
  const start = performance.now()
  note('no --truth was given: the true answers come from an exact search here')
  const onProgress = (step: { done: number; total: number }): void =>
    progress.update({ ...step, phase: 'exact search' })
  const { ids, k } = await exactSearch(base, queries, { ...options, signal, onProgress })
  return { ids, k, source: 'exact search', seconds: (performance.now() - start) / 1000 }
}
