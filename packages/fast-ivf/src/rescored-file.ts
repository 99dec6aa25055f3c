import type { VectorBatches, Vectors } from './engine/vectors.js'
import { checkInteger } from './errors.js'
import { InvertedFile, type IvfPlan } from './inverted-file.js'
import type { Rescore } from './ivf/rows.js'
import { type RescoreOptions, rescoring, type SearchOptions, type SearchTold, searchSettings } from './ivf-options.js'
import type { AddOptions, LifeOptions } from './life-options.js'
import type { Id } from './options.js'
import type { SearchResult } from './result.js'

/** Options of one search of `FastIVFPQ` or `CompressedFastIVF`. */
export interface RescoredSearchOptions<I extends Id = number>
  extends SearchOptions<I>,
    Omit<RescoreOptions, 'epsilon'> {
  /** After rescoring, sort by the new scores; false leaves the order of the estimates. Default true. */
  sort?: boolean
}

/** What `FastIVFPQ` and `CompressedFastIVF` share: vectors in small, and the original's ways to rescore. */
export abstract class RescoredFile<I extends Id = number> extends InvertedFile<I> {
  #rescoreNumSamples = -1

  protected constructor(plan: IvfPlan, options: LifeOptions & { rescoreNumSamples?: number }) {
    super(plan, options)
    this.rescoreNumSamples = options.rescoreNumSamples ?? -1
  }

  /** Default of the search option. */
  get rescoreNumSamples(): number {
    return this.#rescoreNumSamples
  }

  set rescoreNumSamples(value: number) {
    this.#rescoreNumSamples = checkInteger('rescoreNumSamples', value, -1)
  }

  /**
   * Trains on the vectors **and adds them**, as the original does. Training again starts afresh: it replaces what was
   * trained and added before, once it has succeeded.
   *
   * From batches, the first 256 · nlist vectors (at least 65,536) are the training sample: give them in random order.
   *
   * @param vectors n × dim, n ≥ nlist, and as many as codebooks or projections need
   * @throws IvfError ERR_ID, ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  train(vectors: Vectors | VectorBatches, options: AddOptions<I> = {}): Promise<void> {
    return this.trainOn(vectors, options)
  }

  protected usualRescore(): Rescore {
    return this.keep === 'none' ? { kind: 'none' } : { kind: 'factor', factor: USUAL_FACTOR, reorder: true }
  }

  /**
   * The k nearest vectors of each query by what is stored of them, nearest first, among the cells it visits.
   * `rescore: true` compares all k with the vectors themselves; `rescoreFactor: f` takes the k best of the best f · k;
   * `rescoreNumSamples: n` compares about n of each query's k and corrects all scores by a line, in the same order.
   *
   * @param queries nq × dim, or a single vector
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT; the signal's reason
   */
  async search(queries: Vectors, options: RescoredSearchOptions<I> = {}): Promise<SearchResult<I>> {
    return this.searchWith(queries, this.settings(options), options)
  }

  /** @internal */
  settings(options: RescoredSearchOptions<I>): SearchTold {
    const rescore = rescoring(options, {
      ...{ keep: this.keep, exact: false, bounded: false, rescore: false, rescoreFactor: 1, epsilon: 0 },
      rescoreNumSamples: this.#rescoreNumSamples,
    })
    return { ...searchSettings(this, options, 100), rescore, confidence: false }
  }
}

/** Of the k wanted, so many times as many are compared where a recall is asked for. */
const USUAL_FACTOR = 4
