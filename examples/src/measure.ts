/** How near is the index to the true answer, and how fast? */

import { exactSearch, type FastIVF, recall, recall1 } from 'fast-ivf'
import type { Entry } from './dictionary.js'
import { xorshift32 } from './embed.js'

/** What a search finds, and how fast, at one nprobe. */
export interface Quality {
  nprobe: number
  /** Share of the ten true nearest that were found. */
  recall: number
  /** Share of queries whose true nearest is among the ten found. */
  recall1: number
  /** Queries per second, all sent as one batch. */
  qps: number
}

/** Questions to measure with: definitions from all over the dictionary, each with one of its words left out. */
export function incompleteDefinitions(entries: readonly Entry[], count: number): string[][] {
  const long = entries.filter((entry) => new Set(entry.stems).size >= 4)
  let random = 1
  return Array.from({ length: count }, (_, i) => {
    const { stems } = long[Math.floor((i * long.length) / count)]!
    random = xorshift32(random)
    const leftOut = stems[random % stems.length]
    return stems.filter((stem) => stem !== leftOut)
  })
}

/** Compares the index with exact search over the same vectors (n × dim), for the queries (nq × dim). */
export async function measure(
  index: FastIVF,
  vectors: Float32Array,
  queries: Float32Array,
  nprobes: readonly number[],
): Promise<{ exactQps: number; qualities: Quality[] }> {
  const k = 10
  const nq = queries.length / index.dim
  const [truth, exactSeconds] = await timed(() => exactSearch(vectors, queries, { k, dim: index.dim }))

  const qualities: Quality[] = []
  for (const nprobe of nprobes) {
    const [found, seconds] = await timed(() => index.search(queries, { k, nprobe }))
    qualities.push({ nprobe, recall: recall(found, truth, k), recall1: recall1(found, truth, k), qps: nq / seconds })
  }
  return { exactQps: nq / exactSeconds, qualities }
}

/** A result, and the seconds it took. */
export async function timed<T>(work: () => T | Promise<T>): Promise<[result: T, seconds: number]> {
  const start = performance.now()
  const result = await work()
  return [result, (performance.now() - start) / 1000]
}
