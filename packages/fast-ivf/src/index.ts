/// <reference lib="esnext.disposable" preserve="true" />

export type { SimdLevel } from './engine/binary.js'
export type { VectorBatches, Vectors } from './engine/vectors.js'
export { IvfError, type IvfErrorCode } from './errors.js'
export { type ExactSearchOptions, exactSearch } from './exact.js'
export { FastIVF, type FastIVFOptions, type SearchOptions } from './fast-ivf.js'
export { KMeans, type KMeansOptions } from './kmeans.js'
export type { VectorBatch } from './minibatch-core.js'
export {
  MiniBatchKMeans,
  type MiniBatchKMeansOptions,
  SubvectorsMiniBatchKMeans,
  SubvectorsMiniBatchKMeans as SubspaceMiniBatchKMeans,
} from './minibatch-kmeans.js'
export type { LongCallOptions, Metric, Progress } from './options.js'
export { type Ids, recall, recall1 } from './recall.js'
export type { Match, SearchResult } from './result.js'
export { type RuntimeInfo, type RuntimeOptions, runtime } from './runtime.js'
