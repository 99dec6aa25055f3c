import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import { lowestRow } from '../engine/lowest-row.js'
import { IvfError } from '../errors.js'

/** How vectors are kept beside their codes, for exact distances: 4, 2 or 1 bytes a component, or not at all. */
export type Keep = 'f32' | 'f16' | 'int8' | 'none'

/** All of them. */
export const KEEPS: readonly Keep[] = ['f32', 'f16', 'int8', 'none']

/** Vectors beside their codes, one row per slot. */
export interface Originals {
  readonly keep: Exclude<Keep, 'none'>
  /** The number by which kernels know the form. */
  readonly form: number
  readonly rowBytes: number
  /** Address: count rows of rowBytes. */
  readonly rows: number
}

export interface KeepOptions extends RunOptions {
  /** The caller's number of row i, for messages, where it is not i. */
  origin?: (row: number) => number
  /** What the rows are called in an error. */
  name: string
}

/** Rows begin at multiples of 16 bytes but for f32; int8 has a factor before each row. */
const FORMS: Record<Originals['keep'], { form: number; rowBytes: (dim: number) => number }> = {
  f32: { form: 1, rowBytes: (dim) => dim * 4 },
  f16: { form: 2, rowBytes: (dim) => Math.ceil(dim / 8) * 16 },
  int8: { form: 3, rowBytes: (dim) => Math.ceil((dim + 4) / 16) * 16 },
}
const LARGEST_HALF = 65504
const BLOCK = 64 // rows per item

/** Room for `count` rows, their content undefined; nothing when none are kept. @throws IvfError ERR_MEMORY */
export function allocOriginals(
  alloc: (bytes: number) => number,
  keep: Keep,
  dim: number,
  count: number,
): Originals | undefined {
  if (keep === 'none') return undefined
  const { form, rowBytes } = FORMS[keep]
  return { keep, form, rowBytes: rowBytes(dim), rows: alloc(count * rowBytes(dim)) }
}

/**
 * Writes the rows (count × dim, at address `rows`) into the slots from `first` on.
 * @throws IvfError ERR_ARGUMENT for a number that f16 cannot hold; rows may have been written
 */
export async function keepRows(
  engine: Engine,
  originals: Originals,
  rows: number,
  first: number,
  count: number,
  dim: number,
  { name, origin, ...options }: KeepOptions,
): Promise<void> {
  const cost = count * dim * 4
  const bad = await lowestRow(engine, cost, (scratch, bad) => {
    const { form: kept, rows: to } = originals
    const record = scratch.record('Keep', { rows, dim, count, block: BLOCK, first, kept, to, bad })
    return engine.run({ kernel: 'keepRows', record, count: Math.ceil(count / BLOCK) }, { cost, ...options })
  })
  if (bad === undefined) return
  const row = engine.floats(rows + bad * dim * 4, dim)
  const i = row.findIndex((value) => Math.abs(value) > LARGEST_HALF)
  throw new IvfError(
    'ERR_ARGUMENT',
    `row ${origin?.(bad) ?? bad} of ${name} holds ${row[i]} at component ${i}, and 16-bit floats end at ±${LARGEST_HALF}; keep 'f32' instead of 'f16', or scale the vectors down`,
  )
}

/** Bytes of a vector that is kept in this form. */
export function keptBytes(keep: Keep, dim: number): number {
  return keep === 'none' ? 0 : FORMS[keep].rowBytes(dim)
}

/** Bytes of `count` rows. */
export function originalsBytes(originals: Originals | undefined, count: number): number {
  return originals === undefined ? 0 : originals.rowBytes * count
}
