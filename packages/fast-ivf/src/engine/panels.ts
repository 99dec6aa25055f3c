import type { Engine } from './engine.js'
import type { RunOptions } from './executor.js'

/** Vectors per panel: components of 8 vectors lie beside each other, as the tiles want them. */
export const PANEL = 8

/** Vectors in panels (dim × 8 each) with a bias each: a distance is bias − ⟨query, vector⟩. */
export interface Panels {
  readonly dim: number
  /** Slots in use. */
  readonly count: number
  /** Panels allocated: an even number, with at least one to spare after an odd start. */
  readonly npanels: number
  readonly panels: number
  /** npanels · 8 floats; infinite where a slot is never an answer. */
  readonly bias: number
}

/** Panels that hold `count` slots; tiles take two at a time. */
export function panelPairs(count: number): number {
  return Math.ceil(count / (2 * PANEL)) * 2
}

/** Room for `count` slots; unused ones are zero vectors that are never an answer. */
export function allocPanels(engine: Engine, alloc: (bytes: number) => number, count: number, dim: number): Panels {
  const npanels = panelPairs(count) + 2
  const panels = alloc(npanels * PANEL * dim * 4)
  const bias = alloc(npanels * PANEL * 4)
  const tail = Math.floor(count / PANEL) * PANEL
  engine.floats(panels + tail * dim * 4, (npanels * PANEL - tail) * dim).fill(0)
  engine.floats(bias, npanels * PANEL).fill(Number.POSITIVE_INFINITY)
  return { dim, count, npanels, panels, bias }
}

/** The panels of these rows (count × dim). */
export async function panelsOf(
  engine: Engine,
  alloc: (bytes: number) => number,
  rows: Float32Array,
  dim: number,
  options: Pick<ScatterOptions, 'halfNorm'>,
  signal?: AbortSignal,
): Promise<Panels> {
  const count = rows.length / dim
  const panels = allocPanels(engine, alloc, count, dim)
  await engine.frame((scratch) => {
    const at = scratch.alloc(rows.byteLength)
    engine.floats(at, rows.length).set(rows)
    return scatter(engine, panels, { rows: at, count, first: 0, dropZero: false, ...options }, { signal })
  })
  return panels
}

export interface ScatterOptions {
  /** Address of the rows, row-major. */
  rows: number
  count: number
  /** The first row's slot. */
  first: number
  /** Bias is half the squared norm (for l2) rather than 0. */
  halfNorm: boolean
  /** A zero row is never an answer (cosine). */
  dropZero: boolean
}

const BLOCK = 64

/** Writes rows into their slots. */
export async function scatter(
  engine: Engine,
  target: Panels,
  options: ScatterOptions,
  run: RunOptions = {},
): Promise<void> {
  const { rows, count, first } = options
  await engine.frame(async (scratch) => {
    const record = scratch.record('Scatter', {
      rows,
      dim: target.dim,
      count,
      block: BLOCK,
      first,
      panels: target.panels,
      bias: target.bias,
      halfNorm: options.halfNorm ? 1 : 0,
      dropZero: options.dropZero ? 1 : 0,
    })
    await engine.run(
      { kernel: 'scatterRows', record, count: Math.ceil(count / BLOCK) },
      { cost: count * target.dim * 24, ...run },
    )
  })
}
