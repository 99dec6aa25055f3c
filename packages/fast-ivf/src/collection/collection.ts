import type { Vectors } from '../engine/vectors.js'
import { checkInteger, IvfError, show } from '../errors.js'
import type { Metadata } from '../filter/filter.js'
import { rowOf } from '../ivf/contents.js'
import type { LongCallOptions } from '../options.js'
import { type Keeper, keep } from './keeper.js'
import { type OpenPlan, openForWriting } from './open.js'
import type {
  CloseOptions,
  CollectionOptions,
  CollectionResult,
  CollectionSearchOptions,
  CollectionStats,
  Item,
  ItemId,
  NewItem,
  NewItems,
} from './options.js'
import { openForReading, type Reading, readOn } from './reader.js'
import { searchState } from './search.js'
import { getItem, kindOf, type State } from './state.js'
import { checkId, type IdKind, readRemove, readUpsert, type Write } from './writes.js'

/**
 * Vectors with ids and metadata in a folder: what was written is there, whatever happens to the process, and is found
 * by similarity and by conditions on metadata. One process writes at a time; any number of others may read.
 */
export class Collection<M extends Metadata = Metadata, I extends ItemId = ItemId> {
  readonly #folder: string
  readonly #plan: OpenPlan
  /** Who writes; undefined for one that only reads. */
  readonly #keeper: Keeper | undefined
  #reading: Reading | undefined
  #kind: IdKind | undefined
  /** Readings take turns. */
  #refreshed: Promise<unknown> = Promise.resolve()
  #closed: Promise<void> | undefined

  private constructor(folder: string, plan: OpenPlan, from: Keeper | Reading, kind: IdKind | undefined) {
    this.#folder = folder
    this.#plan = plan
    this.#keeper = 'write' in from ? from : undefined
    this.#reading = 'write' in from ? undefined : from
    this.#kind = kind
  }

  /**
   * Opens the collection in a folder, or makes one there: reads the last checkpoint, then what was written since.
   *
   * @param folder a path (in Node, Deno and Bun)
   * @throws IvfError ERR_LOCKED while another process writes to it; ERR_FORMAT for damaged files, see `recover`;
   *   ERR_DIM, ERR_ARGUMENT, ERR_NOT_FOUND, ERR_MEMORY, ERR_UNSUPPORTED; the signal's reason
   */
  static async open<M extends Metadata = Metadata, I extends ItemId = ItemId>(
    folder: string,
    options: CollectionOptions = {},
  ): Promise<Collection<M, I>> {
    const {
      dim,
      metric,
      spec,
      seed,
      readOnly = false,
      recover = false,
      sync = true,
      checkpointBytes,
      ...rest
    } = options
    if (typeof folder !== 'string' || folder === '') {
      throw new IvfError('ERR_ARGUMENT', `the folder is ${show(folder)}; give a path such as 'data/docs'`)
    }
    if (readOnly && recover) {
      throw new IvfError(
        'ERR_ARGUMENT',
        'recover moves damaged files away, which readOnly cannot; leave one of them out',
      )
    }
    const { signal, onProgress, ...life } = rest
    const given = {
      ...(dim !== undefined && { dim }),
      ...(metric !== undefined && { metric }),
      ...(spec !== undefined && { spec }),
      ...(seed !== undefined && { seed }),
    }
    const most = checkInteger('checkpointBytes', checkpointBytes ?? 64 << 20, 1)
    const plan: OpenPlan = { given, life, recover, sync, signal, onProgress }
    const later: OpenPlan = { given, life, recover, sync }
    if (readOnly) {
      const reading = await openForReading(folder, plan)
      return new Collection<M, I>(folder, later, reading, await kindOf(reading.state))
    }
    const opened = await openForWriting(folder, plan)
    const kind = await kindOf(opened.state)
    return new Collection<M, I>(folder, later, keep(folder, opened, { life, sync, checkpointBytes: most }), kind)
  }

  /** Components per vector. */
  get dim(): number {
    return this.#state.index.dim
  }

  /** Number of vectors. */
  get size(): number {
    return this.#state.index.size
  }

  /**
   * Writes vectors, each in place of the one that has its id, if one has; those of one call all, or none. When it
   * resolves they will be there after a crash, and searches find them. Calls at the same time share the cost.
   *
   * @param items one, an array, or `{ ids, vectors, metadata }`
   * @throws IvfError ERR_ARGUMENT, ERR_ID, ERR_DIM, ERR_NOT_FINITE: nothing was written; ERR_CLOSED, also when the disk
   *   failed; ERR_MEMORY
   */
  async upsert(
    items: NewItem<M, I> | readonly NewItem<M, I>[] | NewItems<M, I>,
    { signal }: LongCallOptions = {},
  ): Promise<void> {
    const keeper = this.#whenWritable()
    signal?.throwIfAborted()
    await this.#write(keeper, readUpsert(items, this.dim))
  }

  /** Removes the vectors of these ids, one or many; ids that are not there are passed over. @throws IvfError as `upsert` */
  async remove(ids: I | Iterable<I>, { signal }: LongCallOptions = {}): Promise<void> {
    const keeper = this.#whenWritable()
    signal?.throwIfAborted()
    await this.#write(keeper, readRemove(ids))
  }

  /** What is stored under an id; undefined when nothing is. @throws IvfError ERR_ID, ERR_CLOSED */
  async get(id: I): Promise<Item<M, I> | undefined> {
    this.#checkOpen()
    return (await getItem(this.#state, checkId(id))) as Item<M, I> | undefined
  }

  /** @throws IvfError ERR_ID, ERR_CLOSED */
  async has(id: I): Promise<boolean> {
    this.#checkOpen()
    checkId(id)
    return this.#state.index.whileHeld(async (contents) => rowOf(contents, id) !== undefined)
  }

  /**
   * The k nearest vectors of each query, nearest first, of those that match `filter`.
   *
   * @param queries nq × dim, or a single vector
   * @throws IvfError ERR_DIM, ERR_NOT_FINITE, ERR_ARGUMENT, ERR_CLOSED; the signal's reason
   */
  async search(queries: Vectors, options: CollectionSearchOptions<M, I> = {}): Promise<CollectionResult<M, I>> {
    this.#checkOpen()
    return searchState<M, I>(this.#state, queries, options)
  }

  /**
   * Writes all that is there to a file of its own, so that opening need not read the log, which begins anew. It is done
   * in the background when the log has grown to `checkpointBytes`.
   *
   * @throws IvfError ERR_CLOSED, ERR_NOT_FOUND; the signal's reason. Nothing is lost.
   */
  async checkpoint(options: LongCallOptions = {}): Promise<void> {
    await this.#whenWritable().checkpoint(options)
  }

  /**
   * Makes searches fast: finds cells anew where the collection has outgrown them, otherwise brings what was written bit
   * by bit together; then makes a checkpoint. Searches and writes go on meanwhile.
   *
   * @throws IvfError ERR_CLOSED, ERR_MEMORY, ERR_NOT_FOUND; the signal's reason. The collection stays as it was.
   */
  async optimize(options: LongCallOptions = {}): Promise<void> {
    await this.#whenWritable().optimize(options)
  }

  /**
   * Of a collection opened with `readOnly`: reads what was written since. True when there was something.
   * @throws IvfError ERR_FORMAT, ERR_NOT_FOUND, ERR_CLOSED, ERR_UNSUPPORTED; the signal's reason
   */
  refresh(options: LongCallOptions = {}): Promise<boolean> {
    const turn = this.#refreshed.then(() => this.#readOn(options))
    this.#refreshed = turn.catch(() => {})
    return turn
  }

  stats(): CollectionStats {
    const { index } = this.#state
    const { size, dim, metric, spec, bytes } = index
    const cursor = this.#reading?.cursor
    const log = this.#keeper?.log
    return {
      ...{ size, dim, metric, spec, bytes },
      generation: log?.generation ?? cursor?.n ?? 0,
      logBytes: log?.bytes ?? cursor?.position?.at ?? 0,
      logRecords: log?.records ?? cursor?.position?.sequence ?? 0,
      syncs: this.#keeper?.syncs ?? 0,
      lost: this.#keeper?.lost,
      checkpointError: this.#keeper?.checkpointError,
    }
  }

  /** Waits for the calls in progress, and lets others write. Later calls reject with ERR_CLOSED. */
  close({ checkpoint = false, ...options }: CloseOptions = {}): Promise<void> {
    this.#closed ??= this.#close(checkpoint, options)
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  get #state(): State {
    return this.#keeper?.state ?? (this.#reading as Reading).state
  }

  async #close(checkpoint: boolean, options: LongCallOptions): Promise<void> {
    try {
      if (checkpoint) await this.#keeper?.checkpoint(options)
    } finally {
      await this.#keeper?.close()
      await this.#refreshed
      await this.#reading?.state.index.close()
    }
  }

  async #write(keeper: Keeper, write: Write): Promise<void> {
    if (write.ids.length === 0) return
    // What removes nothing does not decide it.
    if (write.op === 'upsert') this.#kind ??= write.kind
    if (this.#kind !== undefined && write.kind !== this.#kind) {
      const [id] = write.ids
      throw new IvfError(
        'ERR_ID',
        `ids[0] is ${show(id)}, and the ids of ${this.#folder} are ${this.#kind}s; give those`,
      )
    }
    await keeper.write(write)
  }

  async #readOn({ signal, onProgress }: LongCallOptions): Promise<boolean> {
    this.#checkOpen()
    const before = this.#reading
    if (!before) {
      throw new IvfError(
        'ERR_UNSUPPORTED',
        `${this.#folder} is open for writing, so nothing is missing; do not refresh`,
      )
    }
    const next = await readOn(this.#folder, before, { ...this.#plan, signal, onProgress })
    this.#reading = next
    if (next.state !== before.state) await before.state.index.close()
    const [a, b] = [before.cursor, next.cursor]
    return next.state !== before.state || a.n !== b.n || a.position?.sequence !== b.position?.sequence
  }

  #whenWritable(): Keeper {
    this.#checkOpen()
    if (this.#keeper) return this.#keeper
    throw new IvfError('ERR_UNSUPPORTED', `${this.#folder} was opened with readOnly; open it without to write`)
  }

  #checkOpen(): void {
    if (this.#closed) throw new IvfError('ERR_CLOSED', `the collection ${this.#folder} was closed; open it again`)
  }
}
