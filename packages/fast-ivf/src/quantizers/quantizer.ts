import type { AssignRows } from '../clustering/nearest.js'
import type { Engine, Scratch } from '../engine/engine.js'
import type { KernelName, RunOptions } from '../engine/executor.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'

/** Vectors of a segment as a quantizer keeps them, slot by slot. */
export interface Codes {
  readonly count: number
  /** Address of the codes, as the quantizer lays them out. */
  readonly codes: number
  /** Address: per slot what is added to each distance; then, `stride` floats each, what else the quantizer needs. */
  readonly factors: number
  readonly stride: number
}

/** Vectors to be encoded. */
export interface RowsOfCells {
  /** Address: count × dim, normalized for cosine. */
  readonly rows: number
  /** Address: count cells. */
  readonly cells: number
  readonly count: number
}

/** Queries as a scan kernel wants them. */
export interface Prepared {
  /** Address: tableSize bytes per query. */
  readonly tables: number
  readonly tableSize: number
  /** Address: per query a unit and an offset, or 0: sums are products. */
  readonly units: number
}

/** What a scan kernel is told about the codes. */
export interface ScanShape {
  readonly kernel: KernelName
  /** Fields of the `Scan` record. */
  readonly dim: number
  readonly bits: number
  readonly levels: number
  readonly nfactors: number
  /** Bytes of scratch beside the sums, for visits of at most `queries` queries. */
  packed(queries: number): number
  /** Sums (floats) that it holds at a time. */
  sums(queries: number): number
  /** Multiply-adds, or what takes as long, per vector and query. */
  readonly cost: number
}

/**
 * How a vector is made small, and scanned small. A distance is add + G − scale · ⟨code, query⟩, where G is the query's
 * distance to the centroid. A **code row** (`codeSize` bytes) is what encoding yields and what moves between segments.
 */
export interface Quantizer {
  /** The word of a spec that names it: 'SQ4'. */
  readonly word: string
  /** Distances are those of the vectors themselves. */
  readonly exact: boolean
  /** Codes are of what is left after the centroid is taken away. */
  readonly residual: boolean
  /** What is added is the code's error at the centroid, which counts by the centroid's share in the query. */
  readonly byShare: boolean
  /** Each code knows the standard error of its estimates, so that candidates can be kept by a bound. */
  readonly bounded: boolean
  /**
   * What rounding queries adds to the error: `rounding` · unit² stands beside the squared length of the part of the
   * query that is estimated. 0 where errors are not known, or queries not rounded.
   */
  readonly rounding: number
  readonly codeSize: number
  readonly scan: ScanShape
  /** Room for `count` slots. */
  alloc(alloc: (bytes: number) => number, count: number): Codes
  /** Bytes that `alloc` takes. */
  bytes(count: number): number
  /** The address of count code rows, in scratch. */
  encode(scratch: Scratch, vectors: RowsOfCells, options: RunOptions): Promise<number>
  /** The address of count × dim approximate vectors, in scratch. */
  decode(scratch: Scratch, codeRows: number, cells: number, count: number, options: RunOptions): Promise<number>
  /** Writes code rows into slots first … first + count. */
  write(codes: Codes, codeRows: number, first: number, count: number, options: RunOptions): Promise<void>
  /** Reads slots first … first + count back as code rows. */
  read(codes: Codes, codeRows: number, first: number, count: number, options: RunOptions): Promise<void>
  /** queries: nq × dim, normalized for cosine. */
  prepare(scratch: Scratch, queries: number, nq: number, options: RunOptions): Promise<Prepared>
  /** Bytes per query that `prepare` takes. */
  readonly preparedBytes: number
  /** What a file must hold of it beside centroids and seed. */
  readonly learned: LearnedQuantizer
}

/**
 * A trained quantizer as a file holds it. Opened for other centroids, what it makes of a vector in a cell whose
 * centroid is the same is the same.
 */
export interface LearnedQuantizer {
  /** Words and numbers by which its kind knows it. */
  readonly traits: Readonly<Record<string, string | number | boolean>>
  /** Row-major. */
  readonly tensors: readonly { readonly name: string; readonly shape: readonly number[]; readonly data: Float32Array }[]
}

/** What a quantizer is trained for. */
export interface QuantizerTraining {
  readonly engine: Engine
  /** Memory that lives as long as the model. */
  readonly alloc: (bytes: number) => number
  readonly metric: Metric
  readonly dim: number
  /** nlist × dim */
  readonly centroids: Float32Array
  /** Gives rows to them; comparing with all, when left out. */
  readonly assign?: AssignRows | undefined
  /** Vectors to learn from; undefined where there are none (given centroids). */
  readonly sample: Matrix | undefined
  readonly seed: number
  readonly options: LongCallOptions
}

/** A quantizer that is wanted but not trained yet. */
export interface QuantizerPlan extends Pick<Quantizer, 'word' | 'exact' | 'bounded'> {
  /** @throws IvfError ERR_DIM when it cannot be had at this dim */
  check(dim: number): void
  train(training: QuantizerTraining): Promise<Quantizer>
}

/** What a spec says of a quantizer beside its word. */
export interface WordOptions {
  /** Subvectors for which a rotation is to be learned (OPQ16), if any. */
  readonly opq: number | undefined
}

/** A family of quantizers. */
export interface QuantizerKind {
  /** Its words, as an error message lists them. */
  readonly words: string
  /** Some of them: what the contract that every quantizer keeps is tested with, at dim 48. */
  readonly examples: readonly string[]
  /** The plan that a word names; undefined when it is another kind's word. @throws IvfError ERR_ARGUMENT */
  parse(word: string, options: WordOptions): QuantizerPlan | undefined
  /**
   * The plan that yields, without learning, the quantizer that a file holds; undefined when it is another kind's.
   * @throws IvfError ERR_FORMAT
   */
  open(traits: LearnedQuantizer['traits'], tensors: ReadonlyMap<string, Float32Array>): QuantizerPlan | undefined
}
