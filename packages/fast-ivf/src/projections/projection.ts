import type { Engine } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'

/**
 * What is done to a vector first, as training yields it and a file holds it. All projections are affine maps: a vector
 * x (normalized for cosine) becomes weight · x + bias, divided by its norm where `unit` says so.
 */
export interface ProjectionParameters {
  /** The word of a spec that names it: 'PCA64'. */
  readonly word: string
  /** What its result is compared by. */
  readonly metric: Metric
  /** Components of what it takes. */
  readonly dim: number
  /** Components of what it gives. */
  readonly width: number
  /** width × dim; undefined: the first `width` components as they are. */
  readonly weight: Float32Array | undefined
  /** width; undefined: nothing is added. */
  readonly bias: Float32Array | undefined
  /** What comes out has length 1; always so for cosine. */
  readonly unit: boolean
}

/** What a projection is trained for. */
export interface ProjectionTraining {
  readonly engine: Engine
  readonly metric: Metric
  readonly dim: number
  /** Vectors to learn from, as the caller gave them: not normalized yet. */
  readonly sample: Matrix
  /** nlist × dim: the cells' centroids, where cells are known already. */
  readonly centroids: Float32Array | undefined
  readonly seed: number
  readonly options: LongCallOptions
}

/** A projection that is wanted but not trained yet. */
export interface ProjectionPlan {
  readonly word: string
  /** Components of what it gives for vectors of dim components. @throws IvfError ERR_DIM when it cannot be had */
  width(dim: number): number
  /** @throws IvfError ERR_TOO_FEW, ERR_NOT_FINITE */
  train(training: ProjectionTraining): Promise<ProjectionParameters>
}

/** A family of projections. */
export interface ProjectionKind {
  /** Its words, as an error message lists them. */
  readonly words: string
  /** Some of them: what the contract that every projection keeps is tested with, at dim 48. */
  readonly examples: readonly string[]
  /** The plan that a word names; undefined when it is another kind's word. @throws IvfError ERR_ARGUMENT */
  parse(word: string): ProjectionPlan | undefined
}
