import type { Vectors } from './engine/vectors.js'
import type { Id, LongCallOptions } from './options.js'

/** The true nearest of queries: a search result, or what has its shape: nq × k ids, nearest first. */
export interface Truth<I extends Id = number> {
  readonly ids: ArrayLike<I | undefined>
  readonly k: number
}

/** Options of `calibrate`. */
export interface CalibrateOptions<I extends Id = number> extends LongCallOptions {
  /**
   * Queries like those to come, at least 20, better 2,000: half of them teach, half of them judge. Left out, vectors of
   * the index are drawn at random, and each is looked up among the others.
   */
  queries?: Vectors
  /** Their true nearest, at least as many as the largest k; left out, they are computed. */
  truth?: Truth<I>
  /** For which numbers of answers; a search takes the next one that is not less. Default 10 and 100. */
  k?: number | readonly number[]
  /**
   * How likely it is to be that queries like these find, on average, at least what is asked for: more work is done the
   * surer it has to be. From .5 to .9999; default .9.
   */
  confidence?: number
}

/** What a calibrated index delivers. */
export interface CalibrationReport {
  /** By k, ascending. */
  readonly rules: readonly {
    readonly k: number
    /** The most that may be asked for. */
    readonly highest: number
    readonly targets: readonly CertifiedTarget[]
  }[]
  /** Queries that it was judged by. */
  readonly queries: number
  readonly confidence: number
  /** More than a tenth of the vectors came or went since: call `calibrate` again. */
  readonly stale: boolean
}

/** What asking for a recall delivers, on queries that nothing was learned from. */
export interface CertifiedTarget {
  readonly target: number
  /** Mean recall@k. */
  readonly recall: number
  /** The mean recall of queries like these is at least this with probability `confidence` (normal approximation). */
  readonly lower: number
  /** Likewise with probability .95, whatever the distribution (empirical Bernstein bound: Maurer, Pontil 2009). */
  readonly bernstein: number
  /** The recall that one more query like these can expect (conformal risk control: Angelopoulos et al. 2024). */
  readonly conformal: number
  /** Vectors scored and cells visited per query. */
  readonly vectors: number
  readonly cells: number
  /** Every cell is visited: that takes less time than choosing some. */
  readonly whole: boolean
}
