import type { Matrix } from '../engine/vectors.js'
import { IvfError, show } from '../errors.js'
import type { Id, LongCallOptions } from '../options.js'
import { groupBy } from './group-by.js'
import { IdTable } from './ids.js'
import type { Model } from './model.js'
import { buildSegment, codedBytes, isThere, type Segment, segmentBytes, slotsThere, withoutSlots } from './segment.js'

/** A model and what is stored under it. Never changed: a writer makes the next one, readers keep theirs. */
export interface Contents {
  readonly model: Model
  readonly segments: readonly Segment[]
  readonly ids: IdTable
  /** Rows handed out so far: the next one's number. */
  readonly rows: number
  /** Number of vectors that are there. */
  readonly size: number
  /** Cells that stay in a file; then there are no segments. */
  readonly stored?: StoredCells
}

/** What is known here of cells that stay in a file. */
export interface StoredCells {
  readonly file: { close(): Promise<void> }
  readonly segments: readonly Pick<Segment, 'count' | 'starts'>[]
}

/** What is stored in these segments, under the numbers of the rows. */
export function contentsOf(model: Model, segments: readonly Segment[] = []): Contents {
  const size = segments.reduce((sum, { alive }) => sum + alive, 0)
  return { model, segments, ids: new IdTable('rows'), rows: size, size }
}

/**
 * So many segments of one size become one, so that their number grows with the logarithm of the adds, and a vector
 * moves as often…
 */
const MERGED = 4
/** …from this many vectors on… */
const SMALLEST = 256
/** …up to this size: merging needs as much memory again. */
const MERGE_BYTES = 128 << 20
const MOST_ROWS = 0xffffffff

/** What a writer is told beside the vectors. */
export interface WriteSettings extends LongCallOptions {
  /** A segment is written anew when more than this share of it is gone. */
  compactAt: number
}

/** The contents with the vectors of all parts added. On failure nothing is left of them. @throws IvfError ERR_ARGUMENT */
export async function append(
  contents: Contents,
  parts: AsyncIterable<Matrix>,
  options: LongCallOptions,
): Promise<Contents> {
  const { model, ids } = contents
  const segments = [...contents.segments]
  let { rows, size } = contents
  try {
    for await (const part of parts) {
      options.signal?.throwIfAborted()
      if (part.rows === 0) continue
      if (rows + part.rows > MOST_ROWS) {
        throw new IvfError(
          'ERR_ARGUMENT',
          `${rows} + ${part.rows} vectors are more than the ${MOST_ROWS} that an index may ever be given; save and open it again if its ids are its own, or build a new one`,
        )
      }
      segments.push(await buildSegment(model, part, rows, options))
      rows += part.rows
      size += part.rows
      await mergeLast(contents, segments, options)
    }
    options.signal?.throwIfAborted()
    return { model, segments, ids, rows, size }
  } catch (error) {
    release({ ...contents, segments }, contents)
    throw error
  }
}

/** The contents without these rows, all of which are there. On failure nothing changes. */
export async function remove(
  contents: Contents,
  rows: readonly number[],
  { compactAt, ...options }: WriteSettings,
): Promise<Contents> {
  const { model } = contents
  const segments = [...contents.segments]
  try {
    for (const [segment, places] of groupBy(placesOf(contents, rows), (place) => place.segment)) {
      const left = withoutSlots(
        model,
        segment,
        places.map(({ slot }) => slot),
      )
      const i = segments.indexOf(segment)
      segments[i] = left
      if (left.count - left.alive <= compactAt * left.count) continue
      const compact = left.alive === 0 ? [] : [await join(model, [left], options)]
      segments.splice(i, 1, ...compact)
      left.held.release()
    }
    options.signal?.throwIfAborted()
    return { ...contents, segments, size: contents.size - rows.length }
  } catch (error) {
    release({ ...contents, segments }, contents)
    throw error
  }
}

/** All vectors in one segment, and nothing of those that are gone. */
export async function compacted(contents: Contents, options: LongCallOptions): Promise<Contents> {
  const { model, segments } = contents
  const [only] = segments
  options.signal?.throwIfAborted()
  if (segments.length === 0 || (segments.length === 1 && only?.mask === 0)) return contents
  if (contents.size === 0) return { ...contents, segments: [] }
  const joined = await join(model, segments, options)
  if (!options.signal?.aborted) return { ...contents, segments: [joined] }
  joined.held.release()
  throw options.signal.reason
}

/** Where a vector is. */
export interface Place {
  readonly segment: Segment
  readonly slot: number
}

/** Where the vector of a row is; undefined when it is gone. */
export function locate({ model, segments }: Contents, row: number): Place | undefined {
  for (const segment of segments) {
    const slot = segment.places.slotOf(row)
    if (slot !== undefined) return isThere(model, segment, slot) ? { segment, slot } : undefined
  }
  return undefined
}

/** The row of an id; undefined when there is none. */
export function rowOf(contents: Contents, id: Id): number | undefined {
  const row = contents.ids.rowOf(id, () => rowsThere(contents))
  return row !== undefined && locate(contents, row) ? row : undefined
}

/** The rows of those ids that are there. @throws IvfError ERR_ID when `absent` and one is there */
export function rowsOf(contents: Contents, ids: readonly Id[], absent = false): number[] {
  const rows: number[] = []
  for (const [i, id] of ids.entries()) {
    const row = rowOf(contents, id)
    if (row === undefined) continue
    if (absent) {
      throw new IvfError('ERR_ID', `ids[${i}] is ${show(id)}, which is there already; use upsert to replace its vector`)
    }
    rows.push(row)
  }
  return rows
}

/** The rows of all vectors that are there. */
export function rowsThere({ model, segments }: Contents): number[] {
  return segments.flatMap((segment) => {
    const numbers = model.engine.ints(segment.rows, segment.count)
    return Array.from(slotsThere(model, segment), (slot) => numbers[slot] as number)
  })
}

/** Lets go of what `kept` does not hold; readers that retained it keep it until they are done. */
export function release(contents: Contents, kept?: Contents): void {
  for (const segment of contents.segments) if (!kept?.segments.includes(segment)) segment.held.release()
  if (contents.model !== kept?.model) contents.model.held.release()
}

/** Nothing of the contents is freed before what this answers has been called. */
export function hold({ model, segments }: Contents): () => void {
  const held = [model, ...segments].map((part) => part.held)
  for (const part of held) part.retain()
  return () => {
    for (const part of held.splice(0)) part.release()
  }
}

/** Runs `read` while nothing of the contents can be freed. */
export async function holding<T>(contents: Contents, read: () => Promise<T>): Promise<T> {
  const letGo = hold(contents)
  try {
    return await read()
  } finally {
    letGo()
  }
}

/** Bytes of codes, originals, ids, centroids and the projection; these two are kept as rows and as panels. */
export function contentsBytes({ model, segments }: Contents): number {
  const weight = model.projection?.place.parameters.weight
  const learned = model.rows.byteLength + (weight?.byteLength ?? 0)
  return segments.reduce((sum, segment) => sum + segmentBytes(model, segment), learned * 2)
}

/** Bytes of codes and ids per vector: what an index takes without originals and centroids. */
export function bytesPerCode({ model, segments, size }: Contents): number {
  return size === 0 ? 0 : segments.reduce((sum, segment) => sum + codedBytes(model, segment), 0) / size
}

function placesOf(contents: Contents, rows: readonly number[]): Place[] {
  return rows.map((row) => {
    const place = locate(contents, row)
    if (place) return place
    throw new Error(`row ${row} is not there`)
  })
}

/** Merges the last segments while so many of them are no larger than the last: few are left, whatever their sizes. */
async function mergeLast(before: Contents, segments: Segment[], { signal }: LongCallOptions): Promise<void> {
  const { model } = before
  for (;;) {
    const level = levelOf(segments.at(-1) as Segment)
    const larger = segments.findLastIndex((segment) => levelOf(segment) > level)
    const last = segments.slice(larger + 1)
    const bytes = last.reduce((sum, segment) => sum + segmentBytes(model, segment), 0)
    if (last.length < MERGED || bytes > MERGE_BYTES) return
    const merged = await join(model, last, { signal })
    segments.splice(larger + 1, last.length, merged)
    for (const part of last) if (!before.segments.includes(part)) part.held.release()
  }
}

/** Segments of one level are within a factor of each other; small ones are all of one. */
function levelOf({ alive }: Segment): number {
  return Math.max(0, Math.floor(Math.log(alive / SMALLEST) / Math.log(MERGED)))
}

/** Loaded when segments are joined: an index that is searched only never does. */
async function join(...told: Parameters<typeof import('./join.js').joinSegments>): Promise<Segment> {
  const { joinSegments } = await import('./join.js')
  return joinSegments(...told)
}
