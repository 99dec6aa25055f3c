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
  return nprobe ? [{ name: name.replace('.ids.npy', ''), nprobe: Number(nprobe), ratioThreshold: Number(ratioThreshold), k: Number(k) }] : []
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
    for (const { id, score } of ours) expect(Math.abs((known.get(id) ?? (theirs.at(-1)?.score as number)) - score)).toBeLessThan(1e-5)
  }
  await index.close()
})
