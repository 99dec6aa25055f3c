import type { Engine, Scratch } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import { loadRows } from '../../engine/load.js'
import { type Matrix, pick } from '../../engine/vectors.js'
import { columnFloats, rounded } from './layer.js'
import type { Standard } from './standard.js'

/** Room for a batch of rows, in the forms that products want. */
export interface Batch {
  readonly count: number
  readonly dim: number
  /** dim rounded up. */
  readonly width: number
  /** Address: count × dim, as loaded. */
  readonly loaded: number
  /** Address: count × width. */
  readonly rows: number
  /** Address: the rows in panels; or 0. */
  readonly panels: number
  /** Address: the columns in panels. */
  readonly columns: number
  /** Address: dim, or 0. */
  readonly mean: number
  readonly standard: Standard
}

/** Which components of a batch are left out. */
export interface Dropout {
  /** The share that goes. */
  rate: number
  seed: number
}

const BLOCK = 16 // rows per item

export function allocBatch(
  scratch: Scratch,
  count: number,
  dim: number,
  standard: Standard,
  { panels }: { panels: boolean },
): Batch {
  const width = rounded(dim)
  const mean = standard.mean ? scratch.alloc(dim * 4) : 0
  if (standard.mean) scratch.engine.floats(mean, dim).set(standard.mean)
  return {
    ...{ count, dim, width, mean, standard },
    loaded: scratch.alloc(count * dim * 4),
    rows: scratch.alloc(count * width * 4),
    panels: panels ? scratch.alloc(count * width * 4) : 0,
    columns: scratch.alloc(columnFloats(count, width) * 4),
  }
}

/** Loads these rows of the sample and makes them ready. */
export async function loadBatch(
  engine: Engine,
  batch: Batch,
  sample: Matrix,
  rows: Uint32Array,
  dropout: Dropout | undefined,
  options: RunOptions,
): Promise<void> {
  const { count, dim, width, loaded, panels, columns, mean, standard } = batch
  const load = { normalize: standard.normalize, name: 'vectors', signal: options.signal }
  await loadRows(engine, pick(sample, rows), 0, count, loaded, load)
  await engine.frame((scratch) => {
    const record = scratch.record('Batch', {
      ...{ rows: loaded, dim, width, count, block: BLOCK, mean, scale: standard.scale },
      keep: dropout ? Math.floor((1 - dropout.rate) * 2 ** 32) : 0,
      kept: dropout ? 1 / (1 - dropout.rate) : 1,
      seed: dropout ? dropout.seed : 0,
      ...{ out: batch.rows, panels, columns },
    })
    const cost = count * width * 16
    return engine.run({ kernel: 'placeBatch', record, count: Math.ceil(count / BLOCK) }, { cost, ...options })
  })
}
