import { checkInteger, checkNumber, checkOneOf, IvfError, show } from './errors.js'
import type { InvertedFile, IvfPlan } from './inverted-file.js'
import type { RowFilter } from './ivf/allowed.js'
import type { Keep } from './ivf/originals.js'
import type { Rescore } from './ivf/rows.js'
import type { SearchSettings } from './ivf/search.js'
import { Selection } from './ivf/selection.js'
import type { LifeOptions } from './life-options.js'
import { type Id, type IdList, type LongCallOptions, METRICS, type Metric } from './options.js'

/** Options of `FastIVF`; the defaults are the original's. */
export interface FastIVFOptions extends LifeOptions {
  /** Number of cells. A good start is 2√n to 16√n. */
  nlist: number
  /** Cells visited per query; more find more and take longer. Default 10. */
  nprobe?: number
  /**
   * Skips a cell whose score is below this share of the best cell's; 0 visits all nprobe. Higher is faster and finds
   * less. For l2: skips a cell whose squared distance exceeds the best one's divided by this. The best cell is always
   * visited. Default 0.5 for cosine, the original's; 0 for ip and l2, which the original does not have.
   */
  ratioThreshold?: number
  /** Default 'cosine'. */
  metric?: Metric
  /** Rows per step of k-means, at most a sixteenth of the vectors. Default 1024. */
  kmeansBatchSize?: number
  /** Convergence at which k-means stops. Default 5e-5. */
  kmeansTol?: number
  /** Steps at which k-means stops. Default 1000. */
  kmeansMaxSteps?: number
  /** The same seed, data and options give the same index, whatever the number of threads. Default 1. */
  seed?: number
}

/** Options of one search; what is left out is the index's own setting. */
export interface SearchOptions<I extends Id = number> extends LongCallOptions {
  /** Answers per query. Default 100 for `FastIVF` and `FastIVFPQ`, the original's; 10 for `IvfIndex`. */
  k?: number
  nprobe?: number
  ratioThreshold?: number
  /**
   * The share of the true k nearest that is to be found on average, from .5 to 1: each query visits as many cells as it
   * needs, and candidates are compared as far as it takes; `recallEstimate` of the result tells what each query can
   * expect. In place of nprobe, ratioThreshold and rescoring. Needs `calibrate`, which `IvfIndex.build` does. With a
   * filter, and where cells stay in a file, all queries visit equally many cells, and nothing is estimated.
   */
  recall?: number
  /**
   * Only these vectors may be answers: a set or array of ids, or what tells by its id whether a vector may. Cells are
   * visited until enough of them were met; where they are few, they are compared directly. A set or function is looked
   * through by each call: for many calls, `select` does it once.
   */
  filter?: SearchFilter<I>
}

/** Which vectors may be answers. */
export type SearchFilter<I extends Id = number> = ReadonlySet<I> | IdList<I> | ((id: I) => boolean) | Selection

/** Options of a search among codes. */
export interface RescoreOptions {
  /** Compare the best candidates with the vectors themselves, as they were kept. */
  rescore?: boolean
  /** How many candidates: the best `rescoreFactor` · k by estimate. At least 1. */
  rescoreFactor?: number
  /**
   * Compare those candidates that may still be among the k nearest when each estimate may be wrong by `epsilon`
   * standard errors. A true neighbour is missed with probability 1 − Φ(epsilon) when it just belongs there, and less
   * the nearer it is: 1.9 misses at most 2.9 %, 3 at most 0.13 %. For scalar codes, which know their error.
   */
  epsilon?: number
  /**
   * Above 0: compare only about this many of each query's k candidates, and correct all scores by the straight line
   * that fits them best. Makes scores comparable without changing their order.
   */
  rescoreNumSamples?: number
}

/** The plan of the original's classes, but for their quantizer. @throws IvfError ERR_ARGUMENT */
export function originalPlan(dim: number, options: FastIVFOptions): Omit<IvfPlan, 'quantizer' | 'keep'> {
  const nlist = checkInteger('nlist', options?.nlist, 1, 1 << 24)
  const metric = checkOneOf('metric', options.metric ?? 'cosine', METRICS)
  return {
    dim: checkInteger('dim', dim, 1, 65536),
    nlist,
    metric,
    nprobe: options.nprobe ?? Math.min(10, nlist),
    ratioThreshold: options.ratioThreshold ?? (metric === 'cosine' ? 0.5 : 0),
    seed: checkInteger('seed', options.seed ?? 1, 0, 0xffffffff),
    clustering: {
      kind: 'minibatch',
      batchSize: checkInteger('kmeansBatchSize', options.kmeansBatchSize ?? 1024, 1, 1 << 24),
      tol: checkNumber('kmeansTol', options.kmeansTol ?? 5e-5, 0),
      maxSteps: checkInteger('kmeansMaxSteps', options.kmeansMaxSteps ?? 1000, 1),
    },
  }
}

/** The options that a file holds: not how it is computed, nor what is there as numbers. */
export function storedOptions(options: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(options).filter(
      ([key, value]) => !NOT_STORED.includes(key) && ['number', 'string', 'boolean'].includes(typeof value),
    ),
  )
}

const NOT_STORED = ['threads', 'revectorize', 'nlist', 'metric', 'seed', 'dim', 'spec', 'keep']

export function checkMetric(metric: Metric | undefined): Metric {
  return checkOneOf('metric', metric ?? 'cosine', METRICS)
}

/** What a search is told; `recall`: how much of it is to be chosen so that this much is found. */
export type SearchTold = SearchSettings & { recall: number | undefined }

/** What says how much is looked at, each in its own way. */
const BY_HAND = [
  'nprobe',
  'ratioThreshold',
  'rescore',
  'rescoreFactor',
  'epsilon',
  'rescoreNumSamples',
  'sort',
  'confidence',
] as const

/** What a search is told beside its rescoring. @throws IvfError ERR_ARGUMENT */
export function searchSettings<I extends Id>(
  index: InvertedFile<I>,
  options: SearchOptions<I> & { [name in (typeof BY_HAND)[number]]?: unknown },
  k: number,
): Omit<SearchTold, 'rescore' | 'confidence'> {
  const named = BY_HAND.find((name) => options[name] !== undefined)
  if (options.recall !== undefined && named) {
    throw new IvfError('ERR_ARGUMENT', `recall and ${named} both say how much is looked at; give one of them`)
  }
  return {
    k: checkInteger('k', options.k ?? k, 1, 0xffffff),
    recall: options.recall === undefined ? (named ? undefined : index.recall) : checkRecall(options.recall),
    nprobe: checkInteger('nprobe', options.nprobe ?? index.nprobe, 1, index.nlist),
    ratioThreshold: checkNumber('ratioThreshold', options.ratioThreshold ?? index.ratioThreshold, 0, 1),
    filter: options.filter === undefined ? undefined : rowFilter(options.filter),
  }
}

/** @throws IvfError ERR_ARGUMENT */
export function checkRecall(value: unknown): number {
  return checkNumber('recall', value, 0.5, 1)
}

/** @throws IvfError ERR_ARGUMENT */
export function rowFilter<I extends Id>(filter: SearchFilter<I>): RowFilter {
  if (typeof filter === 'function') return { kind: 'test', test: filter as (id: Id) => boolean }
  if (filter instanceof Selection) return { kind: 'selection', selection: filter }
  if (filter !== null && typeof filter === 'object') {
    if (Symbol.iterator in filter) return { kind: 'ids', ids: filter as Iterable<Id> }
    if ('length' in filter) return { kind: 'ids', ids: Array.from(filter as ArrayLike<Id>) }
  }
  throw new IvfError(
    'ERR_ARGUMENT',
    `filter is ${show(filter)}; it must be a set or array of ids, a function that is given an id, or what select() answered`,
  )
}

/** What an index can do, and what it does unless asked otherwise. */
export interface RescoreDefaults {
  keep: Keep
  /** Estimates are the distances themselves. */
  exact: boolean
  bounded: boolean
  rescore: boolean
  /** Of the spec; undefined: by bound where codes know their error. */
  rescoreFactor: number | undefined
  epsilon: number
  rescoreNumSamples: number
}

/** Which candidates a search compares exactly. @throws IvfError ERR_ARGUMENT */
export function rescoring(options: RescoreOptions & { sort?: boolean }, defaults: RescoreDefaults): Rescore {
  const { rescore = defaults.rescore, rescoreFactor, epsilon, rescoreNumSamples } = options
  if (typeof rescore !== 'boolean') {
    throw new IvfError('ERR_ARGUMENT', `rescore is ${show(rescore)}; it must be true or false`)
  }
  const factor = rescoreFactor === undefined ? undefined : checkNumber('rescoreFactor', rescoreFactor, 1, 65536)
  const bound = epsilon === undefined ? undefined : checkNumber('epsilon', epsilon, 0, 100)
  const samples = checkInteger('rescoreNumSamples', rescoreNumSamples ?? defaults.rescoreNumSamples, -1)
  const given = [
    factor !== undefined && 'rescoreFactor',
    bound !== undefined && 'epsilon',
    (rescoreNumSamples ?? 0) > 0 && 'rescoreNumSamples',
  ].filter((name) => name !== false)
  const [named, other] = given
  if (other) {
    throw new IvfError('ERR_ARGUMENT', `${named} and ${other} both say which candidates to compare; give one of them`)
  }
  if (defaults.exact || (!rescore && options.rescore === undefined && !named)) return { kind: 'none' }
  if (!rescore && options.rescore === false) {
    if (!named) return { kind: 'none' }
    throw new IvfError('ERR_ARGUMENT', `${named} is given and rescore is false; leave one of them out`)
  }
  if (defaults.keep === 'none') {
    throw new IvfError(
      'ERR_ARGUMENT',
      `${named ?? 'rescore'} needs the vectors, and this index keeps codes only; build it with keep 'f32', 'f16' or 'int8', or search without rescoring`,
    )
  }
  if (bound !== undefined && !defaults.bounded) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `epsilon is ${bound}, but these codes do not know their error; give rescoreFactor`,
    )
  }
  if (samples > 0 && factor === undefined && bound === undefined) return { kind: 'calibrated', samples }
  const chosen = factor ?? (bound === undefined ? defaults.rescoreFactor : undefined)
  if (chosen === undefined && defaults.bounded)
    return { kind: 'bound', epsilon: bound ?? defaults.epsilon, given: bound !== undefined }
  return { kind: 'factor', factor: chosen ?? 1, reorder: options.sort ?? true }
}
