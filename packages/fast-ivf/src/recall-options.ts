import type { Vectors } from './engine/vectors.js'
import type { RescoreOptions, SearchOptions } from './ivf-options.js'
import type { Id, LongCallOptions } from './options.js'
import type { Match } from './result.js'

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
   * surer it has to be. From .5 to .9999; default .95.
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

/** Options of `evaluate`: of the search that is measured, and these. */
export interface EvaluateOptions<I extends Id = number> extends SearchOptions<I>, RescoreOptions {
  /**
   * The true nearest of the queries, at least k of each; left out, all vectors are compared with all queries, as they
   * are stored. With a filter it must be given: the nearest of those that pass.
   */
  truth?: Truth<I>
  /** Queries that are timed one at a time. Default 200, or fewer where these take more than 2 seconds. */
  singles?: number
  /** As in the searches of `FastIVFPQ` and `CompressedFastIVF`. */
  sort?: boolean
}

/** How good and how fast a search is. All but times are the same for any number of threads. */
export interface Evaluation {
  /** Answers per query. */
  readonly k: number
  /** Number of queries. */
  readonly queries: number
  /** recall@k: the share of the true k nearest that were found. */
  readonly recall: number
  /** recall1@k: the share of queries whose true nearest is within the first k found. */
  readonly recall1: number
  /** Queries per second, all of them in one call: the median of at least 3 runs, after one that warms up. */
  readonly qps: number
  /** Milliseconds that a query takes, asked alone, one after another (nearest rank); NaN when none was timed. */
  readonly latency: { readonly p50: number; readonly p95: number; readonly p99: number }
  /** Vectors scored per query, by their codes where there are codes. */
  readonly vectors: number
  /** Cells visited per query. */
  readonly cells: number
  /** Candidates compared exactly per query. */
  readonly rescored: number
  /** Bytes per query of the codes scanned and of the vectors compared. */
  readonly bytes: number
  /** Where a recall was asked for and is estimated query by query: the mean of `recallEstimate`. */
  readonly estimate?: number
}

/** Options of `explain`: of the search that is explained, and these. */
export interface ExplainOptions<I extends Id = number> extends Omit<SearchOptions<I>, 'filter'>, RescoreOptions {
  /** Compare the query with all vectors, too, and tell where its true neighbours are. Default false. */
  check?: boolean
  /** As in the searches of `FastIVFPQ` and `CompressedFastIVF`. */
  sort?: boolean
}

/** What a search for one query did, and why. */
export interface Explanation<I extends Id = number> {
  /** Those that the search chose among, nearest first; with `check`, behind them others that hold true neighbours. */
  readonly cells: readonly ExplainedCell[]
  /** Number of cells visited. */
  readonly visited: number
  /** Vectors scored, by their codes where there are codes. */
  readonly scored: number
  /** Candidates compared exactly. */
  readonly rescored: number
  readonly stopped: StopReason
  /**
   * The least expected share for which a cell is visited behind the nearest ones (stopped: 'recall'), or the ratio
   * threshold ('ratio').
   */
  readonly threshold?: number
  /** The share of the true neighbours that the query can be expected to have found, when a recall is asked for. */
  readonly recallEstimate?: number
  /** With `check`: the share of the true k nearest that were found. */
  readonly recall?: number
  /** With `check`: the true neighbours that were not found, nearest first. */
  readonly missed?: readonly MissedNeighbour<I>[]
  readonly answers: readonly Match<I>[]
  /** All this in a few plain sentences, one a line. */
  readonly text: string
}

/**
 * Why no more cells were visited: 'nprobe': so many were asked for; 'ratio': the next is much farther than the nearest;
 * 'recall': no other is expected to hold enough neighbours; 'whole': there are no others; 'zero': a query of zeros has
 * no cosine, and visits none.
 */
export type StopReason = 'nprobe' | 'ratio' | 'recall' | 'whole' | 'zero'

/** A cell as one query sees it. */
export interface ExplainedCell {
  readonly cell: number
  /** Place among the query's cells, from 0, the nearest. */
  readonly rank: number
  /** To the centroid, by which cells are ranked: inner product (cosine, ip: larger is nearer), squared distance (l2). */
  readonly distance: number
  /** Vectors in it, removed ones that still take memory included. */
  readonly size: number
  readonly visited: boolean
  /** The share of the neighbours that it was expected to hold, once the nearest cells had been visited. */
  readonly share?: number
  /** With `check`: how many of the true k nearest are in it. */
  readonly neighbours?: number
}

/** A true neighbour that was not found. */
export interface MissedNeighbour<I extends Id = number> extends Pick<Match<I>, 'id' | 'score'> {
  readonly cell: number
  /** Of its cell among the query's. */
  readonly rank: number
  /** 'tied': the last answer is as near. */
  readonly reason: 'cell not visited' | 'lost by its code' | 'tied'
}
