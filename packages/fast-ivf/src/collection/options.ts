import type { NumberArray, Vectors } from '../engine/vectors.js'
import type { Filter, Metadata } from '../filter/filter.js'
import type { IvfIndexSearchOptions } from '../ivf-index.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions, Metric } from '../options.js'
import type { Work } from '../result.js'

/** What a vector is called; in one collection all are strings, or all are safe integers. */
export type ItemId = string | number

/** Options of opening a collection. */
export interface CollectionOptions extends LifeOptions, LongCallOptions {
  /** Components per vector; needed when the folder is new. */
  dim?: number
  /** Of a new folder; default 'cosine'. */
  metric?: Metric
  /**
   * What the index is made of, as `IVF1024,SQ4`; until there are 30 vectors per cell it is `Flat`. It is remembered.
   * Default: chosen anew as the collection grows (`defaultSpec`).
   */
  spec?: string
  /** Of training. Default 1. */
  seed?: number
  /** Reads what another process writes, without a lock; see `refresh`. Default false. */
  readOnly?: boolean
  /** Opens a damaged folder with what is good of it; damaged files are kept beside. See `stats().lost`. Default false. */
  recover?: boolean
  /** A write that has resolved outlives a loss of power. Without, it outlives the process, and is faster. Default true. */
  sync?: boolean
  /** Bytes of the log from which on a checkpoint is made, in the background. Default 64 MB. */
  checkpointBytes?: number
}

/** A vector to be written. */
export interface NewItem<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  readonly id: I
  readonly vector: NumberArray | readonly number[]
  readonly metadata?: M | undefined
}

/** Many vectors to be written, their parts beside each other. */
export interface NewItems<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  readonly ids: readonly I[] | (I extends number ? ArrayLike<number> : never)
  /** n × dim */
  readonly vectors: Vectors
  readonly metadata?: readonly (M | undefined)[] | undefined
}

/** A vector as it is stored: of length 1 for cosine. */
export interface Item<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  readonly id: I
  readonly vector: Float32Array
  readonly metadata: M | undefined
}

/** Options of a search. */
export interface CollectionSearchOptions<M extends Metadata = Metadata, I extends ItemId = ItemId>
  extends Omit<IvfIndexSearchOptions<I>, 'filter' | 'confidence' | 'recall'> {
  /**
   * Only these may be answers: conditions on metadata, as `{ year: { $gte: 2020 } }`, or a function of id and metadata,
   * which is asked of every vector in every search.
   */
  filter?: Filter<M> | ((id: I, metadata: M | undefined) => boolean) | undefined
}

/** One answer. */
export interface ItemMatch<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  id: I
  /** The metric's own value: cosine or inner product (larger is nearer), squared L2 distance (smaller is nearer). */
  score: number
  metadata: M | undefined
}

/** The answers to a batch of queries, row-major, nearest first. */
export interface CollectionResult<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  /** nq × k, undefined past a query's count. */
  readonly ids: readonly (I | undefined)[]
  /** nq × k, NaN past a query's count. */
  readonly scores: Float32Array
  readonly k: number
  /** Number of queries. */
  readonly nq: number
  /** Answers of each query, at most k. */
  readonly counts: Uint32Array
  readonly work: Readonly<Work>
  /** The answers of query `i`, nearest first, with the metadata they had when it was answered. */
  of(i: number): ItemMatch<M, I>[]
}

/** Options of closing. */
export interface CloseOptions extends LongCallOptions {
  /** Make a checkpoint first, so that opening need not read the log. Default false. */
  checkpoint?: boolean
}

/** What was not good when a collection was opened with `recover`. */
export interface Lost {
  /** Bytes of logs and checkpoints that could not be used. */
  readonly bytes: number
  /** Vectors whose metadata is gone. */
  readonly metadata: number
  /** Where what could not be used is now. */
  readonly files: readonly string[]
}

/** How a collection is doing. */
export interface CollectionStats {
  readonly size: number
  readonly dim: number
  readonly metric: Metric
  /** What the index is made of at present. */
  readonly spec: string
  /** Bytes of memory of the index. */
  readonly bytes: number
  /** The number of the log, which counts checkpoints. */
  readonly generation: number
  /** Bytes and records of the log. */
  readonly logBytes: number
  readonly logRecords: number
  /** How often the disk was waited for. */
  readonly syncs: number
  readonly lost: Lost | undefined
  /** Why the last checkpoint in the background came to nothing; it is tried again when the log has grown as much. */
  readonly checkpointError: Error | undefined
}
