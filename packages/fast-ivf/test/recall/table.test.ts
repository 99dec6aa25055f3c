import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BINS, binOf, fall, fitTable, rankBins, type Sighting } from '../../src/recall/table.js'

const weighted = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat({ max: 1000 })), {
  minLength: 1,
  maxLength: 40,
})

/** What a line weighs beside what was counted, so that a bin without any has a value. */
const LEAST = 1e-3

test('a line that is made to fall is the monotone regression by weighted squares', () => {
  fc.assert(
    fc.property(weighted, (line) => {
      const values = Float64Array.from(line, ([value]) => value)
      fall(
        values,
        Float64Array.from(line, ([, weight]) => weight),
        0,
        1,
        line.length,
      )
      for (let i = 0; i < line.length; i++) expect(values[i]).toBeCloseTo(byMinMax(line, i), 9)
    }),
  )
})

test('a line may lie anywhere among others, which stay as they are', () => {
  fc.assert(
    fc.property(weighted, fc.nat({ max: 4 }), fc.integer({ min: 1, max: 5 }), (line, first, stride) => {
      const at = (i: number): number => first + i * stride
      const values = new Float64Array(at(line.length)).fill(7)
      const weights = new Float64Array(at(line.length)).fill(3)
      for (const [i, [value, weight]] of line.entries()) {
        values[at(i)] = value
        weights[at(i)] = weight
      }
      fall(values, weights, first, stride, line.length)
      const places = new Set(line.map((_, i) => at(i)))
      for (let i = 0; i < line.length; i++) expect(values[at(i)]).toBeCloseTo(byMinMax(line, i), 9)
      values.forEach((value, i) => {
        if (!places.has(i)) expect(value).toBe(7)
      })
    }),
  )
})

test('a table falls with the rank and with the distance', () => {
  const seen = fc.tuple(
    fc.nat({ max: 99 }),
    fc.double({ min: -3, max: 6, noNaN: true }),
    fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  )
  fc.assert(
    fc.property(fc.array(seen, { maxLength: 500, size: 'max' }), (sightings: Sighting[]) => {
      const { shares, step } = fitTable(100, (tell) => {
        for (const one of sightings) tell(...one)
      })
      const rows = (rankBins(100).at(-1) as number) + 1
      expect(shares.length).toBe(rows * BINS)
      expect(step).toBeGreaterThan(0)
      for (let row = 0; row + 1 < rows; row++) {
        for (let bin = 0; bin < BINS; bin++) {
          expect(shares[(row + 1) * BINS + bin]).toBeLessThanOrEqual(shares[row * BINS + bin] as number)
        }
      }
      for (let at = 0; at < shares.length; at++) {
        if (at % BINS > 0) expect(shares[at]).toBeLessThanOrEqual(shares[at - 1] as number)
      }
    }),
  )
})

test('where much was seen, a table tells the mean of it', () => {
  const { low, step, shares } = fitTable(2, (tell) => {
    for (let i = 0; i < 1000; i++) {
      tell(0, -1, 0.5 + (i % 2) * 0.2)
      tell(0, 1, i % 4 === 0 ? 0.4 : 0)
      tell(1, -1, 0.3)
      tell(1, 1, 0.01)
    }
  })
  const told = (rank: number, z: number): number => shares[rank * BINS + binOf({ low, step }, z)] as number
  expect(told(0, -1)).toBeCloseTo(0.6, 2)
  expect(told(0, 1)).toBeCloseTo(0.1, 2)
  expect(told(1, -1)).toBeCloseTo(0.3, 2)
  expect(told(1, 1)).toBeCloseTo(0.01, 2)
})

test('the nearest four ranks have bins of their own, later ones three to two octaves', () => {
  const bins = rankBins(1024)
  expect([...bins.subarray(0, 4)]).toEqual([0, 1, 2, 3])
  expect(bins[4]).toBe(4)
  for (let rank = 1; rank < bins.length; rank++) {
    expect([0, 1]).toContain((bins[rank] as number) - (bins[rank - 1] as number))
  }
  for (const rank of [4, 8, 16, 64, 255]) {
    expect((bins[4 * rank - 1] as number) - (bins[rank] as number)).toBeLessThanOrEqual(3)
  }
  expect(bins[4 * 64]).toBe((bins[64] as number) + 3)
  expect(rankBins(3)).toEqual(Uint8Array.of(0, 1, 2))
  expect(rankBins(0)).toEqual(new Uint8Array(0))
})

test('what is beyond the bins belongs to the first or the last, and what is not finite to one of them', () => {
  const range = { low: -1, step: 0.1 }
  expect(binOf(range, -1)).toBe(0)
  expect(binOf(range, -1e30)).toBe(0)
  expect(binOf(range, 0.05)).toBe(10)
  expect(binOf(range, -1 + 0.1 * BINS)).toBe(BINS - 1)
  expect(binOf(range, 1e6)).toBe(BINS - 1)
  for (const z of [Number.NaN, Number.NEGATIVE_INFINITY]) expect(binOf(range, z)).toBe(0)
})

/** min over a ≤ i of max over b ≥ i of the weighted mean of a … b */
function byMinMax(line: readonly (readonly [number, number])[], i: number): number {
  let least = Number.POSITIVE_INFINITY
  for (let a = 0; a <= i; a++) {
    let [sum, weight, most] = [0, 0, Number.NEGATIVE_INFINITY]
    for (let b = a; b < line.length; b++) {
      const [value, counted] = line[b] as readonly [number, number]
      sum += value * (counted + LEAST)
      weight += counted + LEAST
      if (b >= i) most = Math.max(most, sum / weight)
    }
    least = Math.min(least, most)
  }
  return least
}
