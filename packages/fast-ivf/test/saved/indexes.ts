/** Indexes to save, and answers to compare to the last bit. */
import { expect } from 'vitest'
import type { AnyIndex, Id, IvfIndexOptions, SearchResult } from '../../src/index.js'
import { IvfIndex } from '../../src/index.js'
import { mixture } from '../mixture.js'

export const [DIM, COUNT, NLIST, NQ] = [24, 300, 6, 7]
export const vectors = mixture(COUNT, DIM, 71, 12)
// A vector of zeros, and two that are equal.
vectors.fill(0, 5 * DIM, 6 * DIM)
vectors.copyWithin(7 * DIM, 8 * DIM, 9 * DIM)
export const others = mixture(60, DIM, 72, 12)
export const queries = mixture(NQ, DIM, 73, 12)

export type IdWord = 'rows' | 'number' | 'string' | 'bigint'

/** Texts of every length and kind; the first is empty. */
const TEXTS = ['', '\n', '\ufeffmark', 'naïve', '東京', '👩‍👩‍👧', '\0', '"', 'a\r\nb', '\u2028', ' ', 'x'.repeat(5000)]

/** The i-th id. */
export function idOf(kind: IdWord, i: number): Id {
  if (kind === 'string') return TEXTS[i] ?? `№ ${i}`
  if (kind === 'bigint') return (BigInt(i) << 54n) - (1n << 63n) + BigInt(i)
  return kind === 'rows' ? i : (i % 2 === 0 ? 1 : -1) * (Number.MAX_SAFE_INTEGER - i)
}

/** Options that name the vectors first … first + count; nothing where rows do. */
export function named(kind: IdWord, first: number, count: number): { ids: Id[] } | undefined {
  return kind === 'rows' ? undefined : { ids: Array.from({ length: count }, (_, i) => idOf(kind, first + i)) }
}

/** What is built of `vectors`, with some that were removed, and a second segment. */
export async function lived(kind: IdWord, options: IvfIndexOptions<Id>): Promise<IvfIndex<Id>> {
  const index = await IvfIndex.build<Id>(vectors, {
    ...{ dim: DIM, kmeansIterations: 2, threads: 0, compactAt: 1, calibrate: false, ...options },
    ...named(kind, 0, COUNT),
  } as IvfIndexOptions<Id>)
  await index.add(others.subarray(0, 30 * DIM), named(kind, COUNT, 30))
  await index.remove([0, 3, 8, 100, 101, 290, COUNT + 4].map((i) => idOf(kind, i)))
  return index
}

/**
 * Everything of an answer, bit by bit. Equals are put in one order: they come in that of their rows, and the rows of
 * vectors with ids of their own are numbered anew when an index is opened.
 */
export function bitsOf(found: SearchResult<Id>): unknown {
  const { counts, work, k, nq } = found
  const bits = (part: Float32Array | undefined, at: number): number | undefined =>
    part && new Uint32Array(part.slice(at, at + 1).buffer)[0]
  const answers = Array.from({ length: nq * k }, (_, at) => {
    const [score, error, confidence] = [found.scores, found.errors, found.confidences].map((part) => bits(part, at))
    return { score, id: found.ids[at], error, confidence }
  })
  const rank = answers.map(({ score }, at) => (at % k > 0 && score === answers[at - 1]?.score ? -1 : at))
  for (const [at, own] of rank.entries()) if (own < 0) rank[at] = rank[at - 1] as number
  const order = answers.map((_, at) => at)
  order.sort(
    (a, b) => (rank[a] as number) - (rank[b] as number) || (String(answers[a]?.id) < String(answers[b]?.id) ? -1 : 1),
  )
  return { counts: [...counts], work, k, answers: order.map((at) => answers[at]) }
}

/** Answers to searches of every sort. */
export async function answersOf(index: AnyIndex<Id>): Promise<unknown[]> {
  const { nlist } = index
  const found: unknown[] = []
  for (const options of [{ k: 5, nprobe: Math.min(2, nlist) }, { k: 20 }, { k: 400, nprobe: nlist }]) {
    found.push(bitsOf(await index.search(queries, options)))
  }
  found.push(bitsOf(await index.search(queries.subarray(0, DIM), { k: 3, nprobe: nlist })))
  if (index.keep !== 'none') {
    found.push(bitsOf(await index.search(queries, { k: 5, rescoreFactor: 2 })))
    found.push(bitsOf(await index.search(queries, { k: 9, rescoreNumSamples: 3 })))
    if (/^(IVF\d+s?,)?SQ\d$/.test(specOf(index))) {
      found.push(bitsOf(await index.search(queries, { k: 5, rescore: false, confidence: true } as object)))
    }
  }
  return found
}

/** What an index says of itself. */
export function told(index: AnyIndex<Id>): object {
  const { dim, nlist, metric, nprobe, ratioThreshold, size, bytes, codeBytes, keep, centroids, cellSizes } = index
  return {
    dim,
    nlist,
    metric,
    nprobe,
    ratioThreshold,
    size,
    bytes,
    codeBytes,
    keep,
    centroids,
    cellSizes,
    spec: specOf(index),
  }
}

function specOf(index: AnyIndex<Id>): string {
  return index instanceof IvfIndex ? index.spec : ''
}

/** Both say and answer the same, to the last bit. */
export async function expectSame(found: AnyIndex<Id>, wanted: AnyIndex<Id>): Promise<void> {
  expect(told(found)).toEqual(told(wanted))
  const [own, other] = [await answersOf(found), await answersOf(wanted)]
  expect(own).toEqual(other)
}
