import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import type { Model } from './model.js'
import { buildSegment, codedBytes, mergeSegments, type Segment, segmentBytes } from './segment.js'

/** A model and what is stored under it. Never changed: a writer makes the next one, readers keep theirs. */
export interface Contents {
  readonly model: Model
  readonly segments: readonly Segment[]
  /** Number of vectors, and the next id. */
  readonly size: number
}

/** Last segments are merged when they are within this ratio, so their number grows with the logarithm of the adds… */
const MERGE_RATIO = 4
/** …up to this size: merging needs as much memory again. */
const MERGE_BYTES = 128 << 20
const MOST_VECTORS = 0xffffffff

/** The contents with the vectors of all parts added. On failure nothing is left of them. @throws IvfError ERR_ARGUMENT */
export async function append(
  contents: Contents,
  parts: AsyncIterable<Matrix>,
  options: LongCallOptions,
): Promise<Contents> {
  const { model } = contents
  const segments = [...contents.segments]
  let { size } = contents
  try {
    for await (const part of parts) {
      options.signal?.throwIfAborted()
      if (part.rows === 0) continue
      if (size + part.rows > MOST_VECTORS) {
        throw new IvfError(
          'ERR_ARGUMENT',
          `${size} + ${part.rows} vectors are more than the ${MOST_VECTORS} of an index`,
        )
      }
      segments.push(await buildSegment(model, part, size, options))
      size += part.rows
      await mergeLast(contents, segments, options)
    }
    options.signal?.throwIfAborted()
    return { model, segments, size }
  } catch (error) {
    release({ ...contents, segments }, contents)
    throw error
  }
}

/** Lets go of what `kept` does not hold; readers that retained it keep it until they are done. */
export function release(contents: Contents, kept?: Contents): void {
  for (const segment of contents.segments) if (!kept?.segments.includes(segment)) segment.held.release()
  if (contents.model !== kept?.model) contents.model.held.release()
}

/** Runs `read` while nothing of the contents can be freed. */
export async function holding<T>({ model, segments }: Contents, read: () => Promise<T>): Promise<T> {
  const held = [model, ...segments].map((part) => part.held)
  for (const part of held) part.retain()
  try {
    return await read()
  } finally {
    for (const part of held) part.release()
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

async function mergeLast(before: Contents, segments: Segment[], { signal }: LongCallOptions): Promise<void> {
  const { model } = before
  while (segments.length > 1) {
    const [one, two] = segments.slice(-2) as [Segment, Segment]
    const bytes = segmentBytes(model, one) + segmentBytes(model, two)
    if (one.count > MERGE_RATIO * two.count || bytes > MERGE_BYTES) return
    const merged = await mergeSegments(model, one, two, { signal })
    segments.splice(-2, 2, merged)
    for (const part of [one, two]) if (!before.segments.includes(part)) part.held.release()
  }
}
