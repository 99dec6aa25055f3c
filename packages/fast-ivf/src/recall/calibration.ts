import { normalCdf } from '../ivf/confidence.js'
import type { Contents } from '../ivf/contents.js'
import type { Rescore } from '../ivf/rows.js'
import { canReadVectors } from '../ivf/vectors.js'
import { type Curve, THRESHOLDS } from './curve.js'
import { MOST_CELLS, WAVES } from './observe.js'
import { BINS, rankBins, type Table } from './table.js'

/** What calibration found of an index: how a recall is had with the least work. Never changed. */
export interface Calibration {
  /** nlist: mean squared distance of a cell's vectors from its centroid. */
  readonly spreads: Float32Array
  /** By k, ascending. */
  readonly rules: readonly Rules[]
  /** Queries that the curves were followed with. */
  readonly queries: number
  /** How likely it is that queries like these find, on average, at least what they ask for. */
  readonly confidence: number
  /** Vectors there were. */
  readonly size: number
}

/** How the k nearest are found. */
export interface Rules {
  readonly k: number
  /** Ways to rescore, each surer than the one before, and what each costs. */
  readonly levels: readonly Level[]
  /** Share of the neighbours that are in the nearest cells: one, two, … of them. */
  readonly byRank: Float32Array
  /** Per wave (of WAVES) a table, and what comes of it. */
  readonly variants: readonly { readonly wave: number; readonly table: Table; readonly curve: Curve }[]
}

/** A way to rescore. */
export interface Level {
  readonly rescore: Rescore
  /** Candidates compared exactly per query. */
  readonly compared: number
  /** Recall when every cell is visited, and its standard deviation. */
  readonly recall: number
  readonly deviation: number
}

/** Which cells are visited. */
export interface ByTable {
  readonly variant: Rules['variants'][number]
  /** Which of THRESHOLDS. */
  readonly step: number
  /** Which of the levels. */
  readonly level: number
  /** Cells that each query would have to visit for the same. */
  readonly fixed: number
}

/** How a recall is had. */
export interface Choice {
  readonly level: Level
  /**
   * Queries are compared with all vectors themselves: of codes a batch only, where these find enough, since for a few
   * queries it takes longer to read the vectors.
   */
  readonly exact: 'never' | 'batches' | 'always'
  /** Undefined: every cell is visited. */
  readonly by: ByTable | undefined
  readonly k: number
  /** Mean recall on the queries of calibration, and its standard error. */
  readonly recall: number
  readonly error: number
  /** Vectors scored per query. */
  readonly vectors: number
  readonly cells: number
}

/** Comparing a candidate exactly takes as long as so many multiply-adds per component. */
const FETCH = 4
/** Comparing with everything takes this part of the time per vector: nothing is chosen, and groups are whole… */
const WHOLE = 0.59
/** …beside codes, which with what is compared of them take at least this part of the time of vectors. */
const CODES = 0.75

/** How long the arrays of a calibration are: `byRank`, the shares of a table, those of a curve. `waves`: in which cells there are. */
export function sizesOf(nlist: number): { ranks: number; shares: number; steps: number; waves: readonly number[] } {
  const ranks = Math.min(nlist, MOST_CELLS)
  const shares = ((rankBins(ranks).at(-1) as number) + 1) * BINS
  return { ranks, shares, steps: THRESHOLDS.length, waves: WAVES.filter((wave) => wave <= nlist) }
}

/** The rules that serve k: those of the least k that is not less. */
export function rulesFor({ rules }: Calibration, k: number): Rules | undefined {
  return rules.find((one) => one.k >= k)
}

/** The way to this recall that takes the least work; undefined when it cannot be had. */
export function choose(
  { model, size }: Contents,
  calibration: Calibration,
  rules: Rules,
  target: number,
): Choice | undefined {
  const { queries, confidence } = calibration
  const { quantizer, dim, nlist } = model
  const readable = canReadVectors(model)
  const margin = quantileOf(confidence) / Math.sqrt(Math.max(1, queries))
  const sure = (recall: number, deviation: number): boolean => recall - margin * deviation >= target
  const costOf = (vectors: number, { compared }: Level, groups = 1): number =>
    vectors * quantizer.scan.cost * groups + Math.min(compared, vectors) * dim * FETCH
  let best: Choice | undefined
  let least = Number.POSITIVE_INFINITY
  const offer = (cost: number, choice: Choice): void => {
    if (cost >= least) return
    least = cost
    best = choice
  }
  // What is measured is scaled to what is there now.
  const grown = size / Math.max(1, calibration.size)
  const fixed = (recall: number, level: Level): number => {
    const nprobe = rules.byRank.findIndex((share) => share * level.recall >= recall)
    return nprobe < 0 ? nlist : nprobe + 1
  }
  for (const [i, level] of rules.levels.entries()) {
    // That nothing was missed so far does not mean that nothing ever is: all is found where all is visited.
    for (const variant of target < 1 ? rules.variants : []) {
      const { recall, deviation, vectors, cells } = variant.curve
      const [means, spreads] = [recall[i] as Float32Array, deviation[i] as Float32Array]
      const step = means.findIndex((mean, j) => sure(mean, spreads[j] as number))
      if (step < 0) continue
      offer(costOf((vectors[step] as number) * grown, level), {
        ...{
          exact: 'never',
          level,
          by: { variant, step, level: i, fixed: fixed(means[step] as number, level) },
          k: rules.k,
          recall: means[step] as number,
        },
        error: (spreads[step] as number) / Math.sqrt(queries),
        vectors: (vectors[step] as number) * grown,
        cells: cells[step] as number,
      })
    }
    if (readable || !sure(level.recall, level.deviation)) continue
    offer(costOf(size, level, WHOLE), {
      ...{
        exact: 'never',
        level,
        by: undefined,
        k: rules.k,
        recall: level.recall,
        error: level.deviation / Math.sqrt(queries),
      },
      ...{ vectors: size, cells: nlist },
    })
  }
  const [first] = rules.levels
  if (readable && first) {
    const enough = rules.levels.find(({ recall, deviation }) => sure(recall, deviation))
    const exact = model.exact || !enough ? 'always' : 'batches'
    const whole = {
      exact,
      level: enough ?? first,
      by: undefined,
      k: rules.k,
      recall: enough?.recall ?? 1,
      error: 0,
    } as const
    const { cost } = quantizer.scan
    offer((size * dim * WHOLE * cost) / Math.max(cost, CODES * dim), { ...whole, vectors: size, cells: nlist })
  }
  return best
}

/** The most that may be asked for. */
export function highest({ model }: Contents, { queries, confidence }: Calibration, { levels }: Rules): number {
  if (canReadVectors(model)) return 1
  const margin = quantileOf(confidence) / Math.sqrt(Math.max(1, queries))
  return Math.max(...levels.map(({ recall, deviation }) => recall - margin * deviation))
}

/** The threshold of a choice, and how the table's expectation becomes recall. */
export function ruleNumbers({ by }: Choice): {
  wave: number
  threshold: number
  most: number
  scale: number
  tail: number
  cells: number
} {
  if (!by) throw new Error('every cell is visited')
  const { variant, step, level } = by
  const { told, recall, most, tail, cells } = variant.curve
  return {
    wave: WAVES[variant.wave] as number,
    threshold: THRESHOLDS[step] as number,
    most: most[step] as number,
    scale: ((recall[level] as Float32Array)[step] as number) / Math.max(1e-6, told[step] as number),
    tail: tail[step] as number,
    cells: cells[step] as number,
  }
}

/** x for which a standard normal variable is below x with this probability, to 1e-6 (by halving). */
export function quantileOf(probability: number): number {
  let [low, high] = [-8, 8]
  for (let i = 0; i < 48; i++) {
    const middle = (low + high) / 2
    if (normalCdf(middle) < probability) low = middle
    else high = middle
  }
  return (low + high) / 2
}
