/** What nearness means: the cosine of the angle, the inner product (both larger is nearer), or squared Euclidean distance. */
export type Metric = 'cosine' | 'ip' | 'l2'

/** How far a long call has come. */
export interface Progress {
  /**
   * 'train': steps of k-means; 'compress': steps of a learned projection; 'assign': rows given to cells; 'fill': rows
   * stored; 'search': visits of cells done.
   */
  phase: 'train' | 'compress' | 'assign' | 'fill' | 'search'
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
