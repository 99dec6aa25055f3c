import type { Metric } from '../options.js'
import { NONE } from './held-out.js'
import type { CellShapes } from './nearness.js'
import { nearnessOf, type Observed, WAVES } from './observe.js'
import { follow } from './patience.js'
import { rankBins, shareAt, type Table } from './table.js'

const STEPS = 256
/** Thresholds fall to this: hardly any neighbour is beyond. */
const LAST = 1e-6

/** Thresholds of a cell's expected share, from which on it is visited: falling, so that work and recall rise. */
export const THRESHOLDS: readonly number[] = Array.from({ length: STEPS }, (_, step) =>
  Math.fround(LAST ** (step / (STEPS - 1))),
)

const SCALE = (STEPS - 1) / Math.log(LAST)

/** The first threshold that a share reaches; STEPS where there is none. */
function stepOf(share: number): number {
  if (!(share >= (THRESHOLDS[STEPS - 1] as number))) return STEPS
  const step = Math.max(0, Math.ceil(Math.log(share) * SCALE))
  // What rounding has moved by one is moved back.
  if (share < (THRESHOLDS[step] as number)) return step + 1
  return step > 0 && share >= (THRESHOLDS[step - 1] as number) ? step - 1 : step
}

/** What searching by a table comes to at each threshold, on average over queries it has not seen. */
export interface Curve {
  /** Vectors scored per query. */
  readonly vectors: Float32Array
  /** Cells visited per query. */
  readonly cells: Float32Array
  /** Cells that must be chosen for a query, so that hardly one is missed. */
  readonly most: Float32Array
  /** The recall that a search expects by the table. */
  readonly told: Float32Array
  /** What the table expects in cells that are not looked at, as a part of what it expects in those not visited. */
  readonly tail: Float32Array
  /** Of each way to rescore: the recall, and how it varies from query to query (standard deviation). */
  readonly recall: readonly Float32Array[]
  readonly deviation: readonly Float32Array[]
}

/** Share of the neighbours that is no more than rounding. */
const LITTLE = 1e-5
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

/** Follows queries from … to through all thresholds. */
export function followCurve(
  observed: Observed,
  table: Table,
  [from, to]: readonly [number, number],
  { metric, shapes, sizes, wave, k, places, kept }: CurveSettings,
): Curve {
  const { ranks, cells, found, again } = observed
  const first = Math.min(WAVES[wave] as number, ranks)
  const bins = rankBins(ranks)
  const steps = THRESHOLDS.length
  const z = new Float64Array(ranks)
  const [shares, worth] = [new Float64Array(ranks), new Int32Array(ranks)]
  const followed = { enters: new Int32Array(ranks), looked: new Int32Array(steps) }
  const sums = { vectors: zeros(), cells: zeros(), told: zeros(), inside: zeros(), within: zeros() }
  const recall = kept.map(zeros)
  const squares = kept.map(zeros)
  const farthest = Array.from({ length: steps }, () => new Uint32Array(ranks + 1))
  const own = { vectors: zeros(), cells: zeros(), told: zeros(), hits: kept.map(zeros) }
  const seen: Seen[] = []
  let all = 0
  for (let q = from; q < to; q++) {
    const neighbours = found.subarray(q * places, q * places + k)
    const wanted = neighbours.reduce((sum, rank) => sum + (rank === NONE ? 0 : 1), 0)
    if (wanted === 0) continue
    for (const list of [own.vectors, own.cells, own.told, ...own.hits]) list.fill(0)
    look(q)
    const upTo = new Float64Array(ranks + 1)
    for (let rank = 0; rank < ranks; rank++) {
      const share = shares[rank] as number
      upTo[rank + 1] = (upTo[rank] as number) + share
      const enters = followed.enters[rank] as number
      if (enters >= steps) continue
      add(own.vectors, enters, sizes[cells[q * ranks + rank] as number] as number)
      add(own.cells, enters, 1)
      add(own.told, enters, share)
      const far = farthest[enters] as Uint32Array
      far[rank] = (far[rank] as number) + 1
    }
    for (const [i, rank] of neighbours.entries()) {
      if (rank === NONE) continue
      const second = again[q * places + i] as number
      // It is met in whichever of its cells is visited first.
      const enters = Math.min(
        rank < ranks ? (followed.enters[rank] as number) : steps,
        second < ranks ? (followed.enters[second] as number) : steps,
      )
      if (enters >= steps) continue
      for (const [level, hits] of own.hits.entries()) {
        add(hits, enters, ((kept[level] as Uint8Array)[q * places + i] as number) / wanted)
      }
    }
    const inside = new Float64Array(steps)
    addUp(own.vectors, (sum, step) => add(sums.vectors, step, sum))
    addUp(own.cells, (sum, step) => add(sums.cells, step, sum))
    addUp(own.told, (sum, step) => {
      inside[step] = sum
      add(sums.inside, step, sum)
    })
    for (const [level, hits] of own.hits.entries()) {
      addUp(hits, (sum, step) => {
        add(recall[level] as Float64Array, step, sum)
        add(squares[level] as Float64Array, step, sum * sum)
      })
    }
    all += upTo[ranks] as number
    seen.push({ upTo, inside, looked: Uint16Array.from(followed.looked) })
  }
  const counted = Math.max(1, seen.length)
  const mean = (list: Float64Array): Float32Array => Float32Array.from(list, (sum) => sum / counted)
  const means = recall.map(mean)
  const most = mostOf(farthest)
  /** What is expected of all that a search looks at. */
  const within = ({ upTo, looked }: Seen, step: number): number =>
    upTo[Math.min(looked[step] as number, most[step] as number)] as number
  for (const one of seen) for (let step = 0; step < steps; step++) add(sums.within, step, within(one, step))
  const tail = most.map((_, step) => {
    const left = (sums.within[step] as number) - (sums.inside[step] as number)
    // Of next to nothing no part can be told.
    return left > LITTLE * counted ? Math.max(0, all - (sums.within[step] as number)) / left : 0
  })
  for (const one of seen) {
    for (let step = 0; step < steps; step++) {
      const inside = one.inside[step] as number
      const outside = Math.max(0, within(one, step) - inside)
      if (inside > 0) add(sums.told, step, inside / (inside + outside * (1 + (tail[step] as number))))
    }
  }
  return {
    ...{ vectors: mean(sums.vectors), cells: mean(sums.cells), told: mean(sums.told), most, tail },
    recall: means,
    deviation: squares.map((list, level) =>
      Float32Array.from(list, (sum, i) =>
        Math.sqrt(Math.max(0, sum / counted - ((means[level] as Float32Array)[i] as number) ** 2)),
      ),
    ),
  }

  /** What a query is expected to have in each cell, and the first threshold at which that is visited. */
  function look(q: number): void {
    nearnessOf(observed, metric, shapes, q, wave, { k, places }, z)
    for (let rank = 0; rank < ranks; rank++) {
      const share = shareAt(table, bins[rank] as number, z[rank] as number)
      shares[rank] = share
      worth[rank] = rank < first ? 0 : stepOf(share)
    }
    follow(worth, steps, followed)
  }
}

/** A query at each threshold. */
interface Seen {
  /** What is expected of its nearest cells: none, one, two, … of them. */
  upTo: Float64Array
  /** What is expected of those that it visits. */
  inside: Float64Array
  /** Cells that it looks at. */
  looked: Uint16Array
}

const zeros = (): Float64Array => new Float64Array(THRESHOLDS.length)

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
