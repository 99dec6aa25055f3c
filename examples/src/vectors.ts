/** Which vectors are searched? Those of an ann-benchmarks file, or synthetic ones. */

import { basename } from 'node:path'
import type { Metric } from 'fast-ivf'
import { annBenchmarks, type VectorFile } from 'fast-ivf/hdf5'
import { synth } from './synth.js'

/** Vectors, and the queries to ask. */
export interface SearchSet {
  name: string
  dim: number
  metric: Metric
  /** rows × dim */
  vectors: Float32Array
  /** queries × dim */
  queries: Float32Array
  /** What the file says is nearest: queries × k rows, nearest first. Undefined where it was not read whole. */
  neighbors: { ids: ArrayLike<number>; k: number } | undefined
}

/** How much of it, at most. */
export interface SetSize {
  rows: number
  queries: number
}

/** Reads datasets `train`, `test` and `neighbors` of a file in the layout of ann-benchmarks. */
export async function readSet(path: string, { rows, queries }: SetSize): Promise<SearchSet> {
  const file = await annBenchmarks(path)
  try {
    const whole = rows >= file.train.count
    const asked = Math.min(queries, file.test.count)
    return {
      name: basename(path),
      dim: file.train.dim,
      metric: file.metric,
      vectors: await rowsOf(file.train, rows),
      queries: await rowsOf(file.test, asked),
      neighbors: whole ? { ids: await rowsOf(file.neighbors, asked), k: file.neighbors.dim } : undefined,
    }
  } finally {
    await file.close()
  }
}

/** Unit vectors of 128 components in 3,000 uneven clusters, the last of them as queries. */
export function makeSet({ rows, queries }: SetSize): SearchSet {
  const dim = 128
  const all = synth({ rows: rows + queries, dim, clusters: 3000, seed: 1 })
  return {
    name: 'synthetic vectors',
    dim,
    metric: 'cosine',
    vectors: all.subarray(0, rows * dim),
    queries: all.subarray(rows * dim),
    neighbors: undefined,
  }
}

async function rowsOf({ count, dim, batches }: VectorFile, rows: number): Promise<Float32Array> {
  const to = Math.min(rows, count)
  const all = new Float32Array(to * dim)
  let at = 0
  for await (const { data } of batches({ to })) {
    all.set(data as ArrayLike<number> as Float32Array, at)
    at += data.length
  }
  return all
}
