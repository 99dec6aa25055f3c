/** What does faiss do with the same vectors? Its two indexes that the original was compared with. */

import type { Ids } from 'fast-ivf'
import { COLORS } from 'fast-ivf-cli/parts/page/drawing'
import { askPython, pythonWith } from 'fast-ivf-cli/parts/python'
import { judge, type Trial } from './trial.js'
import type { SearchSet } from './vectors.js'

/** What both are asked for. */
export interface FaissOptions {
  nlist: number
  nprobe: number
  k: number
  threads: number
  subvectors: number
  /** Codewords per subvector: a power of two. */
  codewords: number
}

/** What it answered. */
export interface FaissAnswer {
  version: string
  trials: Trial[]
  /** Vectors in each of its cells. */
  cellSizes: number[]
}

interface Told {
  version: string
  indexes: { name: string; build: number; seconds: number; cellSizes: number[] }[]
}

/** Undefined where there is no Python with faiss. */
export async function tryFaiss(set: SearchSet, truth: Ids, options: FaissOptions): Promise<FaissAnswer | undefined> {
  const command = await pythonWith('faiss')
  if (!command) return undefined
  const arrays = { 'base.f32': set.vectors, 'queries.f32': set.queries }
  const { dim, metric } = set
  return askPython<Told, FaissAnswer>(
    command,
    new URL('../peers/faiss_search.py', import.meta.url),
    { arrays, dim, metric, ...options },
    async ({ version, indexes }, read) => {
      const trials: Trial[] = []
      for (const { name, build, seconds } of indexes) {
        const found = { ids: new Float64Array(await read(`${name}.ids`)), k: options.k }
        trials.push({ name: `faiss ${name}`, color: COLORS.gray, build, seconds, ...judge(found, truth) })
      }
      return { version, trials, cellSizes: indexes[0]!.cellSizes }
    },
  )
}
