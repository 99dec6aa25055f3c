/** What nearness means: the cosine of the angle, the inner product (both larger is nearer), or squared Euclidean distance. */
export type Metric = 'cosine' | 'ip' | 'l2'

/** All of them. */
export const METRICS: readonly Metric[] = ['cosine', 'ip', 'l2']

/** What a vector is called: a safe integer, a string, or a bigint of 64 bits; in one index all are of one kind. */
export type Id = number | string | bigint

/** One id per vector. */
export type IdList<I extends Id = Id> = readonly I[] | (I extends number ? ArrayLike<number> : never)

/** How far a long call has come. */
export interface Progress {
  /**
   * 'train': steps of k-means; 'compress': steps of a learned projection; 'assign': rows given to cells; 'spill': rows
   * given to second cells; 'fill': rows stored; 'search': visits of cells done; 'compact': rows moved; 'optimize': cells
   * looked at; 'truth': pairs compared; 'calibrate', 'tune': steps; 'evaluate': queries timed alone; 'save', 'open':
   * bytes.
   */
  phase:
    | 'train'
    | 'compress'
    | 'assign'
    | 'fill'
    | 'spill'
    | 'search'
    | 'compact'
    | 'optimize'
    | 'truth'
    | 'calibrate'
    | 'evaluate'
    | 'tune'
    | 'save'
    | 'open'
  done: number
  total: number
  /** Convergence of k-means: how much still changes from step to step. */
  delta?: number
  /** Of a learned projection: the epoch, from 1, and what is lost, by the mean over the epoch so far. */
  epoch?: number
  loss?: number
  /** Of the supervised projection: the share of vectors whose cell was told right, or among the ten likeliest. */
  accuracy?: number
  top10Accuracy?: number
}

/** Options of every call that may take long. */
export interface LongCallOptions {
  /** Aborting rejects the call with the signal's reason and leaves everything as it was. */
  signal?: AbortSignal | undefined
  onProgress?: ((progress: Progress) => void) | undefined
}
