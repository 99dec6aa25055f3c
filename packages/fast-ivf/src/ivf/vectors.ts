import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { IvfError } from '../errors.js'
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

async function decode(
  scratch: Scratch,
  { engine, quantizer, projection, nlist }: Model,
  { codes, starts }: Segment,
  slots: Uint32Array,
  options: RunOptions,
): Promise<number> {
  if (projection) {
    throw new IvfError(
      'ERR_UNSUPPORTED',
      `only projected vectors (${projection.place.parameters.word}) are stored, from which the vectors cannot be had back; build the index with keep 'f32', 'f16' or 'int8'`,
    )
  }
  const { codeSize } = quantizer
  const count = slots.length
  const rows = scratch.alloc(count * codeSize)
  const cells = scratch.alloc(count * 4)
  for (let i = 0; i < count; ) {
    const first = slots[i] as number
    let run = 1
    while (i + run < count && slots[i + run] === first + run) run++
    await quantizer.read(codes, rows + i * codeSize, first, run, options)
    i += run
  }
  const found = engine.ints(cells, count)
  let cell = 0
  slots.forEach((slot, i) => {
    while (cell + 1 < nlist && (starts[cell + 1] as number) <= slot) cell++
    found[i] = cell
  })
  return quantizer.decode(scratch, rows, cells, count, options)
}
