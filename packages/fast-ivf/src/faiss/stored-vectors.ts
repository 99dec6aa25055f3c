import type { Scratch } from '../engine/engine.js'
import type { Model } from '../ivf/model.js'
import { readVectors } from '../ivf/vectors.js'
import { projected } from '../projections/place.js'
import type { SegmentSlots } from './stored-order.js'

interface ReadOptions {
  signal?: AbortSignal | undefined
}

/** The vectors as they were given, as well as they are stored: count × dim. @throws IvfError ERR_UNSUPPORTED */
export function givenVectors(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Float32Array> {
  const { engine, dim } = model
  return engine.frame(async (scratch) => {
    const at = await readVectors(scratch, model, part.segment, part.slots, options)
    return engine.floats(at, part.slots.length * dim).slice()
  })
}

/** The vectors as codes see them: of the vectors kept beside the codes where there are some; count × width. */
export function codedVectors(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Float32Array> {
  const { engine, width, quantizer, projection } = model
  const { segment, slots } = part
  return engine.frame(async (scratch) => {
    let at: number
    if (quantizer.exact) at = await readCodeRows(scratch, model, part, options)
    else if (segment.originals || !projection) {
      at = await readVectors(scratch, model, segment, slots, options)
      if (projection) at = await projected(scratch, projection.place, at, slots.length, { name: 'vectors', ...options })
    } else {
      const rows = await readCodeRows(scratch, model, part, options)
      const cells = scratch.alloc(slots.length * 4)
      engine.ints(cells, slots.length).set(cellsOf(part))
      at = await quantizer.decode(scratch, rows, cells, slots.length, options)
    }
    return engine.floats(at, slots.length * width).slice()
  })
}

/** Code rows: count × codeSize. */
export function codeRows(model: Model, part: SegmentSlots, options: ReadOptions): Promise<Uint8Array> {
  const { engine, quantizer } = model
  return engine.frame(async (scratch) => {
    const at = await readCodeRows(scratch, model, part, options)
    return new Uint8Array(engine.memory.buffer, at, part.slots.length * quantizer.codeSize).slice()
  })
}

/** The address of count code rows, in scratch. */
async function readCodeRows(
  scratch: Scratch,
  { quantizer }: Model,
  { segment, slots }: SegmentSlots,
  options: ReadOptions,
): Promise<number> {
  const { codeSize } = quantizer
  const at = scratch.alloc(slots.length * codeSize)
  for (let i = 0; i < slots.length; ) {
    const first = slots[i] as number
    let run = 1
    while (slots[i + run] === first + run) run++
    await quantizer.read(segment.codes, at + i * codeSize, first, run, options)
    i += run
  }
  return at
}

function cellsOf({ segment: { starts }, slots }: SegmentSlots): Uint32Array {
  let cell = 0
  return slots.map((slot) => {
    while ((starts[cell + 1] as number) <= slot) cell++
    return cell
  })
}
