import { closedOnFailure } from './engine/closing.js'
import type { Engine } from './engine/engine.js'
import { isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, IvfError } from './errors.js'
import { InvertedFile, type IvfPlan } from './inverted-file.js'
import type { Contents } from './ivf/contents.js'
import type { Keep } from './ivf/originals.js'
import type { Rescore } from './ivf/rows.js'
import {
  type RescoreDefaults,
  type RescoreOptions,
  rescoring,
  type SearchOptions,
  type SearchTold,
  searchSettings,
  storedOptions,
} from './ivf-options.js'
import { codesOf, type IndexTold, openedCodes, planOf } from './ivf-plan.js'
import type { AddOptions, LifeOptions, OpenOptions } from './life-options.js'
import type { Id, Metric } from './options.js'
import type { SearchResult } from './result.js'
import type { IndexFile } from './saved/file.js'
import { defaultSpec, parseSpec, type Spec, showSpec } from './spec.js'
import type { SourceInput } from './storage/source.js'
import type { TuneTask } from './tune.js'
import type { TuneOptions, TuneReport } from './tune-options.js'

/** Options of `IvfIndex`. */
export interface IvfIndexOptions<I extends Id = number> extends LifeOptions, AddOptions<I> {
  /**
   * What to build, as `IVF1024,SQ4`. Cells: `IVF<n>`, or none; `IVF<n>s` stores each vector in a second cell, too, so
   * that fewer cells are visited for the same recall, and codes take twice the bytes (P. Sun et al., "SOAR", NeurIPS
   * 2023). Codes: `Flat` (the vectors themselves), `SQ8`, `SQ4`, `SQ2`, `SQ1` (rotated scalar codes of so many bits a
   * component), `PQ<m>x<bits>` (product codes), after `OPQ<m>` with a learned rotation. A projection to so many
   * components comes first, or after the cells, which are then those of the vectors themselves: `AE<d>` (learned),
   * `NET<d>` (the original's network), `PCA<d>`, `RR<d>` (random), `T<d>` (the first d, for Matryoshka embeddings),
   * `L2norm`. `R<f>`: rescore the best f · k. Default: `defaultSpec(n, dim)`.
   */
  spec?: string
  /** Default 'cosine'. */
  metric?: Metric
  /** Components per vector; needed when the vectors are a flat array or batches. */
  dim?: number
  /** Default of the search option. Default 10, or nlist when that is less. */
  nprobe?: number
  /** Default of the search option. Default 0: all nprobe cells are visited. */
  ratioThreshold?: number
  /**
   * In which form vectors are kept beside their codes, to compare the best candidates exactly. Default 'f32'; 'none'
   * keeps codes only. `Flat` keeps nothing beside.
   */
  keep?: Keep
  /** Default of the search option. Default 1.9. */
  epsilon?: number
  /** Iterations of k-means. Default 10. */
  kmeansIterations?: number
  /** Training vectors per cell, at most. Default 100. */
  kmeansPointsPerCentroid?: number
  /** The same seed, data and options give the same index, whatever the number of threads. Default 1. */
  seed?: number
  /**
   * Default of the search option. In `build`, without a spec, the index is made that answers most queries a second at
   * this recall on this machine: see `tune`.
   */
  recall?: number
}

/** Options of `IvfIndex.build`. */
export interface IvfIndexBuildOptions<I extends Id = number> extends IvfIndexOptions<I>, Pick<TuneOptions, 'budget'> {
  /** Learn how a recall is had, once the vectors are there; see `calibrate`. Default true. */
  calibrate?: boolean
}

/** Options of one search of `IvfIndex`. */
export interface IvfIndexSearchOptions<I extends Id = number> extends SearchOptions<I>, RescoreOptions {
  /**
   * Tell each score's standard error, and how likely its vector belongs among the answers (`errors`, `confidences` of
   * the result). For scalar codes, which know their error; what is exact has error 0 and confidence 1. Default false.
   */
  confidence?: boolean
}

/**
 * An inverted-file index of any make: cells by k-means, vectors stored as they are or as small codes, the best
 * candidates compared exactly. What it is made of is told by a spec (`IVF1024,SQ4`), or chosen.
 *
 * SQ codes are rotated scalar codes of what is left after the centroid is taken away, with an unbiased estimate and a
 * known error (J. Gao, C. Long, "RaBitQ", SIGMOD 2024, and its extension to more bits, 2025; levels by S. Lloyd and
 * J. Max), so that candidates can be kept by a bound.
 */
export class IvfIndex<I extends Id = number> extends InvertedFile<I> {
  readonly #spec: Spec
  readonly #rescoring: RescoreDefaults
  readonly #made: MadeBy

  private constructor(plan: IvfPlan, spec: Spec, options: IvfIndexOptions<I>) {
    super(plan, options)
    this.#spec = spec
    this.#made = madeBy(options)
    this.recall = options.recall
    const { exact, bounded } = codesOf(spec)
    this.#rescoring = {
      ...{ keep: plan.keep, exact, bounded, rescore: plan.keep !== 'none', rescoreNumSamples: -1 },
      rescoreFactor: spec.rescoreFactor ?? (bounded ? undefined : DEFAULT_FACTOR),
      epsilon: checkNumber('epsilon', options.epsilon ?? 1.9, 0, 100),
    }
  }

  /** What it is made of: `IVF1024,SQ4`. */
  get spec(): string {
    return showSpec({ ...this.#spec, nlist: this.nlist })
  }

  /**
   * Trains on the vectors and adds them.
   *
   * @param vectors n × dim; with batches the first 256 · nlist vectors (at least 65,536) are the training sample, and
   *   `spec` and `dim` must be given
   * @throws IvfError ERR_ARGUMENT, ERR_ID, ERR_TOO_FEW, ERR_EMPTY, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; the signal's reason
   */
  static async build<I extends Id = number>(
    vectors: Vectors | VectorBatches,
    { calibrate = true, budget = 30, ...options }: IvfIndexBuildOptions<I> = {},
  ): Promise<IvfIndex<I>> {
    const { recall, spec, signal, onProgress } = options
    const tuned =
      recall !== undefined && spec === undefined && !isBatches(vectors)
        ? await IvfIndex.#tuned(vectors, undefined, options, { recall, budget, signal, onProgress })
        : undefined
    const told = tuned
      ? { ...options, spec: tuned.spec, ...(tuned.spec.endsWith('Flat') ? {} : { keep: tuned.keep }) }
      : options
    const index = await IvfIndex.#make(vectors, told, true)
    return closedOnFailure(index, async () => {
      if (calibrate && index.#canCalibrate()) await index.calibrate({ signal, onProgress })
      return index
    })
  }

  /**
   * Finds the spec with which most queries are answered a second on this machine at a recall: other makes of index are
   * built from the vectors of this one and tried, first with a part of them. The index itself stays as it is; build
   * another one with what is found. `IvfIndex.build(vectors, { recall: 0.95 })` does both.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_EMPTY, ERR_DIM, ERR_MEMORY; ERR_ARGUMENT also when nothing has the recall
   *   within the limit; ERR_UNSUPPORTED when only projected vectors are stored; the signal's reason
   */
  async tune({ queries, ...options }: TuneOptions = {}): Promise<TuneReport> {
    const { dim, size, metric } = this
    if (size === 0) throw new IvfError('ERR_EMPTY', 'there are no vectors to tune for; add some first')
    const data = new Float32Array(size * dim)
    let filled = 0
    for await (const { vectors } of this.entries({ signal: options.signal })) {
      data.set(vectors.subarray(0, data.length - filled), filled)
      filled += vectors.length
    }
    const asked = queries === undefined ? undefined : toMatrix(queries, dim, 'queries')
    return IvfIndex.#tuned({ data, dims: [size, dim] }, asked, { ...this.#made, metric }, options)
  }

  /**
   * Trains on a sample and adds nothing.
   *
   * @param sample n × dim
   * @throws IvfError as `build`
   */
  static train<I extends Id = number>(
    sample: Vectors | VectorBatches,
    options: Omit<IvfIndexOptions<I>, 'ids'> = {},
  ): Promise<IvfIndex<I>> {
    return IvfIndex.#make(sample, options, false)
  }

  /**
   * Opens a file that `save` has written: it answers to the last bit as the index that was saved.
   *
   * @param source a path, a URL, a Blob, bytes or a ByteSource
   * @throws IvfError as `FastIVF.open`
   */
  static open<I extends Id = number>(source: SourceInput | IndexFile, options: OpenOptions = {}): Promise<IvfIndex<I>> {
    return IvfIndex.openAs<I, IvfIndex<I>>('IvfIndex', source, options, (header, life) =>
      IvfIndex.#told<I>(header, life),
    )
  }

  /**
   * An index of what `load` makes in its engine: for readers of other files.
   * @internal
   */
  static async assemble<I extends Id = number>(
    header: IndexTold,
    life: LifeOptions,
    load: (engine: Engine) => Promise<Contents>,
  ): Promise<IvfIndex<I>> {
    return IvfIndex.#told<I>(header, life).filled(load)
  }

  static #told<I extends Id>(header: IndexTold, life: LifeOptions): IvfIndex<I> {
    const { metric, seed, keep, dim, nlist, spill } = header
    const { rescoreFactor } = header.options
    const factor = rescoreFactor === undefined ? undefined : checkNumber('rescoreFactor', rescoreFactor, 1, 65536)
    const spec: Spec = { nlist, ...(spill && { spill }), ...openedCodes(header), rescoreFactor: factor }
    const kept = codesOf(spec).exact ? {} : { keep }
    const given = { ...header.options, metric, seed, ...kept, ...life }
    return new IvfIndex<I>(planOf(dim, spec, given), spec, given)
  }

  protected face(): ReturnType<InvertedFile['face']> {
    const { rescoreFactor } = this.#spec
    const { epsilon } = this.#rescoring
    return { face: 'IvfIndex', spec: this.spec, options: storedOptions({ rescoreFactor, epsilon }) }
  }

  protected usualRescore(): Rescore {
    return rescoring({}, this.#rescoring)
  }

  /**
   * The k nearest vectors of each query, nearest first, among the cells it visits. With fewer than k vectors there
   * the counts are lower.
   *
   * When the vectors were kept, the best candidates are compared with them: scalar codes by bound (`epsilon`), others
   * the best `rescoreFactor` · k. Otherwise scores are estimates.
   *
   * @param queries nq × dim, or a single vector
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT; the signal's reason
   */
  async search(queries: Vectors, options: IvfIndexSearchOptions<I> = {}): Promise<SearchResult<I>> {
    const rescore = rescoring(options, this.#rescoring)
    const settings = { ...searchSettings(this, options, 10), rescore }
    const judged = options.confidence === true && rescore.kind === 'none' && this.#rescoring.bounded
    if (options.confidence && !judged && !this.#exact(rescore)) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `confidence is asked for, but the error of ${rescore.kind === 'calibrated' ? 'calibrated scores' : `the codes of ${this.spec}`} is not known; leave it out, or rescore with rescoreFactor`,
      )
    }
    const result = await this.searchWith(queries, { ...settings, confidence: judged }, options)
    if (!options.confidence || judged) return result
    const { certain } = await import('./ivf/confidence.js')
    return certain(result)
  }

  /** @internal */
  settings(options: Omit<IvfIndexSearchOptions<I>, 'confidence'>): SearchTold {
    return { ...searchSettings(this, options, 10), rescore: rescoring(options, this.#rescoring), confidence: false }
  }

  /** Whether scores are those of the vectors themselves. */
  #exact({ kind }: Rescore): boolean {
    return this.#rescoring.exact || kind === 'bound' || kind === 'factor'
  }

  /** Whether its vectors can be had back, and searched for. */
  #canCalibrate(): boolean {
    return this.size > 1 && (this.#spec.projection === undefined || this.keep !== 'none')
  }

  static async #tuned<I extends Id>(
    given: Vectors,
    queries: Matrix | undefined,
    options: IvfIndexOptions<I>,
    asked: TuneOptions,
  ): Promise<TuneReport> {
    const { tune } = await import('./tune.js')
    const vectors = toMatrix(given, options.dim ?? 0, 'vectors')
    const own = { ...madeBy(options), ...(options.metric && { metric: options.metric }), dim: vectors.dim }
    const build: TuneTask['build'] = (part, { spec, keep }, centroids) => {
      const kept = parseSpec(spec).quantizer.exact ? {} : { keep }
      return IvfIndex.#make<number>(part, { ...own, ...kept, spec, signal: asked.signal }, true, centroids)
    }
    return tune({ given, vectors, queries, seed: options.seed ?? 1, build }, asked)
  }

  static async #make<I extends Id>(
    vectors: Vectors | VectorBatches,
    options: IvfIndexOptions<I>,
    adds: boolean,
    centroids?: Float32Array,
  ): Promise<IvfIndex<I>> {
    const batches = isBatches(vectors)
    if (batches && (options.spec === undefined || options.dim === undefined)) {
      throw new IvfError(
        'ERR_ARGUMENT',
        'vectors come in batches, which tell neither their number nor their dim beforehand; give spec and dim',
      )
    }
    const matrix = batches ? undefined : toMatrix(vectors, options.dim ?? 0, 'vectors')
    const dim = checkInteger('dim', matrix?.dim ?? options.dim, 1, 65536)
    const spec = parseSpec(options.spec ?? defaultSpec(matrix?.rows ?? 0, dim))
    const plan = planOf(dim, spec, options)
    const known = centroids && { ...plan, clustering: { kind: 'known', centroids } as const }
    const index = new IvfIndex<I>(known ?? plan, spec, options)
    return closedOnFailure(index, async () => {
      await index.trainOn(vectors, options, adds)
      return index
    })
  }
}

const DEFAULT_FACTOR = 4

type MadeBy = Pick<IvfIndexOptions, 'seed' | 'threads' | 'revectorize'>

/** What says how, not what, is made. */
function madeBy({ seed, threads, revectorize }: MadeBy): MadeBy {
  return {
    ...(seed !== undefined && { seed }),
    ...(threads !== undefined && { threads }),
    ...(revectorize !== undefined && { revectorize }),
  }
}
