import { describe, expect, test } from 'vitest'
import { toMatrix } from '../../src/engine/vectors.js'
import { contentsOf } from '../../src/ivf/contents.js'
import { joinSegments } from '../../src/ivf/join.js'
import { searchSegments } from '../../src/ivf/search.js'
import { buildSegment } from '../../src/ivf/segment.js'
import { kinds } from '../../src/quantizers/registry.js'
import { mixture } from '../mixture.js'
import {
  COUNT,
  codeRows,
  DIM,
  dot,
  expectedScores,
  minus,
  NLIST,
  queries,
  standardErrors,
  storedOf,
  vectors,
  withModel,
  ZERO_ROW,
} from './contract.js'

const rows = toMatrix(vectors, DIM, 'vectors')
/** One query's rounding is the same for all vectors: only of many queries the mean is near 0. */
const many = mixture(60, DIM, 5)
const words = kinds.flatMap(({ examples }) => examples)

/** Largest share of the residuals' energy that is lost: about a twentieth above what was measured. */
const WORST: Record<string, number> = {
  ...{ Flat: 1e-12, SQ1: 0.435, SQ2: 0.098, SQ4: 0.0068, SQ8: 2.7e-5 },
  ...{ PQ12x4: 0.325, PQ3x4: 0.6, PQ8x6: 0.31, PQ48x1: 0.36, PQ2x9: 0.515, PQ4x8: 0.41 },
  ...{ 'OPQ12,PQ12x4': 0.24, 'OPQ8,PQ8x6': 0.24 },
}
const settings = { k: COUNT, nprobe: NLIST, ratioThreshold: 0, rescore: { kind: 'none' }, confidence: false } as const

describe.each(words)('%s', (word) => {
  describe.each(['cosine', 'ip', 'l2'] as const)('by %s', (metric) => {
    test('code rows come back from slots as they were written', () =>
      withModel(word, metric, async (engine, model) => {
        const segment = await buildSegment(model, rows, 0, {})
        const { codeSize } = model.quantizer
        const all = await codeRows(engine, model, segment, 0, COUNT)
        const pieces = [
          [0, 1],
          [31, 65],
          [1, COUNT],
        ] as const
        for (const [from, to] of pieces) {
          const part = await codeRows(engine, model, segment, from, to)
          expect(part.equals(all.subarray(from * codeSize, to * codeSize))).toBe(true)
        }
        segment.held.release()
      }))

    test('a scan finds what comparing with the decoded vectors finds, and rounding the query moves little', () =>
      withModel(word, metric, async (engine, model) => {
        const segment = await buildSegment(model, rows, 0, {})
        const found = await searchSegments(
          contentsOf(model, [segment]),
          toMatrix(queries, DIM, 'queries'),
          settings,
          {},
        )
        const expected = await expectedScores(engine, model, segment)
        let [squares, usual] = [0, 0]
        for (let q = 0; q < found.nq; q++) {
          const matches = found.of(q)
          expect(new Set(matches.map(({ id }) => id)).size).toBe(metric === 'cosine' ? COUNT - 1 : COUNT)
          if (metric === 'cosine') expect(matches.some(({ id }) => id === ZERO_ROW)).toBe(false)
          for (const { id, score } of matches) {
            const wanted = expected(q, id)
            const error = Math.abs(score - (metric === 'l2' ? Math.max(0, wanted.score) : wanted.score))
            expect(error).toBeLessThanOrEqual(wanted.rounding + wanted.float)
            squares += error ** 2
            usual += wanted.usual ** 2
          }
        }
        if (usual > 0) expect(Math.sqrt(squares / usual)).toBeLessThan(1.2)
        segment.held.release()
      }))

    test('estimates of codes that know their error are unbiased, and as far off as told', () =>
      withModel(word, metric, async (engine, model) => {
        if (!model.quantizer.bounded) return
        const segment = await buildSegment(model, rows, 0, {})
        const found = await searchSegments(contentsOf(model, [segment]), toMatrix(many, DIM, 'queries'), settings, {})
        const errorOf = await standardErrors(engine, model, segment, many)
        const errors = Array.from({ length: found.nq }, (_, q) => found.of(q).map((match) => errorOf(q, match))).flat()
        const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length
        const square = errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length
        // Codes of 8 bits err mostly by the rounding of the query, which is one for all of them.
        expect(Math.abs(mean)).toBeLessThan(word === 'SQ8' ? 0.3 : 0.1)
        // Less than 1 where queries lie in the direction of residuals, in which there is no error.
        expect(square).toBeGreaterThan(0.7)
        expect(square).toBeLessThan(word === 'SQ8' ? 1.3 : 1.1)
        // A bound of 1.9 is passed by 2.9 %.
        expect(errors.filter((error) => error > 1.9).length / errors.length).toBeLessThan(0.035)
        segment.held.release()
      }))

    test('segments merged hold what each held', () =>
      withModel(word, metric, async (engine, model) => {
        const [one, two] = [vectors.subarray(0, 150 * DIM), vectors.subarray(150 * DIM)]
        const [a, b, whole] = [
          await buildSegment(model, toMatrix(one, DIM, 'vectors'), 0, {}),
          await buildSegment(model, toMatrix(two, DIM, 'vectors'), 150, {}),
          await buildSegment(model, rows, 0, {}),
        ]
        const merged = await joinSegments(model, [a, b], {})
        expect([...merged.starts]).toEqual([...whole.starts])
        expect([...engine.ints(merged.rows, COUNT)]).toEqual([...engine.ints(whole.rows, COUNT)])
        const [ours, wanted] = await Promise.all([merged, whole].map((one) => codeRows(engine, model, one, 0, COUNT)))
        expect(ours?.equals(wanted as Buffer)).toBe(true)
        for (const segment of [a, b, whole, merged]) segment.held.release()
      }))
  })

  test('decoded vectors are near the encoded ones, as near as the codes say', () =>
    withModel(word, 'l2', async (engine, model) => {
      const segment = await buildSegment(model, rows, 0, {})
      let [error, energy, told] = [0, 0, 0]
      for (const { x, c, decoded, factors } of (await storedOf(engine, model, segment)).values()) {
        const [lost, residual] = [minus(x, decoded), minus(x, c)]
        error += dot(lost, lost)
        energy += dot(residual, residual)
        // A standard error is that of one direction, and the error is never along the residual.
        told += (factors[2] ?? 0) ** 2 * (DIM - 1)
      }
      expect(error / energy).toBeLessThan(WORST[word] as number)
      if (model.quantizer.bounded) expect(Math.abs(told / error - 1)).toBeLessThan(0.05)
      segment.held.release()
    }))

  test('memory is what it says', () =>
    withModel(word, 'l2', async (engine, { quantizer }) => {
      const before = engine.bytes
      const blocks: number[] = []
      quantizer.alloc((bytes) => {
        blocks.push(engine.alloc(bytes))
        return blocks.at(-1) as number
      }, 1000)
      const taken = engine.bytes - before
      expect(taken).toBeGreaterThanOrEqual(quantizer.bytes(1000))
      expect(taken).toBeLessThan(quantizer.bytes(1000) + 64 * blocks.length)
      for (const at of blocks) engine.free(at)
    }))
})
