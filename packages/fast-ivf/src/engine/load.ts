import { IvfError } from '../errors.js'
import type { Engine, Scratch } from './engine.js'
import type { RunOptions } from './executor.js'
import { lowestRow } from './lowest-row.js'
import type { Matrix } from './vectors.js'

const BLOCK = 64 // rows per item
const CHUNK_BYTES = 8 << 20

export interface LoadOptions extends RunOptions {
  /** Divide each row by its norm. */
  normalize: boolean
  /** Address for the squared norms, or 0. */
  norms?: number
  /** What the rows are called in an error. */
  name: string
}

/** Rows that fit a chunk of about 8 MB: what is copied in at a time, so that memory stays the index's own. */
export function chunkRows(dim: number): number {
  return Math.max(64, Math.floor(CHUNK_BYTES / (dim * 4) / 64) * 64)
}

/** Copies rows from … to into engine memory, checks that they are finite, and normalizes. @throws IvfError ERR_NOT_FINITE */
export async function loadRows(
  engine: Engine,
  matrix: Matrix,
  from: number,
  to: number,
  at: number,
  options: LoadOptions,
): Promise<void> {
  matrix.copy(from, to, engine.floats(at, (to - from) * matrix.dim))
  const bad = await prepare(engine, at, to - from, matrix.dim, options)
  if (bad === undefined) return
  const row = new Float32Array(matrix.dim)
  matrix.copy(from + bad, from + bad + 1, row)
  const i = row.findIndex((value) => !Number.isFinite(value))
  const what = i < 0 ? 'numbers too large to square in 32 bits' : `${row[i]} at component ${i} (as a 32-bit float)`
  const origin = matrix.origin?.(from + bad) ?? from + bad
  throw new IvfError(
    'ERR_NOT_FINITE',
    `row ${origin} of ${options.name} holds ${what}; remove the row, or mend what embedded it`,
  )
}

/** Looks at all rows before anything is made of them. @throws IvfError ERR_NOT_FINITE, naming the first bad row */
export async function checkFinite(engine: Engine, matrix: Matrix, name: string, signal?: AbortSignal): Promise<void> {
  const chunk = Math.min(matrix.rows, chunkRows(matrix.dim))
  await engine.frame(async (scratch) => {
    const rows = scratch.alloc(chunk * matrix.dim * 4)
    for (let from = 0; from < matrix.rows; from += chunk) {
      await loadRows(engine, matrix, from, Math.min(from + chunk, matrix.rows), rows, {
        normalize: false,
        name,
        signal,
      })
    }
  })
}

/** The first row that is not finite, if any. */
async function prepare(
  engine: Engine,
  rows: number,
  count: number,
  dim: number,
  options: LoadOptions,
): Promise<number | undefined> {
  const cost = count * dim
  return lowestRow(engine, cost, (scratch, bad) => {
    const normalize = options.normalize ? 1 : 0
    const record = scratch.record('Rows', { rows, dim, count, block: BLOCK, norms: options.norms ?? 0, normalize, bad })
    const task = { kernel: 'prepareRows', record, count: Math.ceil(count / BLOCK) } as const
    return engine.run(task, { cost, signal: options.signal, aside: options.aside })
  })
}

/** The rows in scratch memory, prepared. */
export async function loadAll(scratch: Scratch, matrix: Matrix, options: LoadOptions): Promise<number> {
  const at = scratch.alloc(Math.max(1, matrix.rows * matrix.dim) * 4)
  await loadRows(scratch.engine, matrix, 0, matrix.rows, at, options)
  return at
}
