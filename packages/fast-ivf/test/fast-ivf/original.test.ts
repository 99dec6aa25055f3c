import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { FastIVF } from '../../src/index.js'
import { readNpy } from '../npy.js'

const folder = new URL('../files/original/', import.meta.url)
const load = (name: string) => readNpy(new URL(name, folder))
const vectors = load('vectors.npy')
const queries = load('queries.npy')
const centroids = load('centroids.npy')

const cases = readdirSync(folder).flatMap((name) => {
  const [, nprobe, ratioThreshold, k] = /^ivf_p(\d+)_r([\d.]+)_k(\d+)\.ids\.npy$/.exec(name) ?? []
  return nprobe
    ? [
        {
          name: name.replace('.ids.npy', ''),
          nprobe: Number(nprobe),
          ratioThreshold: Number(ratioThreshold),
          k: Number(k),
        },
      ]
    : []
})

test('the fixtures are there', () => expect(cases.length).toBe(4))

test.each(cases)('answers equal the original on $name', async ({ name, nprobe, ratioThreshold, k }) => {
  const truth = load(`${name}.ids.npy`)
  const scores = load(`${name}.scores.npy`)
  const index = await FastIVF.fromCentroids(centroids, { ratioThreshold, nprobe })
  await index.add(vectors)
  const found = await index.search(queries, { k })
  for (let q = 0; q < found.nq; q++) {
    const row = (data: ArrayLike<number>) => Array.from({ length: k }, (_, i) => data[q * k + i] as number)
    const theirs = row(truth.data).flatMap((id, i) => (id < 0 ? [] : [{ id, score: row(scores.data)[i] as number }]))
    const ours = found.of(q)
    expect(ours.length).toBe(theirs.length)
    ours.forEach(({ score }, i) => expect(Math.abs(score - (theirs[i]?.score as number))).toBeLessThan(1e-5))
    // Ids are equal but for ties: an id that the other lacks has the score of the last answer or of a neighbour.
    const known = new Map(theirs.map(({ id, score }) => [id, score]))
    for (const { id, score } of ours)
      expect(Math.abs((known.get(id) ?? (theirs.at(-1)?.score as number)) - score)).toBeLessThan(1e-5)
  }
  await index.close()
})

test('the work is what the visited cells hold, no more', async () => {
  const index = await FastIVF.fromCentroids(centroids, { ratioThreshold: 0 })
  await index.add(vectors)
  const [nlist, dim] = centroids.dims
  const sizes = index.cellSizes
  for (const nprobe of [1, 5, 64]) {
    let expected = 0
    for (let q = 0; q < 50; q++) {
      const scores = Array.from({ length: nlist }, (_, cell) => {
        let score = 0
        for (let i = 0; i < dim; i++)
          score += Number(centroids.data[cell * dim + i]) * Number(queries.data[q * dim + i])
        return { cell, score }
      })
      scores.sort((a, b) => b.score - a.score)
      for (const { cell } of scores.slice(0, nprobe)) expected += sizes[cell] as number
    }
    const { work } = await index.search(queries, { k: 10, nprobe })
    expect(work).toEqual({ vectors: expected, cells: 50 * nprobe, rescored: 0 })
  }
  // The same on every machine: a change of these numbers is a change of what is searched.
  const counts = await Promise.all(
    [1, 5, 64].map(async (nprobe) => (await index.search(queries, { nprobe })).work.vectors),
  )
  expect(counts).toEqual([3431, 15618, 200000])
})
