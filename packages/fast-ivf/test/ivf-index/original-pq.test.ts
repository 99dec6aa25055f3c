import { afterAll, beforeAll, expect, test } from 'vitest'
import { FastIVFPQ, type FastIVFPQSearchOptions, type Match, type SearchResult } from '../../src/index.js'
import { readNpy } from '../npy.js'

/** What the original FastIVFPQ answers with these codebooks: squared distances, or rescored cosines; −1 is no answer. */
const load = (name: string) => readNpy(new URL(`../files/original/${name}.npy`, import.meta.url))
const [NQ, K] = [50, 50]
const vectors = load('vectors')
const queries = load('queries')
const estimates = answers('pq_p10_r0.5_k50', (distance) => 1 - distance / 2)
const exact = answers('rescore_n-1')
const calibrated = answers('rescore_n20')

let index: FastIVFPQ
beforeAll(async () => {
  const codebooks = load('codebooks').data as Float32Array
  const settings = { codebooks, pqNumSubvectors: 8, pqNumCentroids: 16, nprobe: 10, ratioThreshold: 0.5 }
  index = await FastIVFPQ.fromCentroids(load('centroids'), settings)
  await index.add(vectors)
})
afterAll(() => index.close())
const search = (options: FastIVFPQSearchOptions = {}): Promise<SearchResult> =>
  index.search(queries, { k: K, ...options })

test('estimates are the original’s: of a squared distance d, the cosine 1 − d / 2', async () => {
  const found = await search()
  for (let q = 0; q < NQ; q++) expectSameAnswers(found.of(q), estimates[q] as Match[])
  // The same on every machine: a change of these numbers is a change of what is searched.
  expect(found.work).toEqual({ vectors: 16134, cells: 249, rescored: 0 })
})

test('rescored answers are the original’s', async () => {
  const found = await search({ rescore: true })
  for (let q = 0; q < NQ; q++) expectSameAnswers(found.of(q), exact[q] as Match[])
  expect(found.work.rescored).toBe(NQ * K)
})

test('without sorting, exact scores are in the order of the estimates', async () => {
  const [sorted, unsorted] = await Promise.all([search({ rescore: true }), search({ rescore: true, sort: false })])
  const estimated = await search()
  for (let q = 0; q < NQ; q++) {
    expectInOrder(unsorted.of(q), estimated.of(q))
    expect(unsorted.of(q).sort(byScore)).toEqual(sorted.of(q).sort(byScore))
  }
})

test('calibrated scores are the original’s, unless its line turns the order round', async () => {
  const [found, estimated] = await Promise.all([search({ rescore: true, rescoreNumSamples: 20 }), search()])
  const turned: number[] = []
  let same = 0
  for (let q = 0; q < NQ; q++) {
    const [ours, theirs] = [found.of(q), calibrated[q] as Match[]]
    expectInOrder(ours, estimated.of(q))
    // Of equals, others may be the samples; then the line is another.
    if (!ours.every(({ id }, i) => id === estimates[q]?.[i]?.id)) continue
    same++
    const known = scoresOf(theirs)
    const [first, last] = [ours[0], ours.at(-1)].map((match) => known.get(match?.id as number) as number)
    if ((first as number) <= (last as number)) turned.push(q)
    else for (const { id, score } of ours) expect(Math.abs((known.get(id) as number) - score)).toBeLessThan(1e-4)
  }
  expect(same).toBeGreaterThanOrEqual(30)
  expect(turned).toEqual([25])
})

function answers(name: string, cosine = (score: number): number => score): Match[][] {
  const [ids, scores] = [load(`${name}.ids`).data, load(`${name}.scores`).data]
  return Array.from({ length: NQ }, (_, q) =>
    Array.from({ length: K }, (_, i) => ({ id: Number(ids[q * K + i]), score: cosine(Number(scores[q * K + i])) })),
  ).map((list) => list.filter(({ id }) => id >= 0))
}

function scoresOf(list: Match[]): Map<number, number> {
  return new Map(list.map(({ id, score }) => [id, score]))
}

/** Scores are equal place by place; ids but for ties: an id that the other lacks has the score of its last answer. */
function expectSameAnswers(found: Match[], wanted: Match[]): void {
  expect(found.length).toBe(wanted.length)
  const known = scoresOf(wanted)
  for (const [i, { id, score }] of found.entries()) {
    expect(Math.abs(score - (wanted[i] as Match).score)).toBeLessThan(1e-5)
    expect(Math.abs((known.get(id) ?? (wanted.at(-1) as Match).score) - score)).toBeLessThan(1e-5)
  }
}

/** The same ids in the order of their estimates; equal ones in any. */
function expectInOrder(found: Match[], estimated: Match[]): void {
  const known = scoresOf(estimated)
  const scores = found.map(({ id }) => known.get(id) as number)
  expect(scores).toEqual(estimated.map(({ score }) => score))
}

function byScore(a: Match, b: Match): number {
  return b.score - a.score || a.id - b.id
}
