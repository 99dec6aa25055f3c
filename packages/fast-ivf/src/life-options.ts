import type { Id, IdList, LongCallOptions } from './options.js'
import type { RuntimeOptions } from './runtime.js'

/** Options of a living index. */
export interface LifeOptions extends RuntimeOptions {
  /**
   * Removed vectors stay in memory until they are more than this share of a segment, which is then written anew.
   * From 0 (at once) to 1 (only by `compact`). Default 0.25.
   */
  compactAt?: number
}

/** Options of opening the file of an index. */
export interface OpenOptions extends LifeOptions, LongCallOptions {
  /**
   * 'all' reads the whole file into memory. 'centroids' reads what was learned and where cells are; a search then reads
   * the cells it visits, and checks them, so that an index may be larger than memory or far away; such an index can
   * be searched only, and `threads` is 0 unless given. Default 'all'.
   */
  resident?: 'all' | 'centroids'
  /** With 'centroids': bytes of cells that are kept for later searches. Default 8 MB. */
  cacheBytes?: number
}

/** Options of adding vectors. */
export interface AddOptions<I extends Id = number> extends LongCallOptions {
  /**
   * One id per vector: safe integers, strings, or bigints of 64 bits, which then are what searches answer with. Left
   * out, ids are row numbers, counted over all that was ever added.
   */
  ids?: IdList<I>
}

/** Options of `optimize`. */
export interface OptimizeOptions extends LongCallOptions {
  /**
   * Vectors that a cell should have: larger ones than twice that are divided, those of less than an eighth given up.
   * Default: as many as cells have on average.
   */
  cellSize?: number
}

/** Options of `entries`. */
export interface EntriesOptions {
  /** Vectors at a time; about 8 MB of them by default. */
  rows?: number
  signal?: AbortSignal | undefined
}

/** Options of saving an index. */
export interface SaveOptions extends LongCallOptions {
  /** The file outlives a loss of power once `save` has resolved; default true. Without, it is faster. */
  sync?: boolean
}
