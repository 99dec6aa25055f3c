import type { Queries } from '../ivf/choose.js'
import type { Contents } from '../ivf/contents.js'
import { findProbes } from '../ivf/probes.js'
import { loadQueries, queriesPerBlock } from '../ivf/query-blocks.js'
import type { Rescore } from '../ivf/rows.js'
import { searchSegments } from '../ivf/search.js'
import type { LongCallOptions } from '../options.js'
import type { SearchResult } from '../result.js'
import { cellsOf, type HeldOut, NONE } from './held-out.js'
import { type CellShapes, nearness } from './nearness.js'

/** So many of its nearest cells a query visits before it is asked which others it visits; one of these. */
export const WAVES: readonly number[] = [1, 4, 16]
/** Cells of a query that are looked at, at most: few neighbours are farther away, and what is nearly all is searched whole. */
export const MOST_CELLS = 1024

/** Held-out queries and the cells around them. */
export interface Observed {
  readonly nq: number
  /** Cells looked at of each query. */
  readonly ranks: number
  /** nq × ranks, nearest first. */
  readonly cells: Uint32Array
  /** nq × ranks: bias − ⟨query, centroid⟩ */
  readonly distances: Float32Array
  /** nq: squared norms, as queries are compared with centroids. */
  readonly norms: Float32Array
  /** nq × truth.k: the rank of the cell of each true neighbour; `ranks`: farther away; NONE: there is no neighbour. */
  readonly found: Uint32Array
  /** Likewise of its second cell, where it has one; NONE elsewhere. */
  readonly again: Uint32Array
  /** Per wave: nq × truth.k: the k-th nearest, once that many cells have been visited, as `nearness` wants it. */
  readonly kth: readonly Float32Array[]
}

/** Looks at which cells the neighbours are in, and at how near the nearest found are after so many cells. */
export async function observe(
  contents: Contents,
  held: HeldOut,
  bound: Rescore | undefined,
  options: Pick<LongCallOptions, 'signal'>,
): Promise<Observed> {
  const { model } = contents
  const { queries, truth, k } = held
  const nq = queries.rows
  const ranks = Math.min(model.nlist, MOST_CELLS)
  const cells = new Uint32Array(nq * ranks)
  const distances = new Float32Array(nq * ranks)
  const norms = new Float32Array(nq)
  const block = queriesPerBlock(model, ranks, k)
  for (let from = 0; from < nq; from += block) {
    const to = Math.min(from + block, nq)
    await model.engine.frame(async (scratch) => {
      const loaded: Queries = await loadQueries(scratch, model, queries, from, to, options)
      const prepared = await model.quantizer.prepare(scratch, loaded.coded.rows, to - from, options)
      const wanted = { nprobe: ranks, ratioThreshold: 0, k, allowed: undefined }
      const probes = await findProbes(model, scratch, loaded, prepared, wanted, options.signal)
      cells.set(probes.cells, from * ranks)
      distances.set(probes.distances, from * ranks)
      norms.set(probes.lengths, from)
    })
  }
  const shape = { nq, ranks, k, nlist: model.nlist }
  const { own, second } = cellsOf(contents, truth)
  const [found, again] = [ranksOf(own, cells, shape), ranksOf(second, cells, shape)]
  // What is in a second cell is met when all cells are known.
  const single = { ...contents, segments: contents.segments.map(({ spill: _, ...segment }) => segment) }
  const kth: Float32Array[] = []
  for (const wave of WAVES) {
    const nprobe = Math.min(wave, model.nlist)
    const settings = { ...{ k: k + 1, nprobe, ratioThreshold: 0, confidence: false }, rescore: bound ?? NO_RESCORE }
    const result = await searchSegments(single, queries, settings, options)
    kth.push(nearestOf(result, held.self, k, model.metric === 'l2' ? 1 : -1))
  }
  return { nq, ranks, cells, distances, norms, found, again, kth }
}

const NO_RESCORE: Rescore = { kind: 'none' }

/** How near the cells of a query are when `wave` cells have been visited: writes `ranks` numbers. */
export function nearnessOf(
  { ranks, cells, distances, norms, kth }: Observed,
  metric: Contents['model']['metric'],
  shapes: CellShapes,
  q: number,
  wave: number,
  nearest: { k: number; places: number },
  out: Float64Array,
): void {
  const limit = (kth[wave] as Float32Array)[q * nearest.places + nearest.k - 1] as number
  const norm = norms[q] as number
  for (let i = q * ranks; i < (q + 1) * ranks; i++) {
    out[i - q * ranks] = nearness(metric, shapes, cells[i] as number, distances[i] as number, norm, limit)
  }
}

/** The rank among a query's cells of each of its neighbours' cells. */
function ranksOf(
  wanted: Uint32Array,
  cells: Uint32Array,
  { nq, ranks, k, nlist }: { nq: number; ranks: number; k: number; nlist: number },
): Uint32Array {
  const place = new Uint32Array(nlist)
  const found = new Uint32Array(wanted.length)
  for (let q = 0; q < nq; q++) {
    place.fill(ranks)
    for (let i = 0; i < ranks; i++) place[cells[q * ranks + i] as number] = i
    for (let i = q * k; i < (q + 1) * k; i++)
      found[i] = wanted[i] === NONE ? NONE : (place[wanted[i] as number] as number)
  }
  return found
}

/** nq × k: the distance of each of the k nearest but for the query itself; infinite where there are fewer. */
function nearestOf(result: SearchResult, self: Uint32Array | undefined, k: number, sign: number): Float32Array {
  const nearest = new Float32Array(result.nq * k).fill(Number.POSITIVE_INFINITY)
  for (let q = 0; q < result.nq; q++) {
    let n = 0
    for (let i = 0; i < (result.counts[q] as number) && n < k; i++) {
      const at = q * result.k + i
      if (result.ids[at] !== self?.[q]) nearest[q * k + n++] = sign * (result.scores[at] as number)
    }
  }
  return nearest
}
