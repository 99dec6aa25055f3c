import { nearestCells } from '../clustering/nearest.js'
import type { Scratch } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Panels } from '../engine/panels.js'

/** Queries in engine memory. */
export interface QueryRows {
  /** Address: nq × their components, normalized for cosine. */
  readonly rows: number
  /** Address: nq squared norms. */
  readonly norms: number
  readonly nq: number
}

/** Queries as they are given, and as codes see them: the same where nothing is projected. */
export interface Queries {
  readonly given: QueryRows
  readonly coded: QueryRows
}

/** The cells that queries visit. */
export interface ChosenCells {
  /** nq × nprobe, nearest first. */
  cells: Uint32Array
  /** nq × nprobe: bias − ⟨query, centroid⟩. */
  distances: Float32Array
  /** How many centroids were compared with a query, over all queries; those of super-cells count, too. */
  compared: number
}

/** Finds the nprobe nearest cells of each query. */
export type ChooseCells = (
  scratch: Scratch,
  queries: QueryRows,
  nprobe: number,
  options: RunOptions,
) => Promise<ChosenCells>

/** There is one cell, which every query visits. */
export function onlyOne(centroid: Float32Array, halfNorm: boolean): ChooseCells {
  const bias = halfNorm ? centroid.reduce((sum, c) => sum + c * c, 0) / 2 : 0
  return async ({ engine }, { rows, nq }) => {
    const queries = engine.floats(rows, nq * centroid.length)
    const distances = Float32Array.from({ length: nq }, (_, q) => {
      let product = 0
      const at = q * centroid.length
      for (let i = 0; i < centroid.length; i++) product += (queries[at + i] as number) * (centroid[i] as number)
      return bias - product
    })
    return { cells: new Uint32Array(nq), distances, compared: nq }
  }
}

/** Chooses by comparing with all centroids. */
export function comparingAll(centroids: Panels): ChooseCells {
  return async ({ engine }, { rows, nq }, nprobe, options) =>
    engine.frame(async (own) => {
      const labels = own.alloc(nq * nprobe * 4)
      const distances = own.alloc(nq * nprobe * 4)
      await nearestCells(engine, centroids, { rows, count: nq }, { labels, distances }, nprobe, options)
      return {
        cells: engine.ints(labels, nq * nprobe).slice(),
        distances: engine.floats(distances, nq * nprobe).slice(),
        compared: nq * centroids.count,
      }
    })
}
