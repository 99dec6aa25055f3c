/** A living index in plain code: vectors by id, compared one by one. */
import { expect, vi } from 'vitest'
import { Engine } from '../../src/engine/engine.js'
import type { Id, Match, Metric } from '../../src/index.js'

export type Stored<I extends Id> = ReadonlyMap<I, Float32Array>

/** The k nearest by the metric's own value, nearest first; a zero vector has no cosine. */
export function nearestOf<I extends Id>(
  stored: Stored<I>,
  query: Float32Array,
  metric: Metric,
  k: number,
  allowed: (id: I) => boolean = () => true,
): Match<I>[] {
  return [...stored]
    .filter(([id]) => allowed(id))
    .map(([id, vector]) => ({ id, score: scoreOf(metric, vector, query) }))
    .filter(({ score }) => !Number.isNaN(score))
    .sort((a, b) => (metric === 'l2' ? a.score - b.score : b.score - a.score))
    .slice(0, k)
}

/** The same scores place by place; every id at most once, with its own score: of equals any may come first. */
export function expectNearest<I extends Id>(
  found: Match<I>[],
  stored: Stored<I>,
  query: Float32Array,
  metric: Metric,
  k: number,
  allowed?: (id: I) => boolean,
): void {
  const difference = differenceOf(found, stored, query, metric, k, allowed)
  if (difference) expect.fail(difference)
}

/** In what the answers are not the k nearest; undefined: in nothing. */
export function differenceOf<I extends Id>(
  found: Match<I>[],
  stored: Stored<I>,
  query: Float32Array,
  metric: Metric,
  k: number,
  allowed: (id: I) => boolean = () => true,
): string | undefined {
  const truth = nearestOf(stored, query, metric, k, allowed)
  if (found.length !== truth.length) return `${found.length} answers, not ${truth.length}`
  if (new Set(found.map(({ id }) => id)).size !== found.length) return 'an id is there twice'
  const slack = (score: number): number => 2e-5 * (1 + Math.abs(score))
  for (const [i, { id, score }] of found.entries()) {
    const vector = stored.get(id)
    if (!vector) return `${String(id)} is not there`
    if (!allowed(id)) return `${String(id)} is not allowed`
    const own = scoreOf(metric, vector, query)
    const wanted = truth[i]?.score as number
    if (!(Math.abs(score - own) <= slack(own))) return `${String(id)} scores ${score}, not ${own}`
    if (!(Math.abs(score - wanted) <= slack(wanted))) return `answer ${i} scores ${score}, not ${wanted}`
  }
  return undefined
}

/** What an index keeps of a vector. */
export function storedAs(metric: Metric, vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector)
  return metric === 'cosine' && norm > 0 ? vector.map((value) => value / norm) : vector
}

/** What is made, and the engine it lives in. */
export async function inEngine<T>(make: () => Promise<T>): Promise<{ index: T; engine: Engine }> {
  const alloc = vi.spyOn(Engine.prototype, 'alloc')
  try {
    const index = await make()
    return { index, engine: alloc.mock.contexts.at(-1) as Engine }
  } finally {
    alloc.mockRestore()
  }
}

function scoreOf(metric: Metric, x: Float32Array, q: Float32Array): number {
  if (metric === 'l2') return x.reduce((sum, value, i) => sum + (value - (q[i] as number)) ** 2, 0)
  const product = dot(x, q)
  return metric === 'ip' ? product : product / Math.sqrt(dot(x, x) * dot(q, q))
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] as number), 0)
}
