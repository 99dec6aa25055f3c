import type { Vectors } from './engine/vectors.js'
import type { Keep } from './ivf/originals.js'
import type { LongCallOptions } from './options.js'

/** Options of `tune`. */
export interface TuneOptions extends LongCallOptions {
  /** The recall that is wanted, from .5 to .999. Default .95. */
  recall?: number
  /** Answers per query. Default 10. */
  k?: number
  /** Queries like those to come, at least 20, better 1,000; left out, vectors that are held out. */
  queries?: Vectors
  /** Seconds that it may take; the last one that is begun is finished. Default 60. */
  budget?: number
  /** Bytes that a vector may take, all told: codes, ids, centroids, and what is kept beside. */
  bytesPerVector?: number
  /** What to try in place of what it thinks of itself. */
  specs?: readonly string[]
}

/** A make of index that was tried. */
export interface TunePoint {
  readonly spec: string
  readonly keep: Keep
  /** Vectors it was tried with: a part of them at first. */
  readonly size: number
  /** Queries a second, all in one call, at the recall that is wanted, on this machine. */
  readonly qps: number
  /** Recall on held-out queries. */
  readonly recall: number
  readonly bytesPerVector: number
  /** Vectors scored per query. */
  readonly vectors: number
  /** Seconds to build it. */
  readonly seconds: number
}

/** What `tune` found. */
export interface TuneReport {
  /** The fastest that has the recall and keeps to the limit: for `IvfIndex.build`. */
  readonly spec: string
  readonly keep: Keep
  /** For `search`. */
  readonly recall: number
  readonly k: number
  readonly best: TunePoint
  /** Of those tried with all vectors: faster ones take more bytes. */
  readonly frontier: readonly TunePoint[]
  /** Everything that was tried, in its order. */
  readonly tried: readonly TunePoint[]
  readonly seconds: number
}
