import type { Engine } from './engine/engine.js'
import { checkFinite, chunkRows } from './engine/load.js'
import { copyOf, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, checkOneOf, IvfError } from './errors.js'
import { collectBatches, startingWith } from './ivf/batches.js'
import {
  append,
  bytesPerCode,
  type Contents,
  compacted,
  contentsBytes,
  contentsOf,
  holding,
  locate,
  release,
  remove,
  rowOf,
  rowsOf,
} from './ivf/contents.js'
import type { Entries } from './ivf/entries.js'
import { checkDistinct, type IdTable, nameRows, readIds } from './ivf/ids.js'
import { createModel } from './ivf/make-model.js'
import type { OptimizeReport } from './ivf/optimize.js'
import type { Keep } from './ivf/originals.js'
import { type SearchSettings, searchSegments } from './ivf/search.js'
import { pinned, type Selection } from './ivf/selection.js'
import type { TrainPlan } from './ivf/train.js'
import { readVectors } from './ivf/vectors.js'
import { type LifeOptions, type OpenOptions, rowFilter, type SearchFilter } from './ivf-options.js'
import type { Id, IdList, LongCallOptions, Metric } from './options.js'
import { Projection } from './projection.js'
import type { SearchResult } from './result.js'
import type { IndexFile } from './saved/file.js'
import type { StoredContents } from './saved/stored.js'
import type { Face } from './saved/write.js'
import { Session } from './session.js'
import type { Sink, WriteTarget } from './storage/sink.js'
import type { SourceInput } from './storage/source.js'

/** What an index is to be; every default is explicit. */
export interface IvfPlan extends TrainPlan {
  /** Defaults of searches. */
  nprobe: number
  ratioThreshold: number
}

/** Options of adding vectors. */
export interface AddOptions<I extends Id = number> extends LongCallOptions {
  /**
   * One id per vector: safe integers, strings, or bigints of 64 bits, which then are what searches answer with. Left
   * out, ids are row numbers, counted over all that was ever added.
   */
  ids?: IdList<I>
}

/** Options of `optimize`. */
export interface OptimizeOptions extends LongCallOptions {
  /**
   * Vectors that a cell should have: larger ones than twice that are divided, those of less than an eighth given up.
   * Default: as many as cells have on average.
   */
  cellSize?: number
}

/** Options of `entries`. */
export interface EntriesOptions {
  /** Vectors at a time; about 8 MB of them by default. */
  rows?: number
  signal?: AbortSignal | undefined
}

/** Options of saving an index. */
export interface SaveOptions extends LongCallOptions {
  /** The file outlives a loss of power once `save` has resolved; default true. Without, it is faster. */
  sync?: boolean
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
  readonly #session: Session
  readonly #runtime: LifeOptions
  readonly #compactAt: number
  #contents: Contents | undefined
  #nprobe = 1
  #ratioThreshold = 0

  /** @throws IvfError ERR_ARGUMENT, ERR_DIM */
  protected constructor(plan: IvfPlan, runtime: LifeOptions) {
    plan.quantizer.check(plan.projection?.plan.width(plan.dim) ?? plan.dim)
    this.#plan = plan
    this.dim = plan.dim
    this.metric = plan.metric
    this.#session = new Session(runtime)
    this.#runtime = runtime
    this.#compactAt = checkNumber('compactAt', runtime.compactAt ?? 0.25, 0, 1)
    this.nprobe = plan.nprobe
    this.ratioThreshold = plan.ratioThreshold
  }

  /** Number of cells; only `optimize` changes it. */
  get nlist(): number {
    return this.#contents?.model.nlist ?? this.#plan.nlist
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

  get trained(): boolean {
    return this.#contents !== undefined
  }

  /** Number of vectors. */
  get size(): number {
    return this.#contents?.size ?? 0
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
    return this.#whenTrained().model.rows.slice()
  }

  /** Number of vectors in each cell, removed ones that still take memory included. @throws IvfError ERR_NOT_TRAINED */
  get cellSizes(): Uint32Array {
    const contents = this.#whenTrained()
    const segments = contents.stored?.segments ?? contents.segments
    return Uint32Array.from({ length: this.nlist }, (_, cell) =>
      segments.reduce((sum, { starts }) => sum + (starts[cell + 1] as number) - (starts[cell] as number), 0),
    )
  }

  /** Bytes held: codes, ids, centroids, and the vectors kept beside the codes. */
  get bytes(): number {
    return this.#contents ? contentsBytes(this.#contents) : 0
  }

  /** Bytes per vector of codes, their factors and ids; without the vectors kept beside them. */
  get codeBytes(): number {
    return this.#contents ? bytesPerCode(this.#contents) : 0
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
    return this.#session.write(async () => {
      const contents = this.#whenResident()
      const rows = rowsOf(contents, [...wanted])
      if (rows.length === 0) return 0
      this.#commit(await remove(contents, rows, { ...options, compactAt: this.#compactAt }))
      contents.ids.forget(rows)
      return rows.length
    })
  }

  /** Whether a vector has this id. @throws IvfError ERR_NOT_TRAINED */
  async has(id: I): Promise<boolean> {
    return this.#session.read(async () => rowOf(this.#whenResident(), id) !== undefined)
  }

  /**
   * The vector of an id as it is stored (of length 1 for cosine): itself, what is kept beside its code, or what its
   * code stands for; undefined when there is none.
   *
   * @throws IvfError ERR_NOT_TRAINED; ERR_UNSUPPORTED when only projected vectors are stored
   */
  get(id: I): Promise<Float32Array | undefined> {
    return this.#session.read(async (engine) => {
      const contents = this.#whenResident()
      const row = rowOf(contents, id)
      const place = row === undefined ? undefined : locate(contents, row)
      if (!place) return undefined
      const { segment, slot } = place
      return holding(contents, () =>
        engine.frame(async (scratch) => {
          const at = await readVectors(scratch, contents.model, segment, Uint32Array.of(slot))
          return engine.floats(at, this.dim).slice()
        }),
      )
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
    const { entriesOf, hold } = await import('./ivf/entries.js')
    const held = await this.#session.read(async () => hold(this.#whenResident()))
    try {
      yield* entriesOf<I>(held.contents, most, (work) => this.#session.read(work), signal)
    } finally {
      held.release()
    }
  }

  /**
   * Chooses vectors once for many searches, whose `filter` it is then.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_ARGUMENT; the signal's reason
   */
  async select(filter: SearchFilter<I>, { signal }: Pick<LongCallOptions, 'signal'> = {}): Promise<Selection> {
    const asked = rowFilter(filter)
    return this.#session.read(async (engine) => {
      const contents = this.#whenResident()
      const now = pinned(contents, asked)
      const { select } = await import('./ivf/allowed.js')
      return holding(contents, () => select(contents, now, engine.pace(signal)))
    })
  }

  /**
   * Brings all vectors together in one segment and gives back the memory of removed ones; needs as much memory again
   * while it works. Searches that run meanwhile see the index as it was.
   *
   * @throws IvfError ERR_NOT_TRAINED, ERR_MEMORY; the signal's reason. The index stays as it was.
   */
  compact(options: LongCallOptions = {}): Promise<void> {
    return this.#session.write(async () => this.#commit(await compacted(this.#whenResident(), options)))
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
    return this.#session.write(async () => {
      const contents = this.#whenResident()
      const { optimized } = await import('./ivf/optimize.js')
      const cellSize =
        options.cellSize === undefined
          ? Math.max(1, contents.size / contents.model.nlist)
          : checkNumber('cellSize', options.cellSize, 1)
      const done = await optimized(contents, { cellSize, seed: this.#plan.seed }, options)
      this.#commit(done.contents)
      this.#nprobe = Math.min(this.#nprobe, this.nlist)
      return done.report
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
    return this.#asItIs(options, async (write) => {
      const { sync = true, signal } = options
      const { openSink } = await import('./storage/sink.js')
      signal?.throwIfAborted()
      const sink = await openSink(target, { sync })
      try {
        await write(sink)
        await sink.finish()
      } catch (error) {
        await sink.abort(error)
        throw error
      }
    })
  }

  /** The bytes that `save` writes. @throws IvfError ERR_NOT_TRAINED, ERR_MEMORY; the signal's reason */
  toBytes(options: LongCallOptions = {}): Promise<Uint8Array> {
    return this.#asItIs(options, async (write) => {
      const { memorySink } = await import('./storage/sink.js')
      const sink = memorySink()
      await write(sink)
      return sink.bytes()
    })
  }

  /**
   * The bytes that `save` writes, as they are made: for a Response, a Blob or OPFS. Errors are those of the stream. `close` waits until it
   * has been read to its end or cancelled.
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
    const { projection } = this.#whenTrained().model
    return projection && Projection.of(projection.place.parameters, this.#runtime)
  }

  /** Frees the memory when the calls in progress have ended; later calls reject with ERR_CLOSED. */
  async close(): Promise<void> {
    await this.#session.close()
    await this.#contents?.stored?.file.close()
    this.#contents = undefined
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
    const { asIndexFile, makeFace } = await import('./saved/face.js')
    const { signal, onProgress, resident = 'all', cacheBytes, ...given } = options
    const stays = checkOneOf('resident', resident, ['all', 'centroids']) === 'centroids'
    // Searches in a file wait for what they read; workers would take more memory than the index.
    const life = stays ? { threads: 0, ...given } : given
    const file = await asIndexFile(source)
    try {
      const index = makeFace(file, face, (header) => make(header, life))
      try {
        if (stays) {
          const { openStored } = await import('./saved/stored.js')
          const bytes = checkInteger('cacheBytes', cacheBytes ?? 8 << 20, 0)
          await index.take((engine) => openStored(engine, file, bytes, options))
        } else {
          const { loadContents } = await import('./saved/open.js')
          await index.take((engine) => loadContents(engine, file, options))
          await file.close()
        }
        return index
      } catch (error) {
        await index.close()
        throw error
      }
    } catch (error) {
      await file.close()
      throw error
    }
  }

  /**
   * Runs `read` while nothing that is stored can be freed: for writers of other files. `options`: of its class.
   * @internal
   */
  reading<T>(read: (contents: Contents, options: Readonly<Record<string, unknown>>) => Promise<T>): Promise<T> {
    return this.#session.read(async () => {
      const contents = this.#whenResident()
      return holding(contents, () => read(contents, this.face().options))
    })
  }

  /** Takes over what `load` makes in its engine. */
  protected take(load: (engine: Engine) => Promise<Contents>): Promise<void> {
    return this.#session.write(async (engine) => this.#commit(await load(engine)))
  }

  /**
   * What there is now, which cannot be freed while `work` runs, and what a file says of it: for those who keep more
   * beside an index.
   * @internal
   */
  whileHeld<T>(work: (contents: Contents, told: Face) => Promise<T>): Promise<T> {
    return this.#session.read(async () => {
      const contents = this.#whenResident()
      const { face, spec, options: own } = this.face()
      const { nprobe, ratioThreshold } = this
      const told = {
        face,
        spec,
        seed: this.#plan.seed,
        options: { ...own, nprobe, ratioThreshold, compactAt: this.#compactAt },
      }
      return holding(contents, () => work(contents, told))
    })
  }

  /** What `work` writes is the index as it is now: it is held before anything is waited for. */
  #asItIs<T>(options: LongCallOptions, work: (write: (sink: Sink) => Promise<void>) => Promise<T>): Promise<T> {
    return this.whileHeld((contents, told) =>
      work(async (sink) => {
        const { writeIndex } = await import('./saved/write.js')
        await writeIndex(sink, contents, told, options)
      }),
    )
  }

  /** Trains on the vectors and, unless they are only a sample, adds them. What was there before goes on success. */
  protected async trainOn(vectors: Vectors | VectorBatches, options: AddOptions<I>, adds = true): Promise<void> {
    const { dim } = this
    const { nlist } = this.#plan
    const given = options.ids === undefined || !adds ? undefined : readOwnIds(options.ids)
    return this.#session.write(async (engine) => {
      const parts = collectBatches(vectors, dim, Math.max(65536, 256 * nlist), options.signal)
      try {
        const sample = (await parts.next()).value
        if (!sample?.rows) {
          throw new IvfError('ERR_EMPTY', `there are no vectors to train on; give at least nlist = ${nlist}`)
        }
        // Before the long work, not in the middle of it.
        await checkFinite(engine, sample, 'vectors', options.signal)
        const { trainModel } = await import('./ivf/train.js')
        const empty = contentsOf(await trainModel(engine, this.#plan, sample, options))
        try {
          const next = adds ? await appendNamed(empty, startingWith(sample, parts), given, options) : empty
          this.#commit(next, given?.ids)
        } catch (error) {
          release(empty)
          throw error
        }
      } finally {
        await parts.return(undefined)
      }
    })
  }

  /** Makes it a trained, empty index of these centroids (nlist × dim). */
  protected adopt(centroids: Matrix): Promise<void> {
    const rows = copyOf(centroids)
    return this.#session.write(async (engine) => {
      await checkFinite(engine, centroids, 'centroids')
      this.#commit(contentsOf(await createModel(engine, this.#plan, rows, undefined, {})))
    })
  }

  protected searchWith(queries: Vectors, settings: SearchSettings, options: LongCallOptions): Promise<SearchResult<I>> {
    return this.#session.read(async () => {
      const contents = this.#whenTrained()
      const matrix = toMatrix(queries, this.dim, 'queries')
      options.signal?.throwIfAborted()
      if (isStored(contents)) {
        const { searchStored } = await import('./saved/search-stored.js')
        return holding(contents, () => searchStored<I>(contents, matrix, settings, options))
      }
      const filter = settings.filter && pinned(contents, settings.filter)
      return holding(contents, async () =>
        nameRows<I>(await searchSegments(contents, matrix, { ...settings, filter }, options), contents.ids),
      )
    })
  }

  async #write(vectors: Vectors | VectorBatches, options: AddOptions<I>, replaces: boolean): Promise<void> {
    const { dim } = this
    const given = options.ids === undefined ? undefined : readOwnIds(options.ids)
    if (replaces && !given) throw new IvfError('ERR_ARGUMENT', 'upsert is given no ids; give one for each vector')
    return this.#session.write(async () => {
      const contents = this.#whenResident()
      const replaced = given ? rowsOf(contents, given.ids, !replaces) : []
      const settings = { ...options, compactAt: this.#compactAt }
      const without = replaced.length > 0 ? await remove(contents, replaced, settings) : contents
      const parts = collectBatches(vectors, dim, 8 * chunkRows(dim), options.signal)
      try {
        this.#commit(await appendNamed(without, parts, given, options), given?.ids)
      } finally {
        // What it shares with the contents before has gone, or stays, with those.
        const own = without.segments.filter((segment) => !contents.segments.includes(segment))
        if (own.length > 0) release({ ...without, segments: own }, this.#contents)
      }
      contents.ids.forget(replaced)
    })
  }

  /** @throws IvfError ERR_NOT_TRAINED */
  #whenTrained(): Contents {
    if (this.#contents) return this.#contents
    throw new IvfError('ERR_NOT_TRAINED', 'the index is not trained yet; call and await train(vectors) first')
  }

  /** @throws IvfError ERR_NOT_TRAINED; ERR_UNSUPPORTED when cells stay in a file */
  #whenResident(): Contents {
    const contents = this.#whenTrained()
    if (!contents.stored) return contents
    throw new IvfError(
      'ERR_UNSUPPORTED',
      "this index was opened with resident: 'centroids', to be searched only; open it with resident: 'all'",
    )
  }

  /** `added`: ids of the last rows. Readers see them and their vectors at the same time. */
  #commit(next: Contents, added: readonly Id[] = []): void {
    const last = this.#contents
    if (added.length > 0) next.ids.append(next.rows - added.length, added)
    this.#contents = next
    if (last) release(last, next)
  }
}

/** Only `openStored` makes such contents. */
function isStored(contents: Contents): contents is StoredContents {
  return contents.stored !== undefined
}

interface GivenIds {
  kind: IdTable['kind']
  ids: Id[]
}

/** @throws IvfError ERR_ID, ERR_ARGUMENT */
function readOwnIds(ids: IdList): GivenIds {
  const given = readIds(ids)
  checkDistinct(given.ids)
  return given
}

/** The ids as they are at this moment. */
function listed(ids: Iterable<Id> | IdList): IdList {
  return ids !== null && typeof ids === 'object' && Symbol.iterator in ids ? [...ids] : (ids as IdList)
}

/** The contents with the vectors of all parts, in a table that these ids fit; they are not in it yet. @throws IvfError ERR_ID, ERR_ARGUMENT */
async function appendNamed(
  contents: Contents,
  parts: AsyncIterable<Matrix>,
  given: GivenIds | undefined,
  options: LongCallOptions,
): Promise<Contents> {
  const { rows, size } = contents
  const kind = given ? given.kind : 'rows'
  const ids = given?.ids.length === 0 ? contents.ids : contents.ids.forKind(kind, rows, size)
  const next = await append(contents, parts, options)
  const count = next.rows - rows
  if (given && count !== given.ids.length) {
    release(next, contents)
    throw new IvfError('ERR_ARGUMENT', `${given.ids.length} ids are given for ${count} vectors; give one for each`)
  }
  return { ...next, ids }
}
