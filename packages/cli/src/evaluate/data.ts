import { IvfError, type Metric } from 'fast-ivf'
import type { VectorBatch } from 'fast-ivf/formats'
import type { Context } from '../context.js'
import { readRows } from '../vectors.js'
import { computeTruth, readTruth, type Truth } from './truth.js'

/** What the command line says about the files, whatever the index. */
export interface DataOptions {
  base: string
  queries: string
  truth?: string
  metric: Metric
  k: number
  threads?: number
  revectorize?: true
  limit?: number
}

/** What an index is made of and asked for. */
export interface Data {
  base: VectorBatch & { dtype: string }
  queries: VectorBatch
  /** The true answers: those of the file, or, when first called, of an exact search. */
  truth(): Promise<Truth>
  /** What the report tells of it. */
  sources: {
    base: { path: string; count: number; dim: number; dtype: string }
    queries: { path: string; count: number }
  }
}

/** Reads the files: first, because a wrong one should not cost a build. */
export async function readData(options: DataOptions, context: Context): Promise<Data> {
  const { metric, k } = options
  const queries = await readRows(options.queries, 'read the queries', context)
  const base = await readRows(options.base, 'read the base', context, options.limit)
  const [rows, dim] = base.dims
  const [nq, queryDim] = queries.dims
  if (dim !== queryDim) {
    throw new IvfError(
      'ERR_DIM',
      `${options.base} has dim ${dim}, ${options.queries} ${queryDim}; were they embedded by one model?`,
    )
  }
  const given = options.truth === undefined ? undefined : await readTruth(options.truth, { nq, k, rows }, context)
  return {
    base,
    queries,
    truth: async () => given ?? computeTruth(base, queries, { k, metric, ...engineOptions(options) }, context),
    sources: {
      base: { path: options.base, count: rows, dim, dtype: base.dtype },
      queries: { path: options.queries, count: nq },
    },
  }
}

/** The options that say where the work is done. */
export function engineOptions(options: Pick<DataOptions, 'threads' | 'revectorize'>): {
  threads?: number
  revectorize?: true
} {
  return {
    ...(options.threads !== undefined && { threads: options.threads }),
    ...(options.revectorize && { revectorize: true }),
  }
}
