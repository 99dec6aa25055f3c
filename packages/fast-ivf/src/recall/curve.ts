import type { Metric } from '../options.js'
import { NONE } from './held-out.js'
import type { CellShapes } from './nearness.js'
import { nearnessOf, type Observed, WAVES } from './observe.js'
import { BINS, binOf, rankBins, type Table } from './table.js'

/** Thresholds of a cell's expected share, from which on it is visited: falling, so that work and recall rise. */
export const THRESHOLDS: readonly number[] = Array.from({ length: 192 }, (_, i) => 10 ** (-6.5 * (i / 191)))

/** What searching by a table comes to at each threshold, on average over queries it has not seen. */
export interface Curve {
  /** Vectors scored per query. */
  readonly vectors: Float32Array
  /** Cells visited per query. */
  readonly cells: Float32Array
  /** Cells that are chosen for a query, so that hardly one is missed; rises. */
  readonly most: Float32Array
  /** The recall that a search by the table expects. */
  readonly told: Float32Array
  /** What share of the neighbours the table expects beyond `most`. */
  readonly tail: Float32Array
  /** Of each way to rescore: the recall, and how it varies from query to query (standard deviation). */
  readonly recall: readonly Float32Array[]
  readonly deviation: readonly Float32Array[]
}

/** Of the cells visited, so many may be beyond those that are chosen. */
const MISSED = 1e-2

export interface CurveSettings {
  metric: Metric
  shapes: CellShapes
  /** Vectors of each cell. */
  sizes: ArrayLike<number>
  /** Which of WAVES. */
  wave: number
  k: number
  /** True neighbours that are known of each query; at least k. */
  places: number
  /** Of each way to rescore: nq × places, 1 where a neighbour is found once its cell is visited. */
  kept: readonly Uint8Array[]
}

/** Follows queries from … to through all thresholds, as `ruleOf` searches with them. */
export function followCurve(
  observed: Observed,
  table: Table,
  [from, to]: readonly [number, number],
  settings: CurveSettings,
): Curve {
  const { sizes, wave, k, places, kept } = settings
  const { ranks, cells, found } = observed
  const steps = THRESHOLDS.length
  const seen = sharesSeen(observed, table, settings)
  const queries: { q: number; neighbours: Uint32Array; wanted: number }[] = []
  for (let q = from; q < to; q++) {
    const neighbours = found.subarray(q * places, q * places + k)
    const wanted = neighbours.reduce((sum, rank) => sum + (rank === NONE ? 0 : 1), 0)
    if (wanted > 0) queries.push({ q, neighbours, wanted })
  }
  const counted = Math.max(1, queries.length)
  const { most, tail } = reachOf(
    queries.map(({ q }) => q),
    seen,
    Math.min(WAVES[wave] as number, ranks),
    ranks,
  )
  // What is not chosen is not visited, however near.
  const opens = Uint32Array.from({ length: ranks }, (_, rank) => firstOf(most, (chosen) => chosen > rank))
  const entered = new Uint32Array(ranks)
  const upTo = new Float64Array(ranks + 1)
  const sums = { vectors: zeros(), cells: zeros(), told: zeros() }
  const recall = kept.map(zeros)
  const squares = kept.map(zeros)
  const own = { vectors: zeros(), cells: zeros(), inside: zeros(), hits: kept.map(zeros) }
  for (const { q, neighbours, wanted } of queries) {
    for (const list of [own.vectors, own.cells, own.inside, ...own.hits]) list.fill(0)
    const { shares, enters } = seen(q)
    for (let rank = 0; rank < ranks; rank++) {
      const share = shares[rank] as number
      upTo[rank + 1] = (upTo[rank] as number) + share
      const step = Math.max(enters[rank] as number, opens[rank] as number)
      entered[rank] = step
      if (step >= steps) continue
      own.vectors[step] = (own.vectors[step] as number) + (sizes[cells[q * ranks + rank] as number] as number)
      own.cells[step] = (own.cells[step] as number) + 1
      own.inside[step] = (own.inside[step] as number) + share
    }
    for (const [i, rank] of neighbours.entries()) {
      if (rank >= ranks) continue
      const step = entered[rank] as number
      if (step >= steps) continue
      for (const [level, hits] of own.hits.entries()) {
        hits[step] = (hits[step] as number) + ((kept[level] as Uint8Array)[q * places + i] as number) / wanted
      }
    }
    addUp(own.vectors, (all, step) => add(sums.vectors, step, all))
    addUp(own.cells, (all, step) => add(sums.cells, step, all))
    addUp(own.inside, (all, step) => {
      const looked = (upTo[most[step] as number] as number) + (tail[step] as number)
      add(sums.told, step, looked > 0 ? Math.min(1, all / looked) : 0)
    })
    for (const [level, hits] of own.hits.entries()) {
      addUp(hits, (all, step) => {
        add(recall[level] as Float64Array, step, all)
        add(squares[level] as Float64Array, step, all * all)
      })
    }
  }
  const mean = (list: Float64Array): Float32Array => Float32Array.from(list, (sum) => sum / counted)
  const means = recall.map(mean)
  return {
    ...{ vectors: mean(sums.vectors), cells: mean(sums.cells), told: mean(sums.told), most, tail, recall: means },
    deviation: squares.map((list, level) =>
      Float32Array.from(list, (sum, i) =>
        Math.sqrt(Math.max(0, sum / counted - ((means[level] as Float32Array)[i] as number) ** 2)),
      ),
    ),
  }
}

/** What a query is expected to have in each cell, and the first threshold at which it visits that; overwritten by the next. */
type SharesSeen = (q: number) => { shares: Float32Array; enters: Uint32Array }

function sharesSeen(observed: Observed, table: Table, { metric, shapes, wave, k, places }: CurveSettings): SharesSeen {
  const { ranks } = observed
  const first = Math.min(WAVES[wave] as number, ranks)
  const bins = rankBins(ranks)
  const step = stepsOf(table)
  const z = new Float64Array(ranks)
  const [shares, enters] = [new Float32Array(ranks), new Uint32Array(ranks)]
  return (q) => {
    nearnessOf(observed, metric, shapes, q, wave, { k, places }, z)
    for (let rank = 0; rank < ranks; rank++) {
      const at = (bins[rank] as number) * BINS + binOf(table, z[rank] as number)
      shares[rank] = table.shares[at] as number
      enters[rank] = rank < first ? 0 : (step[at] as number)
    }
    return { shares, enters }
  }
}

/** How many cells must be chosen for a query at each threshold, at least those of the wave, and what is beyond them. */
function reachOf(
  queries: readonly number[],
  seen: SharesSeen,
  wave: number,
  ranks: number,
): { most: Float32Array; tail: Float32Array } {
  const farthest = THRESHOLDS.map(() => new Uint32Array(ranks + 1))
  const mass = new Float64Array(ranks)
  for (const q of queries) {
    const { shares, enters } = seen(q)
    for (let rank = 0; rank < ranks; rank++) {
      mass[rank] = (mass[rank] as number) + (shares[rank] as number)
      const far = farthest[enters[rank] as number]
      if (far) far[rank] = (far[rank] as number) + 1
    }
  }
  let widest = wave
  const most = mostOf(farthest).map((one) => {
    widest = Math.max(widest, one)
    return widest
  })
  const beyond = (rank: number): number =>
    mass.subarray(rank).reduce((sum, one) => sum + one, 0) / Math.max(1, queries.length)
  return { most, tail: most.map(beyond) }
}

const zeros = (): Float64Array => new Float64Array(THRESHOLDS.length)

/** The first threshold that each share of the table reaches. */
function stepsOf({ shares }: Table): Uint16Array {
  return Uint16Array.from(shares, (share) => firstOf(THRESHOLDS, (threshold) => share >= threshold))
}

/** The first place of which this is so; behind the last when there is none. */
function firstOf(list: ArrayLike<number>, holds: (value: number) => boolean): number {
  let i = 0
  while (i < list.length && !holds(list[i] as number)) i++
  return i
}

/** Tells what has been gathered up to each threshold. */
function addUp(own: Float64Array, tell: (all: number, step: number) => void): void {
  let all = 0
  for (let step = 0; step < own.length; step++) {
    all += own[step] as number
    tell(all, step)
  }
}

function add(sums: Float64Array, at: number, more: number): void {
  sums[at] = (sums[at] as number) + more
}

/** Of each threshold: beyond which rank hardly a visited cell lies. */
function mostOf(farthest: readonly Uint32Array[]): Float32Array {
  const ranks = (farthest[0] as Uint32Array).length
  const visited = new Uint32Array(ranks)
  return Float32Array.from(farthest, (own) => {
    let all = 0
    for (let rank = 0; rank < ranks; rank++) {
      visited[rank] = (visited[rank] as number) + (own[rank] as number)
      all += visited[rank] as number
    }
    let beyond = 0
    let rank = ranks
    while (rank > 1 && beyond + (visited[rank - 1] as number) <= MISSED * all) beyond += visited[--rank] as number
    return rank
  })
}
