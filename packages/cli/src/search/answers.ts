/** Where do answers go? To stdout as they come, or into a file. */

import { type Id, IvfError, type SearchResult } from 'fast-ivf'
import { writeVectors } from 'fast-ivf/formats'
import { jsonId } from '../ids.js'

/** Takes batches of answers in order. */
export interface Answers {
  /** `first`: the number of the first query. */
  put(result: SearchResult<Id>, first: number): void
}

/** A JSON object on a line for each query. */
export function* jsonLines(result: SearchResult<Id>, first: number, idsOnly: boolean): Generator<string> {
  for (let q = 0; q < result.nq; q++) {
    const matches = result.of(q)
    const ids = matches.map(({ id }) => jsonId(id))
    const scores = matches.map(({ score }) => score)
    yield `${JSON.stringify({ query: first + q, ids, ...(!idsOnly && { scores }) })}\n`
  }
}

/** A line for each answer: query, id and score, with tabs between; or for each query, its ids alone. */
export function* textLines(result: SearchResult<Id>, first: number, idsOnly: boolean): Generator<string> {
  for (let q = 0; q < result.nq; q++) {
    const matches = result.of(q)
    if (idsOnly) yield `${matches.map(({ id }) => shown(id)).join('\t')}\n`
    else for (const { id, score } of matches) yield `${first + q}\t${shown(id)}\t${Number(score.toPrecision(7))}\n`
  }
}

/** Ids, nq × k of int64, −1 where there is no answer; and, unless `idsOnly`, scores beside them. Returns the paths. */
export async function writeNpy(
  path: string,
  results: readonly SearchResult<Id>[],
  { k, idsOnly, signal }: { k: number; idsOnly: boolean; signal: AbortSignal },
): Promise<string[]> {
  await writeVectors(path, rowsOf(results, numbersOf), { dtype: 'int64', dim: k, signal })
  if (idsOnly) return [path]
  const beside = scoresPath(path)
  await writeVectors(
    beside,
    rowsOf(results, ({ scores }) => scores),
    { dim: k, signal },
  )
  return [path, beside]
}

/** results.npy → results.scores.npy */
export function scoresPath(path: string): string {
  return path.replace(/\.npy$/i, '.scores.npy')
}

function* rowsOf<T>(
  results: readonly SearchResult<Id>[],
  part: (result: SearchResult<Id>) => T,
): Generator<{ data: T; dims: [number, number] }> {
  for (const result of results) yield { data: part(result), dims: [result.nq, result.k] }
}

function numbersOf({ ids, nq, k, counts }: SearchResult<Id>): Float64Array {
  return Float64Array.from({ length: nq * k }, (_, at) => {
    if (at % k >= (counts[Math.floor(at / k)] as number)) return -1
    const id: unknown = ids[at]
    if (typeof id === 'number') return id
    throw new IvfError('ERR_ID', `npy holds numbers, and ids here are ${typeof id}s; write them to .jsonl`)
  })
}

/** Text as it is, but for what would break the line. */
function shown(id: Id): string {
  const text = String(id)
  return /[\t\r\n]/.test(text) ? JSON.stringify(text) : text
}
