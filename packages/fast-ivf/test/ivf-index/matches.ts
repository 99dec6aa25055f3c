/** Answers compared, and indexes to ask. */
import { afterAll, expect } from 'vitest'
import { IvfIndex, type IvfIndexOptions, type Match, type Metric, type SearchResult } from '../../src/index.js'
import { mixture } from '../mixture.js'

export const [DIM, COUNT, NQ, NLIST] = [40, 3000, 40, 16]
export const vectors = mixture(COUNT, DIM, 11)
export const queries = mixture(NQ, DIM, 12)
export const METRICS = ['cosine', 'ip', 'l2'] as const
export const SCALAR = ['SQ1', 'SQ2', 'SQ4', 'SQ8']

const indexes = new Map<string, Promise<IvfIndex>>()
afterAll(async () => {
  for (const index of indexes.values()) await (await index).close()
})

/** One index of each make; all have the same cells. */
export function indexOf(word: string, metric: Metric = 'l2', options: IvfIndexOptions = {}): Promise<IvfIndex> {
  const name = JSON.stringify([word, metric, options])
  const spec = word.startsWith('OPQ') ? word.replace(',', `,IVF${NLIST},`) : `IVF${NLIST},${word}`
  const index =
    indexes.get(name) ??
    IvfIndex.build(vectors, { calibrate: false, spec, metric, dim: DIM, kmeansIterations: 4, ...options })
  indexes.set(name, index)
  return index
}

export function scoresOf(list: Match[]): Map<number, number> {
  return new Map(list.map(({ id, score }) => [id, score]))
}

export function inOrder(list: Match[], metric: Metric): Match[] {
  return list.sort((a, b) => (metric === 'l2' ? a.score - b.score : b.score - a.score) || a.id - b.id)
}

/** How many of the first 10 true answers are missing. */
export function missing(found: SearchResult, truth: SearchResult): number {
  let sum = 0
  for (let q = 0; q < found.nq; q++) {
    const ids = new Set(found.of(q).map(({ id }) => id))
    sum += truth
      .of(q)
      .slice(0, 10)
      .filter(({ id }) => !ids.has(id)).length
  }
  return sum
}

/** The same scores place by place, and the same ids but for ties. */
export function expectNear(found: Match[], truth: Match[], most: number): void {
  expect(found.length).toBe(truth.length)
  const known = scoresOf(truth)
  found.forEach(({ id, score }, i) => {
    const slack = most * (1 + Math.abs(score))
    expect(Math.abs(score - (truth[i]?.score as number))).toBeLessThan(slack)
    expect(Math.abs(score - (known.get(id) ?? (truth.at(-1)?.score as number)))).toBeLessThan(slack)
  })
}
