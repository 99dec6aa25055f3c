/// <reference lib="esnext.disposable" preserve="true" />

export { CompressedFastIVF, type CompressedFastIVFOptions, type Compressor } from './compressed-fast-ivf.js'
export { describeIndex, type IndexBytes, type IndexDescription } from './describe-index.js'
export type { SimdLevel } from './engine/binary.js'
export type { VectorBatches, Vectors } from './engine/vectors.js'
export { IvfError, type IvfErrorCode } from './errors.js'
export { type ExactSearchOptions, exactSearch } from './exact.js'
export { FastIVF } from './fast-ivf.js'
export { FastIVFPQ, type FastIVFPQOptions } from './fast-ivf-pq.js'
export type { InvertedFile } from './inverted-file.js'
export type { Entries } from './ivf/entries.js'
export type { OptimizeReport } from './ivf/optimize.js'
export type { Keep } from './ivf/originals.js'
export type { Selection } from './ivf/selection.js'
export { IvfIndex, type IvfIndexBuildOptions, type IvfIndexOptions, type IvfIndexSearchOptions } from './ivf-index.js'
export type {
  FastIVFOptions,
  RescoreOptions,
  SearchFilter,
  SearchOptions,
} from './ivf-options.js'
export { KMeans, type KMeansOptions } from './kmeans.js'
export type {
  AddOptions,
  EntriesOptions,
  LifeOptions,
  OpenOptions,
  OptimizeOptions,
  SaveOptions,
} from './life-options.js'
export type { VectorBatch } from './minibatch-core.js'
export {
  MiniBatchKMeans,
  type MiniBatchKMeansOptions,
  SubvectorsMiniBatchKMeans,
  SubvectorsMiniBatchKMeans as SubspaceMiniBatchKMeans,
} from './minibatch-kmeans.js'
export { type AnyIndex, openIndex } from './open-index.js'
export type { Id, IdList, LongCallOptions, Metric, Progress } from './options.js'
export { type DenseLayer, Projection, type ProjectionOptions } from './projection.js'
export type { ProjectionParameters } from './projections/projection.js'
export { type Ids, recall, recall1 } from './recall.js'
export type {
  CalibrateOptions,
  CalibrationReport,
  CertifiedTarget,
  EvaluateOptions,
  Evaluation,
  ExplainedCell,
  ExplainOptions,
  Explanation,
  MissedNeighbour,
  StopReason,
  Truth,
} from './recall-options.js'
export type {
  RescoredSearchOptions as CompressedFastIVFSearchOptions,
  RescoredSearchOptions as FastIVFPQSearchOptions,
} from './rescored-file.js'
export type { Match, ResultIds, SearchResult, Work } from './result.js'
export { type RuntimeInfo, type RuntimeOptions, runtime } from './runtime.js'
export { defaultSpec } from './spec.js'
export type { TuneOptions, TunePoint, TuneReport } from './tune-options.js'
export { type IndexVerification, verifyIndex } from './verify-index.js'
