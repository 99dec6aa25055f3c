import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { IvfError } from '../errors.js'
import { type Contents, locate } from './contents.js'
import type { Model } from './model.js'
import { pick } from './pick.js'
import type { Segment } from './segment.js'

/** Whether vectors are there as they were given, but for the rounding of what is kept. */
export function canReadVectors({ keep, exact }: Model): boolean {
  return exact || keep !== 'none'
}

/**
 * The vectors of these slots (in their order, none twice), as they are stored: themselves, or what is kept beside their
 * codes, else what the codes stand for. Returns the address of count × dim, in scratch.
 * @throws IvfError ERR_UNSUPPORTED when only projected vectors are stored
 */
export async function readVectors(
  scratch: Scratch,
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  options: RunOptions = {},
): Promise<number> {
  const { dim, exact } = model
  const { originals, codes } = segment
  const count = slots.length
  if (!exact && !originals) return decode(scratch, model, segment, slots, options)
  const rows = scratch.alloc(count * dim * 4)
  const from = originals ? { kept: originals.form, from: originals.rows } : { kept: 0, from: codes.codes }
  await pick(scratch, { ...from, dim, slots, rows }, options)
  return rows
}

/** A copy of these vectors (their slots ascending, none twice), as they are stored: count × dim. @throws IvfError as `readVectors` */
export function copyVectors(
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  options: RunOptions = {},
): Promise<Float32Array> {
  const { engine, dim } = model
  return engine.frame(async (scratch) => {
    const at = await readVectors(scratch, model, segment, slots, options)
    return engine.floats(at, slots.length * dim).slice()
  })
}

/** A copy of the vector of a row; undefined when it is gone. @throws IvfError as `readVectors` */
export async function vectorOf(contents: Contents, row: number): Promise<Float32Array | undefined> {
  const place = locate(contents, row)
  return place && copyVectors(contents.model, place.segment, Uint32Array.of(place.slot))
}

async function decode(
  scratch: Scratch,
  model: Model,
  segment: Segment,
  slots: Uint32Array,
  options: RunOptions,
): Promise<number> {
  const { quantizer, projection } = model
  if (projection) {
    throw new IvfError(
      'ERR_UNSUPPORTED',
      `only projected vectors (${projection.place.parameters.word}) are stored, from which the vectors cannot be had back; build the index with keep 'f32', 'f16' or 'int8'`,
    )
  }
  const rows = await readCodeRows(scratch, model, segment, slots, options)
  return quantizer.decode(scratch, rows, placeCells(scratch, segment, slots), slots.length, options)
}

/** The address of the code rows of these slots (ascending): count × codeSize, in scratch. */
export async function readCodeRows(
  scratch: Scratch,
  { quantizer }: Model,
  { codes }: Segment,
  slots: Uint32Array,
  options: RunOptions,
): Promise<number> {
  const { codeSize } = quantizer
  const rows = scratch.alloc(slots.length * codeSize)
  for (let i = 0; i < slots.length; ) {
    const first = slots[i] as number
    let run = 1
    while (slots[i + run] === first + run) run++
    await quantizer.read(codes, rows + i * codeSize, first, run, options)
    i += run
  }
  return rows
}

/** The address of the cells of these slots (ascending), in scratch. */
export function placeCells(scratch: Scratch, { starts }: Segment, slots: Uint32Array): number {
  const at = scratch.alloc(slots.length * 4)
  const cells = scratch.engine.ints(at, slots.length)
  let cell = 0
  slots.forEach((slot, i) => {
    while ((starts[cell + 1] as number) <= slot) cell++
    cells[i] = cell
  })
  return at
}
