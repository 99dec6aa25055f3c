import { lanesOf } from '../clustering/nearest.js'
import type { RunOptions } from '../engine/executor.js'
import type { StoppingRule } from '../ivf/rows.js'
import type { Search } from '../ivf/scan.js'
import type { Probes } from '../ivf/visits.js'
import type { Metric } from '../options.js'
import { type Choice, ruleNumbers } from './calibration.js'
import type { CellShapes } from './nearness.js'
import { BINS, rankBins } from './table.js'

export interface RuleSettings {
  metric: Metric
  shapes: CellShapes
  /** Heaps hold exact distances: of l2 whole squares. */
  exact: boolean
}

const FORMS = { l2: 0, cosine: 1, ip: 2 } as const
/** Multiply-adds that take as long as looking at a cell. */
const LOOK = 24

/** A rule that can tell why it decides as it does. */
export interface RecallRule extends StoppingRule {
  /** Cells that must be chosen of each query. */
  readonly most: number
  /** A cell behind the wave is visited if it is expected to hold at least this share of the neighbours. */
  readonly threshold: number
  /** `tell` is given the share that each chosen cell is expected to hold: nq × nprobe, as far as they are used. */
  decide(
    search: Search,
    probes: Probes,
    options: RunOptions,
    tell?: (shares: Float32Array) => void,
  ): Promise<Float32Array>
}

/** Visits, behind the nearest cells, those that hold at least a threshold's share of the neighbours, by the table. */
export function ruleOf(choice: Choice, { metric, shapes, exact }: RuleSettings): RecallRule {
  const { wave, threshold, most, scale, tail } = ruleNumbers(choice)
  const { low, step, shares } = (choice.by as NonNullable<Choice['by']>).variant.table
  const { k, vectors } = choice
  return { wave, k, vectors, most, threshold, decide }

  async function decide(
    { scratch, heaps, k: places }: Search,
    { nq, nprobe, cells, distances, used, norms, lengths }: Probes,
    { signal }: RunOptions,
    tell?: (shares: Float32Array) => void,
  ): Promise<Float32Array> {
    const { engine } = scratch
    return engine.frame(async (own) => {
      const place = (numbers: Float32Array | Uint32Array): number => {
        const at = own.alloc(numbers.byteLength)
        if (numbers instanceof Float32Array) engine.floats(at, numbers.length).set(numbers)
        else engine.ints(at, numbers.length).set(numbers)
        return at
      }
      const bins = own.alloc(nprobe)
      new Uint8Array(engine.memory.buffer, bins, nprobe).set(rankBins(nprobe))
      const at = { cells: place(cells), distances: place(distances), used: place(used), expected: own.alloc(nq * 4) }
      const told = tell ? own.alloc(nq * nprobe * 4) : 0
      const cost = nq * nprobe * LOOK
      const record = own.record('Decide', {
        ...at,
        told,
        ...{ heaps, places, wanted: k, nprobe, bins, columns: BINS, low, step, wave, threshold, scale, tail },
        ...{
          norms: place(norms),
          lengths: place(lengths),
          spreads: place(shapes.spreads),
          centroids: place(shapes.norms),
          shares: place(shares),
        },
        ...{ form: FORMS[metric], whole: exact ? 1 : 0 },
        ...lanesOf(own, cost, k * 4),
      })
      await engine.run({ kernel: 'decideCells', record, count: nq }, { cost, signal })
      cells.set(engine.ints(at.cells, cells.length))
      distances.set(engine.floats(at.distances, distances.length))
      used.set(engine.ints(at.used, nq))
      tell?.(engine.floats(told, nq * nprobe).slice())
      return engine.floats(at.expected, nq).slice()
    })
  }
}
