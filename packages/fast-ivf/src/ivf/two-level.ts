import type { AssignRows } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import type { LongCallOptions, Metric } from '../options.js'
import type { ChooseCells, QueryRows } from './choose.js'
import { type CoarseIndex, type CoarsePlan, indexCentroids, nearestCentroids } from './coarse.js'
import type { Cells, Finding } from './finding.js'
import { Held } from './held.js'

/** Of the centroids, those of super-cells counted in, a query is compared with so many. */
const COMPARED = 0.18
/** The share of the super-cells that hold them at most: far from everything they are small. */
const VISITED = 1 / 4
/** Of a vector, which wants one cell only, and at least so many. */
const ASSIGNED = { share: 1 / 32, least: 16 }
/** Codes of centroids err by less than a hundredth: so many more than wanted are compared exactly. */
const SPARE = { choose: 8, assign: 3 }
/** Comparing all takes less time, or finds more, with fewer cells per cell that is wanted. */
const WORTH = { codes: 32, twoLevel: 64 }
/** Queries whose cells are found at a time. */
const QUERIES = 8192

/** Super-cells: small ones, so that few centroids are compared beside the nearest. */
export function superCells(nlist: number): number {
  return Math.ceil(4 * Math.sqrt(nlist))
}

/**
 * Chooses cells as vectors are found: by 8-bit codes of the centroids, all in one cell, the best compared exactly. A
 * quarter of the bytes, and of the time; which cells are visited hardly ever differs.
 */
export async function byCodes(
  engine: Engine,
  held: Held,
  { metric, dim, rows }: Cells,
  all: ChooseCells,
  options: LongCallOptions,
): Promise<ChooseCells> {
  const index = await indexCentroids(engine, held, { metric, dim, rows, cells: 1, share: 1, codes: true }, options)
  return choosing(engine, async () => index, { metric, dim, nprobe: 1, most: rows.length / dim / WORTH.codes }, all)
}

/** How many super-cells there are, and which share of the centroids a query is compared with. */
export interface TwoLevels {
  readonly supers?: number
  readonly share?: number
}

/**
 * Centroids are found in the nearest super-cells, vectors' as well as queries'. These are made when they are needed
 * first: an index that is opened need not wait for them.
 */
export function inTwoLevels(
  engine: Engine,
  held: Held,
  { metric, dim, rows, exact }: Cells,
  all: Finding,
  { supers = superCells(rows.length / dim), share = COMPARED - (supers * dim) / rows.length }: TwoLevels = {},
): Finding {
  const indexed = (metric: Metric) =>
    once(() => heldBy(engine, held, { metric, dim, rows, cells: supers, share, codes: !exact }))
  const index = indexed(metric)
  const part = (of: number): number => Math.ceil(supers * of)
  const choose = { metric, dim, nprobe: part(VISITED), most: rows.length / dim / WORTH.twoLevel }
  const near = Math.min(supers, Math.max(ASSIGNED.least, part(ASSIGNED.share)))
  return {
    choose: choosing(engine, index, choose, all.choose),
    // Vectors belong to the nearest centroid, for inner products too.
    assign: assigning(engine, metric === 'ip' ? indexed('l2') : index, dim, near, all.assign),
  }
}

/** A coarse index that goes with `held`; of one that fails nothing is left. */
async function heldBy(engine: Engine, held: Held, plan: CoarsePlan): Promise<CoarseIndex> {
  const own = new Held(engine)
  try {
    const index = await indexCentroids(engine, own, plan, {})
    held.adopt(own)
    return index
  } catch (error) {
    own.release()
    throw error
  }
}

/** What is made at the first call, for all; after a failure it is tried again. */
function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => {
    made ??= make().catch((error: unknown) => {
      made = undefined
      throw error
    })
    return made
  }
}

interface Choosing {
  metric: Metric
  dim: number
  /** Super-cells visited. */
  nprobe: number
  /** Cells of a query, with those to spare, beyond which all centroids are compared. */
  most: number
}

function choosing(
  engine: Engine,
  indexed: () => Promise<CoarseIndex>,
  { metric, dim, nprobe, most }: Choosing,
  all: ChooseCells,
): ChooseCells {
  return async (scratch, queries, wanted, options) => {
    const spare = SPARE.choose
    if (wanted + spare > most) return all(scratch, queries, wanted, options)
    const index = await indexed()
    const { nq } = queries
    let compared = 0
    const [cells, distances] = [new Uint32Array(nq * wanted), new Float32Array(nq * wanted)]
    for (let from = 0; from < nq; from += QUERIES) {
      const some = partOf(queries, from, Math.min(nq, from + QUERIES), dim)
      await engine.frame(async (own) => {
        const found = await nearestCentroids(own, index, some, { k: wanted, spare, nprobe }, options)
        if (engine.ints(found.counts, some.nq).some((count) => count < wanted)) {
          const whole = await all(own, some, wanted, options)
          cells.set(whole.cells, from * wanted)
          distances.set(whole.distances, from * wanted)
          compared += whole.compared
          return
        }
        compared += found.compared
        const norms = engine.floats(some.norms, some.nq)
        for (let q = 0; q < some.nq; q++) {
          const [heap, at] = [found.heaps + q * found.places * 8, (from + q) * wanted]
          cells.set(engine.ints(heap + found.places * 4, wanted), at)
          distances.set(engine.floats(heap, wanted), at)
          if (metric !== 'l2') continue
          // Exact distances of l2 are whole squares.
          for (let i = at; i < at + wanted; i++) {
            distances[i] = ((distances[i] as number) - (norms[q] as number)) / 2
          }
        }
      })
    }
    return { cells, distances, compared }
  }
}

/** Gives rows to the nearest centroid of those in the nearest super-cells. */
function assigning(
  engine: Engine,
  indexed: () => Promise<CoarseIndex>,
  dim: number,
  nprobe: number,
  all: AssignRows,
): AssignRows {
  return async ({ rows, count }, labels, options) => {
    const index = await indexed()
    for (let from = 0; from < count; from += QUERIES) {
      const nq = Math.min(QUERIES, count - from)
      const [block, to] = [rows + from * dim * 4, labels + from * 4]
      await engine.frame(async (own) => {
        // Which is nearest does not depend on the norms.
        const some = { rows: block, norms: own.zeros(nq), nq }
        const wanted = { k: 1, spare: SPARE.assign, nprobe }
        const { heaps, places, counts } = await nearestCentroids(own, index, some, wanted, options)
        if (engine.ints(counts, nq).includes(0)) return all({ rows: block, count: nq }, to, options)
        const found = engine.ints(heaps, nq * places * 2)
        const cells = engine.ints(to, nq)
        for (let q = 0; q < nq; q++) cells[q] = found[(2 * q + 1) * places] as number
      })
    }
  }
}

function partOf({ rows, norms }: QueryRows, from: number, to: number, dim: number): QueryRows {
  return { rows: rows + from * dim * 4, norms: norms + from * 4, nq: to - from }
}
