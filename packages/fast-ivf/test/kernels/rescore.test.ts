import { describe, expect, test } from 'vitest'
import { readNpy } from '../npy.js'
import { putHeap, putOriginals } from './finish.js'
import { type Machine, machines } from './machine.js'
import { FORMS } from './originals.js'
import { rowOf, type Table } from './reference.js'

/** What the original FastIVF gives for the candidates of its product codes, 50 for each of 50 queries. */
const load = (name: string) => readNpy(new URL(`../files/original/${name}.npy`, import.meta.url))
const vectors: Table = { rows: load('vectors').data as Float32Array, dim: 64 }
const queries: Table = { rows: load('queries').data as Float32Array, dim: 64 }
const [EXACT, CALIBRATED] = [1, 3]
const [NQ, K] = [50, 50]

interface Answer {
  id: number
  score: number
}

/** Each query's answers, nearest first. */
function answers(name: string): Answer[][] {
  const ids = load(`${name}.ids`).data
  const scores = load(`${name}.scores`).data
  return Array.from({ length: NQ }, (_, q) =>
    Array.from({ length: K }, (_, i) => ({ id: Number(ids[q * K + i]), score: Number(scores[q * K + i]) })),
  )
}

const candidates = answers('pq_p10_r0.5_k50')

describe.each(machines)('$level kernels', (m) => {
  test('rescoring all candidates of the original gives its answers', () => {
    for (const [q, theirs] of answers('rescore_n-1').entries()) expectSameAnswers(rescore(m, q, EXACT, 0), theirs)
  })

  test('calibrating with 20 samples gives its scores, unless its line turns the order round', () => {
    const turned: number[] = []
    for (const [q, theirs] of answers('rescore_n20').entries()) {
      const found = rescore(m, q, CALIBRATED, 20)
      expect(found.map(({ id }) => id)).toEqual(candidates[q]?.map(({ id }) => id))
      // Here the original follows a line by which what seems farther is nearer; ours keeps the order.
      if (scoreOf(theirs, found[0]?.id) <= scoreOf(theirs, found.at(-1)?.id)) turned.push(q)
      else expectSameAnswers(found, theirs)
    }
    expect(turned).toEqual([25])
  })
})

/** The candidates' slots are in their order, so that of equals those are samples that were the original's. */
function rescore(m: Machine, q: number, mode: number, samples: number): Answer[] {
  m.reset()
  const list = candidates[q] as Answer[]
  const rows = Float32Array.from(list.flatMap(({ id }) => [...rowOf(vectors, id)]))
  const originals = putOriginals(m, { rows, dim: vectors.dim }, FORMS.f32)
  const heap = m.room(K * 2)
  // Squared distances of unit vectors as the distances of cosine: −cos = d / 2 − 1.
  const near = list.map(({ score }, slot) => ({ distance: score / 2 - 1, slot }))
  putHeap(m, heap, near, K)
  const record = m.record('Finish', {
    ...{
      heaps: heap,
      heapStride: 0,
      lanes: 1,
      k: K,
      want: K,
      counts: m.room(1),
      mode,
      samples,
      clip: 1,
      norms: 0,
      squared: 0,
    },
    ...{ spans: m.putInts([0, originals, m.putInts(list.map(({ id }) => id)), 0]), nspans: 1, kept: FORMS.f32 },
    ...{ queries: m.put(rowOf(queries, q)), vectorDim: vectors.dim },
  })
  m.run('finishQueries', record, 1)
  const ids = m.ints(heap + K * 4, K)
  return Array.from(m.floats(heap, K), (distance, i) => ({ id: ids[i] as number, score: -distance }))
}

function scoreOf(list: Answer[], id: number | undefined): number {
  return list.find((one) => one.id === id)?.score as number
}

/** Scores within 1e-4, place by place and id by id: so ids are equal but for ties. */
function expectSameAnswers(found: Answer[], theirs: Answer[]): void {
  expect(found.length).toBe(theirs.length)
  found.forEach(({ id, score }, i) => {
    expect(Math.abs(score - (theirs[i]?.score as number))).toBeLessThan(1e-4)
    expect(Math.abs(score - scoreOf(theirs, id))).toBeLessThan(1e-4)
  })
}
