import { checkTruth, rowsOfTruth } from './calibrate-index.js'
import { copyOf, type Matrix, toMatrix, type Vectors } from './engine/vectors.js'
import { checkInteger, IvfError } from './errors.js'
import type { Contents } from './ivf/contents.js'
import { nameRows } from './ivf/ids.js'
import { keptBytes } from './ivf/originals.js'
import { trueNearest } from './ivf/truth.js'
import type { SearchTold } from './ivf-options.js'
import type { Id, LongCallOptions } from './options.js'
import { type Ids, recall, recall1 } from './recall.js'
import type { EvaluateOptions, Evaluation, Truth } from './recall-options.js'
import type { SearchResult } from './result.js'

/** An index as it is measured. */
export interface Measured<I extends Id> {
  read<T>(work: (contents: Contents) => Promise<T>): Promise<T>
  /** A search with everything but its queries settled. */
  search(queries: Float32Array, options: LongCallOptions): Promise<SearchResult<I>>
}

/** Runs of all queries that are timed: at least, and at most; no more are begun after so many milliseconds. */
const [FEWEST_RUNS, MOST_RUNS, RUNS_MS] = [3, 15, 1000]
/** Queries that are timed alone unless it is said how many; no more are begun after so many milliseconds. */
const [SINGLES, SINGLES_MS] = [200, 2000]
/** Queries before the first that is timed. */
const WARM_UP = 10

/** @throws IvfError ERR_ARGUMENT, ERR_EMPTY, ERR_UNSUPPORTED, ERR_ID, and as a search; the signal's reason */
export async function evaluateIndex<I extends Id>(
  queries: Vectors,
  { k, filter }: SearchTold,
  { truth, singles, signal, onProgress }: EvaluateOptions<I>,
  { read, search }: Measured<I>,
): Promise<Evaluation> {
  if (singles !== undefined) checkInteger('singles', singles, 0, 1 << 24)
  if (filter && !truth) {
    throw new IvfError(
      'ERR_ARGUMENT',
      'filter is given, and the true nearest are known without one only; give truth, the nearest of those that pass',
    )
  }
  const { matrix, given, bytes } = await read(async (contents) => {
    const { dim, keep, quantizer } = contents.model
    const matrix = toMatrix(queries, dim, 'queries')
    if (matrix.rows === 0) throw new IvfError('ERR_EMPTY', 'queries is empty; give at least one')
    if (contents.size === 0) throw new IvfError('ERR_EMPTY', 'there are no vectors to find; add some first')
    const given = checkedTruth(contents, matrix, truth, k)
    return { matrix, given, bytes: { coded: quantizer.codeSize, kept: keptBytes(keep, dim) } }
  })
  const [rows, nq] = [copyOf(matrix), matrix.rows]
  // It warms up, too, and says what is wrong with the options before the truth is computed.
  const result = await search(rows, { signal, onProgress })
  const known: Ids<Id> =
    given ??
    (await read(async (contents) =>
      nameRows(await trueNearest(contents, matrix, k, { signal, onProgress }), contents.ids),
    ))
  const ms = await timeRuns(() => search(rows, { signal }))
  const times = await timeSingles(nq, singles, onProgress, (q) =>
    search(rows.subarray(q * matrix.dim, (q + 1) * matrix.dim), { signal }),
  )
  const { vectors, cells, rescored } = result.work
  return {
    ...{ k, queries: nq, recall: recall<Id>(result, known, k), recall1: recall1<Id>(result, known, k) },
    qps: (nq / percentile(ms, 0.5)) * 1000,
    latency: { p50: percentile(times, 0.5), p95: percentile(times, 0.95), p99: percentile(times, 0.99) },
    ...{ vectors: vectors / nq, cells: cells / nq, rescored: rescored / nq },
    bytes: (vectors * bytes.coded + rescored * bytes.kept) / nq,
    ...(result.recallEstimate && { estimate: meanOf(result.recallEstimate) }),
  }
}

/** The truth that is given, nq × k. @throws IvfError ERR_ARGUMENT, ERR_ID; ERR_UNSUPPORTED where it cannot be left out */
function checkedTruth<I extends Id>(
  contents: Contents,
  queries: Matrix,
  given: Truth<I> | undefined,
  k: number,
): Ids<I> | undefined {
  if (!given) {
    if (!contents.stored) return undefined
    throw new IvfError(
      'ERR_UNSUPPORTED',
      "truth is left out, and vectors that stay in a file are not compared; give it, or open with resident: 'all'",
    )
  }
  // Where ids stay in a file, nobody knows them all.
  if (contents.stored) checkTruth(contents, given, queries, k)
  else rowsOfTruth(contents, given, queries, k)
  // It may hold more of each query than k, and fewer where there are no more vectors.
  return { ids: Array.from({ length: queries.rows * k }, (_, i) => idAt(given, Math.floor(i / k), i % k)), k }
}

function idAt<I extends Id>({ ids, k }: Truth<I>, q: number, i: number): I | undefined {
  return i < k ? ids[q * k + i] : undefined
}

/** Milliseconds of each run. */
async function timeRuns(run: () => Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  const start = performance.now()
  while (times.length < FEWEST_RUNS || (times.length < MOST_RUNS && performance.now() - start < RUNS_MS)) {
    const from = performance.now()
    await run()
    times.push(performance.now() - from)
  }
  return times
}

/** Milliseconds of queries alone, one after another, from all over the batch; again from its beginning if it is short. */
async function timeSingles(
  nq: number,
  wanted: number | undefined,
  onProgress: LongCallOptions['onProgress'],
  ask: (query: number) => Promise<unknown>,
): Promise<number[]> {
  const total = wanted ?? SINGLES
  const place = (i: number): number => (nq <= total ? i % nq : Math.floor((i * nq) / total))
  for (let i = 0; i < Math.min(WARM_UP, total); i++) await ask(place(total - 1 - i))
  const times: number[] = []
  const start = performance.now()
  while (times.length < total && (wanted !== undefined || performance.now() - start < SINGLES_MS)) {
    const from = performance.now()
    await ask(place(times.length))
    times.push(performance.now() - from)
    onProgress?.({ phase: 'evaluate', done: times.length, total })
  }
  return times
}

/** The value that `share` of the values do not exceed (nearest rank); NaN of none. */
function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort()
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Of those that are numbers. */
function meanOf(values: Float32Array): number {
  const known = values.filter((value) => !Number.isNaN(value))
  return known.reduce((sum, value) => sum + value, 0) / known.length
}
