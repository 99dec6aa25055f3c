import { IvfError } from './errors.js'

/** One answer. */
export interface Match {
  id: number
  /** The metric's own value: cosine or inner product (larger is nearer), squared L2 distance (smaller is nearer). */
  score: number
}

/** The answers to a batch of queries, row-major, nearest first. */
export class SearchResult {
  /** nq × k. Past a query's count the entries are NaN: padding is never an answer. */
  readonly ids: Float64Array
  /** nq × k, the metric's own value. NaN past a query's count. */
  readonly scores: Float32Array
  readonly k: number
  /** Number of queries. */
  readonly nq: number
  /** Answers of each query, at most k. */
  readonly counts: Uint32Array
  /** What the search cost over all queries: vectors scored and cells visited; the same on every machine. */
  readonly work: { readonly vectors: number; readonly cells: number }

  constructor(nq: number, k: number, work: { vectors: number; cells: number }) {
    this.nq = nq
    this.k = k
    this.work = work
    try {
      this.ids = new Float64Array(nq * k).fill(Number.NaN)
      this.scores = new Float32Array(nq * k).fill(Number.NaN)
      this.counts = new Uint32Array(nq)
    } catch (cause) {
      const message = `there is no memory for ${nq} × ${k} answers; ask for a smaller k, or in smaller batches`
      throw new IvfError('ERR_MEMORY', message, { cause })
    }
  }

  /** The answers of query `i`, nearest first; none past its count. */
  of(i: number): Match[] {
    return Array.from({ length: this.counts[i] ?? 0 }, (_, j) => ({
      id: this.ids[i * this.k + j] as number,
      score: this.scores[i * this.k + j] as number,
    }))
  }
}
