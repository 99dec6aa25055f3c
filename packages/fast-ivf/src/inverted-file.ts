import { Calibrated } from './calibrated.js'
import { closedOnFailure } from './engine/closing.js'
import type { Engine } from './engine/engine.js'
import { checkFinite, chunkRows } from './engine/load.js'
import { copyOf, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import { collectBatches } from './ivf/batches.js'
import { listed, readOwnIds, replace } from './ivf/change.js'
import {
  bytesPerCode,
  type Contents,
  compacted,
  contentsBytes,
  contentsOf,
  hold,
  remove,
  rowOf,
  rowsOf,
} from './ivf/contents.js'
import type { Entries } from './ivf/entries.js'
import { nameRows, readIds } from './ivf/ids.js'
import { createModel } from './ivf/make-model.js'
import type { OptimizeReport } from './ivf/optimize.js'
import type { Keep } from './ivf/originals.js'
import type { Rescore } from './ivf/rows.js'
import { type SearchSettings, searchSegments } from './ivf/search.js'
import { pinned, type Selection } from './ivf/selection.js'
import type { TrainPlan } from './ivf/train.js'
import { vectorOf } from './ivf/vectors.js'
import { checkRecall, rowFilter, type SearchFilter, type SearchOptions, type SearchTold } from './ivf-options.js'
import type {
  AddOptions,
  EntriesOptions,
  LifeOptions,
  OpenOptions,
  OptimizeOptions,
  SaveOptions,
} from './life-options.js'
import { Living } from './living.js'
import type { Id, IdList, LongCallOptions, Metric } from './options.js'
import { Projection } from './projection.js'
import type { Calibration } from './recall/calibration.js'
import type { HeldOut } from './recall/held-out.js'
import type { RecallPlan } from './recall/plan.js'
import type {
  CalibrateOptions,
  CalibrationReport,
  EvaluateOptions,
  Evaluation,
  ExplainOptions,
  Explanation,
} from './recall-options.js'
import type { SearchResult } from './result.js'
import type { IndexFile } from './saved/file.js'
import type { StoredContents } from './saved/stored.js'
import type { Face } from './saved/write.js'
import type { WriteTarget } from './storage/sink.js'
import type { SourceInput } from './storage/source.js'

/** What an index is to be; every default is explicit. */
export interface IvfPlan extends TrainPlan {
  /** Defaults of searches. */
  nprobe: number
  ratioThreshold: number
}

/**
 * What all indexes share: vectors stored cell by cell under what training found, and a life. Four faces would repeat
 * these members otherwise.
 */
export abstract class InvertedFile<I extends Id = number> {
  /** Components per vector. */
  readonly dim: number
  readonly metric: Metric
  readonly #plan: IvfPlan
  readonly #living: Living
  readonly #runtime: LifeOptions
  readonly #compactAt: number
  readonly #calibrated = new Calibrated()
  #nprobe = 1
  #ratioThreshold = 0
  #recall: number | undefined

  /** @throws IvfError ERR_ARGUMENT, ERR_DIM */
  protected constructor(plan: IvfPlan, runtime: LifeOptions) {
    plan.quantizer.check(plan.projection?.plan.width(plan.dim) ?? plan.dim)
    this.#plan = plan
    this.dim = plan.dim
    this.metric = plan.metric
    this.#living = new Living(runtime)
    this.#runtime = runtime
    this.#compactAt = checkNumber('compactAt', runtime.compactAt ?? 0.25, 0, 1)
    this.nprobe = plan.nprobe
    this.ratioThreshold = plan.ratioThreshold
  }

  /** Number of cells; only `optimize` changes it. */
  get nlist(): number {
    return this.#living.contents?.model.nlist ?? this.#plan.nlist
  }

  /** Default of the search option; from 1 to nlist. */
  get nprobe(): number {
    return this.#nprobe
  }

  set nprobe(value: number) {
    this.#nprobe = checkInteger('nprobe', value, 1, this.nlist)
  }

  /** Default of the search option; from 0 to 1. */
  get ratioThreshold(): number {
    return this.#ratioThreshold
  }

  set ratioThreshold(value: number) {
    this.#ratioThreshold = checkNumber('ratioThreshold', value, 0, 1)
  }

  /**
   * Default of the search option, which nprobe, a ratio or a way to rescore of a search overrule; undefined: searches
   * visit nprobe cells. From .5 to 1.
   */
  get recall(): number | undefined {
    return this.#recall
  }

  set recall(value: number | undefined) {
    this.#recall = value === undefined ? undefined : checkRecall(value)
  }

  /** What asking for a recall delivers; undefined before `calibrate`, and when cells have changed since. */
  get calibration(): CalibrationReport | undefined {
    const { contents } = this.#living
    return contents && this.#calibrated.report(contents)
  }

  get trained(): boolean {
    return this.#living.contents !== undefined
  }

  /** Number of vectors. */
  get size(): number {
    return this.#living.contents?.size ?? 0
  }

  /** Number of vectors, under the original's name. */
  get numVectors(): number {
    return this.size
  }

  /** In which form the vectors are kept beside their codes. */
  get keep(): Keep {
    return this.#plan.keep
  }

  /** nlist × dim, or × the components of projected vectors where cells are of those; a copy. @throws IvfError ERR_NOT_TRAINED */
  get centroids(): Float32Array {
    return this.#living.whenTrained().model.rows.slice()
  }

  /** Number of vectors in each cell, removed ones that still take memory included. @throws IvfError ERR_NOT_TRAINED */
  get cellSizes(): Uint32Array {
    const contents = this.#living.whenTrained()
    const segments = contents.stored?.segments ?? contents.segments
    return Uint32Array.from({ length: this.nlist }, (_, cell) =>
      segments.reduce((sum, { starts }) => sum + (starts[cell + 1] as number) - (starts[cell] as number), 0),
    )
  }

  /** Bytes held: codes, ids, centroids, and the vectors kept beside the codes. */
  get bytes(): number {
    const { contents } = this.#living
    return contents ? contentsBytes(contents) : 0
  }

  /** Bytes per vector of codes, their factors and ids; without the vectors kept beside them. */
  get codeBytes(): number {
    const { contents } = this.#living
    return contents ? bytesPerCode(contents) : 0
  }

  /**
   * Appends vectors. Searches that run meanwhile see the index as it was.
   *
   * @param vectors n × dim
   * @throws IvfError ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE, ERR_MEMORY; ERR_ID for an id that is there already; the
   *   signal's reason. The index stays as it was.
   */
  add(vectors: Vectors | VectorBatches, options: AddOptions<I> = {}): Promise<void> {
    return this.#write(vectors, options, false)
  }

  /**
   * Adds vectors, each in place of the one that has its id, if one has. Searches see both changes, or none.
   *
   * @param vectors n × dim
   * @throws IvfError as `add`
   */
  upsert(vectors: Vectors | VectorBatches, options: AddOptions<I> & { ids: IdList<I> }): Promise<void> {
    return this.#write(vectors, options, true)
  }

  /**
   * Removes the vectors of these ids; ids that are not there are passed over. Returns how many were removed. A removed
   * vector is never an answer; its memory is had back when enough of a segment is gone (`compactAt`), or by `compact`.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_ID, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  async remove(ids: Iterable<I> | IdList<I>, options: LongCallOptions = {}): Promise<number> {
    const wanted = new Set(readIds(listed(ids)).ids)
    return this.#living.write(async () => {
      const contents = this.#living.whenResident()
      const rows = rowsOf(contents, [...wanted])
      if (rows.length === 0) return 0
      this.#living.commit(await remove(contents, rows, { ...options, compactAt: this.#compactAt }))
      contents.ids.forget(rows)
      return rows.length
    })
  }

  /** Whether a vector has this id. @throws IvfError ERR_NOT_TRAINED */
  async has(id: I): Promise<boolean> {
    return this.#living.read(async (contents) => rowOf(contents, id) !== undefined)
  }

  /**
   * The vector of an id as it is stored (of length 1 for cosine): itself, what is kept beside its code, or what its
   * code stands for; undefined when there is none.
   *
   * @throws IvfError ERR_NOT_TRAINED; ERR_UNSUPPORTED when only projected vectors are stored
   */
  get(id: I): Promise<Float32Array | undefined> {
    return this.#living.read(async (contents) => {
      const row = rowOf(contents, id)
      return row === undefined ? undefined : vectorOf(contents, row)
    })
  }

  /**
   * All vectors with their ids, in batches, as the index is when the first is asked for; in the order in which they
   * were added, as far as it is known. The index may be searched and written to meanwhile.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_CLOSED; ERR_UNSUPPORTED when only projected vectors are stored; the signal's
   *   reason
   */
  async *entries({ rows, signal }: EntriesOptions = {}): AsyncGenerator<Entries<I>, void, undefined> {
    const most = checkInteger('rows', rows ?? Math.max(1, Math.floor((8 << 20) / (4 * this.dim))), 1)
    const { entriesOf } = await import('./ivf/entries.js')
    const { contents, letGo } = await this.#living.read(async (contents) => ({ contents, letGo: hold(contents) }))
    try {
      yield* entriesOf<I>(contents, most, (work) => this.#living.read(work), signal)
    } finally {
      letGo()
    }
  }

  /**
   * Chooses vectors once for many searches, whose `filter` it is then.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_ARGUMENT; the signal's reason
   */
  async select(filter: SearchFilter<I>, { signal }: Pick<LongCallOptions, 'signal'> = {}): Promise<Selection> {
    const asked = rowFilter(filter)
    return this.#living.read(async (contents, engine) => {
      const now = pinned(contents, asked)
      const { select } = await import('./ivf/allowed.js')
      return select(contents, now, engine.pace(signal))
    })
  }

  /**
   * Brings all vectors together in one segment and gives back the memory of removed ones; needs as much memory again
   * while it works. Searches that run meanwhile see the index as it was.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  compact(options: LongCallOptions = {}): Promise<void> {
    return this.#living.write(async () => this.#living.commit(await compacted(this.#living.whenResident(), options)))
  }

  /**
   * Tends to the cells after many changes: cells that have grown far beyond the others are divided, tiny ones given up;
   * vectors of those and of the cells around go to the nearest cell that there is then. `nlist` may change. Everything
   * comes together in one segment, as by `compact`. Searches that run meanwhile see the index as it was.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_MEMORY; ERR_UNSUPPORTED when only projected vectors are stored; the signal's
   *   reason. The index stays as it was.
   */
  optimize(options: OptimizeOptions = {}): Promise<OptimizeReport> {
    return this.#living.write(async () => {
      const contents = this.#living.whenResident()
      const { optimized } = await import('./ivf/optimize.js')
      const cellSize =
        options.cellSize === undefined
          ? Math.max(1, contents.size / contents.model.nlist)
          : checkNumber('cellSize', options.cellSize, 1)
      const done = await optimized(contents, { cellSize, seed: this.#plan.seed }, options)
      this.#living.commit(done.contents)
      this.#nprobe = Math.min(this.#nprobe, this.nlist)
      return done.report
    })
  }

  /**
   * Learns how a recall is had with the least work (`search` with `recall`), and certifies it on queries that nothing
   * was learned from. Searches and writes may run meanwhile. A file that is saved keeps it.
   *
   * For each query, cells are visited that can be expected to hold more than a share of its neighbours. What share that
   * is follows, by a table that falls monotonically, from the rank of the cell and from how far its vectors seem to be
   * beyond the k-th nearest, once the nearest cells have been visited. `IvfIndex.build` calibrates by itself.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_EMPTY, ERR_ARGUMENT, ERR_DIM, ERR_NOT_FINITE, ERR_TOO_FEW, ERR_ID;
   *   ERR_UNSUPPORTED when only projected vectors are stored; the signal's reason
   */
  calibrate(options: CalibrateOptions<I> = {}): Promise<CalibrationReport> {
    return this.#living.read(async (contents) => {
      const { calibrateIndex } = await import('./calibrate-index.js')
      const found = await calibrateIndex(contents, options, { usual: this.usualRescore(), seed: this.#plan.seed })
      return this.#calibrated.keep(contents, found)
    })
  }

  /** As `calibrate`, with queries whose nearest are known. @internal */
  calibrateWith(held: HeldOut, ks: readonly number[], options: LongCallOptions): Promise<Calibration> {
    return this.#living.read(async (contents) => {
      const { calibrateWith } = await import('./calibrate-index.js')
      const known = { usual: this.usualRescore(), seed: this.#plan.seed }
      const found = await calibrateWith(contents, held, ks, known, options)
      await this.#calibrated.keep(contents, found)
      return found
    })
  }

  /**
   * Measures how much of the truth a search with these options finds, how fast it is, and what it looks at. Nothing
   * should be written meanwhile, nor the machine do anything else.
   *
   * @param queries nq × dim, which calibration has not seen
   * @throws IvfError ERR_ARGUMENT, also with a filter and no truth; ERR_UNSUPPORTED where the truth cannot be computed;
   *   ERR_EMPTY, ERR_ID, and as `search`; the signal's reason
   */
  async evaluate(queries: Vectors, options: EvaluateOptions<I> = {}): Promise<Evaluation> {
    const told = this.settings(options)
    const { evaluateIndex } = await import('./evaluate-index.js')
    return evaluateIndex(queries, told, options, {
      read: (work) => this.#living.readAnywhere(work),
      search: (some, long) => this.searchWith(some, told, long),
    })
  }

  /**
   * Searches for one query and tells, in data and in words, which cells were visited and why no others; with `check`,
   * where its true neighbours are and why those that are missing were missed.
   *
   * @param query one vector
   * @throws IvfError ERR_UNSUPPORTED when cells stay in a file, or, with `check`, only projected vectors are stored;
   *   ERR_ARGUMENT, and as `search`; the signal's reason
   */
  async explain(query: Vectors, options: ExplainOptions<I> = {}): Promise<Explanation<I>> {
    const told = this.settings(options)
    return this.#living.read(async (contents) => {
      const { settings, plan } = await this.#planned(contents, told)
      const { explainIndex } = await import('./explain-index.js')
      return explainIndex<I>(contents, query, settings, plan?.rule, options)
    })
  }

  /**
   * Writes the index to a file, all of it: what it learned, vectors, ids. A path gets its file only when that is whole:
   * it is written beside and takes the place of an older one at the end. The index may be searched and written to
   * meanwhile; the file holds it as it was.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_ARGUMENT; the signal's reason
   */
  save(target: WriteTarget, options: SaveOptions = {}): Promise<void> {
    return this.whileHeld(async (contents, told) => {
      const { saveTo } = await import('./saved/save.js')
      await saveTo(target, contents, told, options)
    })
  }

  /** The bytes that `save` writes. @throws IvfError ERR_NOT_TRAINED, ERR_MEMORY; the signal's reason */
  toBytes(options: LongCallOptions = {}): Promise<Uint8Array> {
    return this.whileHeld(async (contents, told) => {
      const { savedBytes } = await import('./saved/save.js')
      return savedBytes(contents, told, options)
    })
  }

  /**
   * The bytes that `save` writes, as they are made: for a Response, a Blob or OPFS. Errors are those of the stream.
   * `close` waits until it has been read to its end or cancelled.
   */
  toStream(options: LongCallOptions = {}): ReadableStream<Uint8Array> {
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
    // What goes wrong is told to the reader.
    this.save(writable, options).catch((error: unknown) => writable.abort(error).catch(() => {}))
    return readable
  }

  /**
   * What is done to vectors before they are encoded; undefined: nothing. It stays usable when the index is closed.
   * @throws IvfError ERR_NOT_TRAINED
   */
  get projection(): Projection | undefined {
    const { projection } = this.#living.whenTrained().model
    return projection && Projection.of(projection.place.parameters, this.#runtime)
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  close(): Promise<void> {
    return this.#living.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** What the class is called, and what else a file says of it. */
  protected abstract face(): Pick<Face, 'face' | 'spec' | 'options'>

  /** Opens a file that class `face` has written; `make` is given what the file says and makes an empty index. */
  protected static async openAs<I extends Id, T extends InvertedFile<I>>(
    face: string,
    source: SourceInput | IndexFile,
    options: OpenOptions,
    make: (header: IndexFile['header'], options: LifeOptions) => T,
  ): Promise<T> {
    const { asIndexFile, makeFace, readIndex } = await import('./saved/face.js')
    const { signal, onProgress, resident = 'all', cacheBytes = 8 << 20, ...given } = options
    const file = await asIndexFile(source)
    return closedOnFailure(file, async () => {
      const stays = checkOneOf('resident', resident, ['all', 'centroids']) === 'centroids'
      const cached = checkInteger('cacheBytes', cacheBytes, 0)
      // Searches in a file wait for what they read; workers would take more memory than the index.
      const life = stays ? { threads: 0, ...given } : given
      const index = makeFace(file, face, (header) => {
        const made = make(header, life)
        made.recall = header.options.recall as number | undefined
        return made
      })
      return index.filled(async (engine) => {
        const { contents, told } = await readIndex(engine, file, stays ? cached : undefined, { signal, onProgress })
        if (told) await index.#calibrated.restore(contents, told)
        return contents
      })
    })
  }

  /** This index with what `load` makes in its engine; it is closed when that fails. */
  protected filled(load: (engine: Engine) => Promise<Contents>): Promise<this> {
    return closedOnFailure(this, async () => {
      await this.#living.write(async (engine) => this.#living.commit(await load(engine)))
      return this
    })
  }

  /**
   * What there is now, which cannot be freed while `work` runs, and what a file says of it: for writers of files, and
   * for those who keep more beside an index.
   * @internal
   */
  whileHeld<T>(work: (contents: Contents, told: Face) => Promise<T>): Promise<T> {
    return this.#living.read((contents) => {
      const { face, spec, options } = this.face()
      const { nprobe, ratioThreshold, recall } = this
      const searches = { nprobe, ratioThreshold, ...(recall !== undefined && { recall }) }
      const own = { ...options, ...searches, compactAt: this.#compactAt }
      const calibration = this.#calibrated.told(contents)
      return work(contents, { face, spec, seed: this.#plan.seed, options: own, calibration })
    })
  }

  /** Trains on the vectors and, unless they are only a sample, adds them. What was there before goes on success. */
  protected async trainOn(vectors: Vectors | VectorBatches, options: AddOptions<I>, adds = true): Promise<void> {
    const given = options.ids === undefined || !adds ? undefined : readOwnIds(options.ids)
    return this.#living.write(async (engine) => {
      const { trainContents } = await import('./ivf/train.js')
      const next = await trainContents(engine, this.#plan, vectors, adds ? { ids: given } : undefined, options)
      this.#living.commit(next, given?.ids)
      this.#nprobe = Math.min(this.#nprobe, this.nlist)
    })
  }

  /** Makes it a trained, empty index of these centroids (nlist × dim). */
  protected adopt(centroids: Matrix): Promise<void> {
    const rows = copyOf(centroids)
    return this.#living.write(async (engine) => {
      await checkFinite(engine, centroids, 'centroids')
      this.#living.commit(contentsOf(await createModel(engine, this.#plan, rows, undefined, {})))
    })
  }

  /** How candidates are compared when they are. */
  protected abstract usualRescore(): Rescore

  /** What a search is told by these options: for those who search what they hold. @internal */
  abstract settings(options: SearchOptions<I>): SearchTold

  protected searchWith(queries: Vectors, told: SearchTold, options: LongCallOptions): Promise<SearchResult<I>> {
    return this.#living.readAnywhere(async (contents) => {
      const matrix = toMatrix(queries, this.dim, 'queries')
      options.signal?.throwIfAborted()
      contents.model.engine.noteSearch()
      const { settings, plan } = await this.#planned(contents, told)
      if (isStored(contents)) {
        const { searchStored } = await import('./saved/search-stored.js')
        return searchStored<I>(contents, matrix, settings, options)
      }
      const filter = settings.filter && pinned(contents, settings.filter)
      const whole = plan?.exact === 'always' || (plan?.exact === 'batches' && matrix.rows >= BATCH)
      const found = whole
        ? await (await import('./ivf/truth.js')).trueNearest(contents, matrix, settings.k, options)
        : await searchSegments(contents, matrix, { ...settings, filter }, options)
      if (plan?.flat !== undefined) found.recallEstimate = new Float32Array(found.nq).fill(plan.flat)
      return nameRows<I>(found, contents.ids)
    })
  }

  /** What a search does, and how that was found when a recall is asked for. @throws IvfError as `planRecall` */
  async #planned(
    contents: Contents,
    { recall, ...given }: SearchTold,
  ): Promise<{ settings: SearchSettings; plan?: RecallPlan<SearchSettings> }> {
    if (recall === undefined) return { settings: given }
    const plan = await this.#calibrated.plan(contents, given, recall)
    return { settings: plan.settings, plan }
  }

  async #write(vectors: Vectors | VectorBatches, options: AddOptions<I>, replaces: boolean): Promise<void> {
    const { dim } = this
    const given = options.ids === undefined ? undefined : readOwnIds(options.ids)
    if (replaces && !given) throw new IvfError('ERR_ARGUMENT', 'upsert is given no ids; give one for each vector')
    return this.#living.write(async () => {
      const contents = this.#living.whenResident()
      const rows = given ? rowsOf(contents, given.ids, !replaces) : []
      const parts = collectBatches(vectors, dim, 8 * chunkRows(dim), options.signal)
      const settings = { ...options, compactAt: this.#compactAt }
      this.#living.commit(await replace(contents, rows, parts, given, settings), given?.ids)
      contents.ids.forget(rows)
    })
  }
}

/** From so many queries on, reading all vectors takes no longer than comparing them. */
const BATCH = 64

/** Only `openStored` makes such contents. */
function isStored(contents: Contents): contents is StoredContents {
  return contents.stored !== undefined
}
