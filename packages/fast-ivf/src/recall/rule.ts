import { lanesOf } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { AskedRows, StoppingRule } from '../ivf/rows.js'
import type { Search } from '../ivf/scan.js'
import type { Probes } from '../ivf/visits.js'
import type { Metric } from '../options.js'
import { type Choice, ruleNumbers } from './calibration.js'
import { type FartherProbes, lookFarther, merge } from './farther.js'
import type { CellShapes } from './nearness.js'
import { BINS, rankBins } from './table.js'

export interface RuleSettings {
  metric: Metric
  shapes: CellShapes
  /** Heaps hold exact distances: of l2 whole squares. */
  exact: boolean
}

const FORMS = { l2: 0, cosine: 1, ip: 2 } as const
/** Who needs to look farther looks so many times as far. */
const FARTHER = 4
/** Multiply-adds that take as long as looking at a cell. */
const LOOK = 24

/** A rule that can tell why it decides as it does. */
export interface RecallRule extends StoppingRule {
  /** Cells that are looked at, at most. */
  readonly most: number
  /** Cells that are chosen of each query at first: most queries need no more. */
  readonly usual: number
  /** A cell behind the wave is visited if it is expected to hold at least this share of the neighbours. */
  readonly threshold: number
  /** `tell` is given the share that each chosen cell is expected to hold, NaN where none is looked at: nq × nprobe. */
  decide(
    search: Search,
    probes: Probes,
    asked: AskedRows,
    options: RunOptions,
    tell?: (shares: Float32Array) => void,
  ): ReturnType<StoppingRule['decide']>
}

/** What was decided of each query. */
interface Decided {
  expected: Float32Array
  /** 1 where more cells should be looked at. */
  open: Uint32Array
  /** The k-th nearest so far. */
  limits: Float32Array
}

/** Visits, behind the nearest cells, those that hold at least a threshold's share of the neighbours, by the table. */
export function ruleOf(choice: Choice, { metric, shapes, exact }: RuleSettings): RecallRule {
  const { wave, threshold, most, scale, tail, cells } = ruleNumbers(choice)
  const { low, step, shares } = (choice.by as NonNullable<Choice['by']>).variant.table
  const { k, vectors } = choice
  // A few cells more take little time; choosing twice takes much.
  const mean = Math.max(wave, cells)
  const usual = Math.min(most, Math.ceil(Math.min(4 * mean + 24, 1.5 * mean + 52)))
  return { wave, k, vectors, most, usual, threshold, decide }

  async function decide(
    search: Search,
    probes: Probes,
    asked: AskedRows,
    options: RunOptions,
    tell?: (shares: Float32Array) => void,
  ): ReturnType<StoppingRule['decide']> {
    const { scratch } = search
    const { expected, open, limits } = await run(scratch, search, probes, undefined, options, tell)
    let which = Uint32Array.from(open.keys()).filter((q) => open[q])
    const parts: FartherProbes[] = []
    for (let nprobe = probes.nprobe; which.length > 0 && nprobe < most; ) {
      nprobe = Math.min(most, FARTHER * nprobe)
      await scratch.engine.frame(async (own) => {
        const farther = await lookFarther(own, probes, wave, asked, which, nprobe, options)
        const again = await run(own, search, farther, limits, options, undefined, which)
        which.forEach((q, i) => {
          expected[q] = again.expected[i] as number
        })
        parts.push({ probes: farther, which })
        which = which.filter((_, i) => again.open[i])
      })
    }
    return { probes: merge(probes, parts), expected }
  }

  /** `limits`: as they were told before, of all queries; `which`: those that the probes are of. */
  function run(
    scratch: Scratch,
    { heaps, k: places }: Search,
    { nq, nprobe, cells, distances, used, norms, lengths }: Probes,
    limits: Float32Array | undefined,
    { signal }: RunOptions,
    tell?: (shares: Float32Array) => void,
    which?: Uint32Array,
  ): Promise<Decided> {
    const { engine } = scratch
    return engine.frame(async (own) => {
      const place = (numbers: Float32Array | Uint32Array): number => {
        const at = own.alloc(Math.max(4, numbers.byteLength))
        if (numbers instanceof Float32Array) engine.floats(at, numbers.length).set(numbers)
        else engine.ints(at, numbers.length).set(numbers)
        return at
      }
      const bins = own.alloc(nprobe)
      new Uint8Array(engine.memory.buffer, bins, nprobe).set(rankBins(nprobe))
      const known = limits && which?.length ? Float32Array.from(which, (q) => limits[q] as number) : undefined
      const at = {
        ...{ cells: place(cells), distances: place(distances), used: place(used) },
        ...{ expected: own.alloc(nq * 4), open: own.alloc(nq * 4), limits: known ? place(known) : own.alloc(nq * 4) },
        told: tell ? own.alloc(nq * nprobe * 4) : 0,
      }
      if (tell) engine.floats(at.told, nq * nprobe).fill(Number.NaN)
      const cost = nq * nprobe * LOOK
      const record = own.record('Decide', {
        ...at,
        ...{ heaps, places, wanted: k, known: known ? 1 : 0 },
        ...{ nprobe, bins, columns: BINS, low, step, wave, threshold, scale, tail },
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
      tell?.(engine.floats(at.told, nq * nprobe).slice())
      return {
        expected: engine.floats(at.expected, nq).slice(),
        open: engine.ints(at.open, nq).slice(),
        limits: engine.floats(at.limits, nq).slice(),
      }
    })
  }
}
