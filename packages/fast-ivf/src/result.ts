import { IvfError } from './errors.js'
import type { Id } from './options.js'

/** One answer. */
export interface Match<I extends Id = number> {
  id: I
  /** The metric's own value: cosine or inner product (larger is nearer), squared L2 distance (smaller is nearer). */
  score: number
  /** With the search option `confidence`: the score's standard error; 0 when it is exact. */
  error?: number
  /** With the search option `confidence`: how likely it is that the vector is as near as the last answer seems. */
  confidence?: number
}

/** What a search cost. */
export interface Work {
  /** Vectors scored, by their codes where there are codes. */
  vectors: number
  /** Cells visited. */
  cells: number
  /** Candidates compared exactly, with the vectors kept beside the codes. */
  rescored: number
  /** Of an index that was opened with `resident: 'centroids'`: bytes and requests that were read, and in how many rounds. */
  read?: { bytes: number; requests: number; rounds: number }
}

/** Ids of answers: numbers in a typed array, NaN where there is no answer; else an array, undefined where there is none. */
export type ResultIds<I extends Id> = [I] extends [number] ? Float64Array : (I | undefined)[]

/** The answers to a batch of queries, row-major, nearest first. */
export class SearchResult<I extends Id = number> {
  /** nq × k. Past a query's count the entries are NaN or undefined: padding is never an answer. */
  readonly ids: ResultIds<I>
  /** nq × k, the metric's own value. NaN past a query's count. */
  readonly scores: Float32Array
  readonly k: number
  /** Number of queries. */
  readonly nq: number
  /** Answers of each query, at most k. */
  readonly counts: Uint32Array
  /** nq × k with the search option `confidence`: the standard error of each score; 0 when it is exact. */
  errors: Float32Array | undefined
  /**
   * nq × k with the search option `confidence`: the probability that the vector is at least as near as the last
   * answer's score tells, by its own standard error alone. 1 when scores are exact; ½ for the last answer among
   * estimates. The best of many estimates err to the near side, so with few bits it is too high: compare, do not add up.
   */
  confidences: Float32Array | undefined
  /**
   * nq with the search option `recall`: the share of the true k nearest that each query can be expected to have found,
   * from 0 to 1; NaN where there is nothing to find. Right on average, as far as queries are like those of calibration.
   */
  recallEstimate: Float32Array | undefined
  /** What the search cost over all queries; the same on every machine and any number of threads. */
  readonly work: Readonly<Work>

  constructor(nq: number, k: number, work: Work) {
    this.nq = nq
    this.k = k
    this.work = work
    try {
      this.ids = new Float64Array(nq * k).fill(Number.NaN) as ResultIds<I>
      this.scores = new Float32Array(nq * k).fill(Number.NaN)
      this.counts = new Uint32Array(nq)
    } catch (cause) {
      const message = `there is no memory for ${nq} × ${k} answers; ask for a smaller k, or in smaller batches`
      throw new IvfError('ERR_MEMORY', message, { cause })
    }
  }

  /** The answers of query `i`, nearest first; none past its count. */
  of(i: number): Match<I>[] {
    return Array.from({ length: this.counts[i] ?? 0 }, (_, j) => ({
      id: this.ids[i * this.k + j] as I,
      score: this.scores[i * this.k + j] as number,
      ...(this.errors && { error: this.errors[i * this.k + j] as number }),
      ...(this.confidences && { confidence: this.confidences[i * this.k + j] as number }),
    }))
  }
}
