/// <reference lib="esnext.disposable" preserve="true" />

export { CompressedFastIVF, type CompressedFastIVFOptions, type Compressor } from './compressed-fast-ivf.js'
export type { SimdLevel } from './engine/binary.js'
export type { VectorBatches, Vectors } from './engine/vectors.js'
export { IvfError, type IvfErrorCode } from './errors.js'
export { type ExactSearchOptions, exactSearch } from './exact.js'
export { FastIVF } from './fast-ivf.js'
export { FastIVFPQ, type FastIVFPQOptions } from './fast-ivf-pq.js'
export type { InvertedFile } from './inverted-file.js'
export type { Keep } from './ivf/originals.js'
export { defaultSpec, IvfIndex, type IvfIndexOptions, type IvfIndexSearchOptions } from './ivf-index.js'
export type { FastIVFOptions, RescoreOptions, SearchOptions } from './ivf-options.js'
export { KMeans, type KMeansOptions } from './kmeans.js'
export type { VectorBatch } from './minibatch-core.js'
export {
  MiniBatchKMeans,
  type MiniBatchKMeansOptions,
  SubvectorsMiniBatchKMeans,
  SubvectorsMiniBatchKMeans as SubspaceMiniBatchKMeans,
} from './minibatch-kmeans.js'
export type { LongCallOptions, Metric, Progress } from './options.js'
export { type DenseLayer, Projection, type ProjectionOptions } from './projection.js'
export type { ProjectionParameters } from './projections/projection.js'
export { type Ids, recall, recall1 } from './recall.js'
export type {
  RescoredSearchOptions as CompressedFastIVFSearchOptions,
  RescoredSearchOptions as FastIVFPQSearchOptions,
} from './rescored-file.js'
export type { Match, SearchResult, Work } from './result.js'
export { type RuntimeInfo, type RuntimeOptions, runtime } from './runtime.js'
