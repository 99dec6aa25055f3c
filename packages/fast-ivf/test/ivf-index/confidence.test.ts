import { describe, expect, test } from 'vitest'
import { exactSearch, IvfIndex } from '../../src/index.js'
import { refusal } from '../refusal.js'
import { COUNT, DIM, indexOf, METRICS, NLIST, NQ, queries, scoresOf, vectors } from './matches.js'

const estimates = { nprobe: NLIST, rescore: false, confidence: true } as const

describe.each(METRICS)('by %s', (metric) => {
  // Of all vectors, not of the best estimates only, which are those that err on the near side.
  test.each(['SQ1', 'SQ2', 'SQ4'])(
    '%s: true scores are within the error told as often as normal ones',
    async (word) => {
      const index = await indexOf(word, metric)
      const found = await index.search(queries, { ...estimates, k: COUNT })
      const truth = await exactSearch(vectors, queries, { k: COUNT, metric, dim: DIM })
      const off: number[] = []
      for (let q = 0; q < NQ; q++) {
        const known = scoresOf(truth.of(q))
        for (const { id, score, error } of found.of(q))
          off.push((score - (known.get(id) as number)) / (error as number))
      }
      const share = (wanted: (value: number) => boolean): number => off.filter(wanted).length / off.length
      expect(off.length).toBe(NQ * COUNT)
      expect(share((value) => Math.abs(value) <= 1)).toBeGreaterThan(0.66)
      expect(share((value) => Math.abs(value) <= 1)).toBeLessThan(0.74)
      expect(share((value) => Math.abs(value) <= 2)).toBeGreaterThan(0.945)
      expect(Math.abs(share((value) => value > 0) - 0.5)).toBeLessThan(0.03)
    },
  )

  test('confidence is the probability that a normal variable with this error passes the last answer', async () => {
    const index = await indexOf('SQ1', metric)
    const found = await index.search(queries, estimates)
    const plain = await index.search(queries, { ...estimates, confidence: false })
    expect(plain.errors ?? plain.confidences).toBeUndefined()
    expect(plain.of(0)[0]).not.toHaveProperty('error')
    expect(found.scores).toEqual(plain.scores)
    for (let q = 0; q < NQ; q++) {
      const list = found.of(q)
      expect(list.map(({ id }) => id).sort()).toEqual(
        plain
          .of(q)
          .map(({ id }) => id)
          .sort(),
      )
      const last = list.at(-1)?.score as number
      for (const { score, error, confidence } of list) {
        const nearer = Math.abs(score - last) / (error as number)
        expect(confidence).toBeCloseTo(normalBelow(nearer), 4)
      }
      expect(list.at(-1)?.confidence).toBeCloseTo(0.5, 6)
    }
  })

  test('what is compared exactly, or exact, is certain', async () => {
    for (const [word, options] of [
      ['Flat', {}],
      ['SQ1', {}],
      ['SQ4', { epsilon: 1 }],
      ['SQ4', { rescoreFactor: 2 }],
      ['PQ10x4', {}],
    ] as const) {
      const index = await indexOf(word, metric)
      const found = await index.search(queries, { ...options, confidence: true })
      expect(found.counts).toEqual(new Uint32Array(NQ).fill(10))
      expect(found.errors).toEqual(new Float32Array(NQ * 10))
      expect(found.confidences).toEqual(new Float32Array(NQ * 10).fill(1))
    }
  })
})

test('places without an answer have none', async () => {
  const index = await indexOf('SQ4')
  for (const options of [estimates, { confidence: true }]) {
    const { errors, confidences, scores } = await index.search(queries.subarray(0, DIM), { ...options, k: COUNT + 2 })
    for (const values of [errors, confidences]) {
      expect([...(values ?? [])].map(Number.isNaN)).toEqual([...scores].map(Number.isNaN))
    }
  }
})

test('errors of vectors added bit by bit are those of vectors added at once', async () => {
  const whole = await indexOf('SQ4', 'ip')
  const parts = await IvfIndex.train(vectors, { spec: whole.spec, metric: 'ip', dim: DIM, kmeansIterations: 4 })
  for (const [from, to] of [
    [0, 2500],
    [2500, 2600],
    [2600, 2601],
    [2601, COUNT],
  ] as const) {
    await parts.add(vectors.subarray(from * DIM, to * DIM))
  }
  const [one, two] = [await whole.search(queries, estimates), await parts.search(queries, estimates)]
  expect(two.scores).toEqual(one.scores)
  expect(two.errors).toEqual(one.errors)
  expect(two.ids).toEqual(one.ids)
  await parts.close()
})

test('codes that do not know their error cannot tell confidence, nor can corrected scores', async () => {
  const asked = [
    indexOf('PQ10x4').then((index) => index.search(queries, estimates)),
    indexOf('SQ4').then((index) => index.search(queries, { rescoreNumSamples: 5, confidence: true })),
  ]
  for (const call of asked) {
    expect(await refusal(call)).toMatchObject({ code: 'ERR_ARGUMENT', message: expect.stringMatching(/^confidence /) })
  }
})

/** The probability that a normal variable is at most x ≥ 0: Simpson's rule. */
function normalBelow(x: number): number {
  const steps = 200
  const density = (t: number): number => Math.exp((-t * t) / 2) / Math.sqrt(2 * Math.PI)
  let sum = density(0) + density(x)
  for (let i = 1; i < steps; i++) sum += density((x * i) / steps) * (i % 2 ? 4 : 2)
  return 0.5 + (sum * x) / steps / 3
}
