/**
 * What a faiss file says, without saying how it is searched. The reader yields these and the writer takes them: what
 * was read can be written, and a caller may make one whose rows come from elsewhere.
 */
export type FaissIndex =
  | FaissFlat
  | FaissProduct
  | FaissScalar
  | FaissIvf
  | FaissPreTransform
  | FaissIdMap
  | FaissRefine

/** Squared Euclidean distance, or the inner product: faiss has no cosine, it normalizes vectors first. */
export type FaissMetric = 'l2' | 'ip'

/** What every index tells. */
export interface FaissHeader {
  readonly dim: number
  /** Of an index around another it is as stored: what counts is the metric of the index within. */
  readonly metric: FaissMetric
  /** vectors stored; every part agrees with it */
  readonly ntotal: number
  readonly trained: boolean
}

/** Rows that are read when asked for: [from, to), at most `count`. What `read` returns belongs to the caller. */
export interface FaissRows<T> {
  readonly count: number
  read(from: number, to: number): Promise<T>
}

/** IxF2, IxFI, IxFl: the vectors themselves. */
export interface FaissFlat extends FaissHeader {
  readonly kind: 'flat'
  /** (to - from) × dim */
  readonly vectors: FaissRows<Float32Array>
}

/** IxPq: product codes in the order of adding. */
export interface FaissProduct extends FaissHeader {
  readonly kind: 'pq'
  readonly pq: ProductQuantizer
  /** (to - from) × pq.codeSize */
  readonly codes: FaissRows<Uint8Array>
}

/** IxSQ: scalar codes in the order of adding. */
export interface FaissScalar extends FaissHeader {
  readonly kind: 'sq'
  readonly sq: ScalarQuantizer
  /** (to - from) × sq.codeSize */
  readonly codes: FaissRows<Uint8Array>
}

export type FaissIvf = FaissIvfFlat | FaissIvfProduct | FaissIvfScalar | FaissIvfRaBitQ

/** What indexes of cells share. */
export interface FaissIvfHeader extends FaissHeader {
  readonly nlist: number
  /** as stored: it may be more than nlist, which faiss then takes */
  readonly nprobe: number
  /** The nlist centroids; none while untrained. Its metric, which chooses cells, may be another than the index's. */
  readonly quantizer: FaissFlat
  /** whether a code is of the vector less the centroid of its list */
  readonly byResidual: boolean
  readonly codeSize: number
  readonly lists: InvertedLists
}

/** IwFl: a code is the vector as dim 32-bit floats. */
export interface FaissIvfFlat extends FaissIvfHeader {
  readonly kind: 'ivf-flat'
}

/** IwPQ */
export interface FaissIvfProduct extends FaissIvfHeader {
  readonly kind: 'ivf-pq'
  readonly pq: ProductQuantizer
}

/** IwSq, IwSQ */
export interface FaissIvfScalar extends FaissIvfHeader {
  readonly kind: 'ivf-sq'
  readonly sq: ScalarQuantizer
}

/** Iwrq: a sign per component and two factors; see `splitRaBitQ`. */
export interface FaissIvfRaBitQ extends FaissIvfHeader {
  readonly kind: 'ivf-rabitq'
  /** bits that faiss rounds a query to; 0: not at all */
  readonly qb: number
}

/** The codes and ids of each cell, read a list at a time. */
export interface InvertedLists {
  /** nlist */
  readonly sizes: Float64Array
  /** codes: size × codeSize; ids: size, in the order of the codes */
  read(list: number): Promise<InvertedList>
}

export interface InvertedList {
  readonly codes: Uint8Array
  /** any 64-bit numbers: they are the caller's to narrow */
  readonly ids: BigInt64Array
}

/** A code is a string of m numbers of nbits bits, the lowest bit first. */
export interface ProductQuantizer {
  readonly dim: number
  readonly m: number
  readonly nbits: number
  /** ⌈m · nbits / 8⌉ */
  readonly codeSize: number
  /** m × 2^nbits × (dim / m); empty while untrained */
  readonly codebooks: Float32Array
}

/** How a component is stored; 'uniform': one range for all components; 'direct': the integer itself. */
export type ScalarType =
  | '8bit'
  | '4bit'
  | '8bit-uniform'
  | '4bit-uniform'
  | 'fp16'
  | '8bit-direct'
  | '6bit'
  | 'bf16'
  | '8bit-direct-signed'

export interface ScalarQuantizer {
  readonly dim: number
  readonly type: ScalarType
  readonly codeSize: number
  /** The lowest value, then the width: dim of each, or one of each if uniform; empty where there is no range. */
  readonly range: Float32Array
}

/** IxPT: vectors are transformed, one after the other, before the index sees them. */
export interface FaissPreTransform extends FaissHeader {
  readonly kind: 'pre-transform'
  readonly transforms: readonly FaissTransform[]
  readonly index: FaissIndex
}

export type FaissTransform = FaissLinear | FaissNormalize | FaissCenter

/** LTra, rrot, Pcam: y = matrix · x + bias. */
export interface FaissLinear {
  readonly kind: 'linear'
  readonly dimIn: number
  readonly dimOut: number
  readonly trained: boolean
  /** dimOut × dimIn; empty while untrained */
  readonly matrix: Float32Array
  /** dimOut */
  readonly bias: Float32Array | undefined
}

/** VNrm: division by the Euclidean norm; a zero vector stays as it is. */
export interface FaissNormalize {
  readonly kind: 'normalize'
  readonly dimIn: number
  readonly dimOut: number
}

/** VCnt: y = x − mean. */
export interface FaissCenter {
  readonly kind: 'center'
  readonly dimIn: number
  readonly dimOut: number
  readonly trained: boolean
  /** dimOut; empty while untrained */
  readonly mean: Float32Array
}

/** IxMp, IxM2: what the index below calls i has the id ids[i]. */
export interface FaissIdMap extends FaissHeader {
  readonly kind: 'id-map'
  readonly index: FaissIndex
  readonly ids: FaissRows<BigInt64Array>
}

/** IxRF: kFactor · k answers of `base` are compared again as `refine` has them, whose row i is the base's id i. */
export interface FaissRefine extends FaissHeader {
  readonly kind: 'refine'
  readonly base: FaissIndex
  readonly refine: FaissIndex
  readonly kFactor: number
}
