import type { Model } from '../ivf/model.js'
import { copyVectors, placeCells, readCodeRows, readVectors } from '../ivf/vectors.js'
import { projected } from '../projections/place.js'
import type { SegmentSlots } from './stored-order.js'

interface ReadOptions {
  signal?: AbortSignal | undefined
}

/** The vectors as they were given, as well as they are stored: count × dim. @throws IvfError ERR_UNSUPPORTED */
export function givenVectors(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Float32Array> {
  return copyVectors(model, part.segment, part.slots, options)
}

/** The vectors as codes see them: of the vectors kept beside the codes where there are some; count × width. */
export function codedVectors(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Float32Array> {
  const { engine, width, quantizer, projection } = model
  const { segment, slots } = part
  return engine.frame(async (scratch) => {
    let at: number
    if (quantizer.exact) at = await readCodeRows(scratch, model, part.segment, part.slots, options)
    else if (segment.originals || !projection) {
      at = await readVectors(scratch, model, segment, slots, options)
      if (projection) at = await projected(scratch, projection.place, at, slots.length, { name: 'vectors', ...options })
    } else {
      const rows = await readCodeRows(scratch, model, part.segment, part.slots, options)
      at = await quantizer.decode(scratch, rows, placeCells(scratch, segment, slots), slots.length, options)
    }
    return engine.floats(at, slots.length * width).slice()
  })
}

/** Code rows: count × codeSize. */
export function codeRows(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Uint8Array> {
  const { engine, quantizer } = model
  return engine.frame(async (scratch) => {
    const at = await readCodeRows(scratch, model, part.segment, part.slots, options)
    return new Uint8Array(engine.memory.buffer, at, part.slots.length * quantizer.codeSize).slice()
  })
}

/** What `read` has of the parts, one after the other; together `length` numbers. */
export async function joinVectors(
  parts: readonly SegmentSlots[],
  length: number,
  read: (part: SegmentSlots) => Promise<Float32Array>,
): Promise<Float32Array> {
  const rows = new Float32Array(length)
  let at = 0
  for (const part of parts) {
    const some = await read(part)
    rows.set(some, at)
    at += some.length
  }
  return rows
}
