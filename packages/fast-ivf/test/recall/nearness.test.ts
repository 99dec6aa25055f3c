import fc from 'fast-check'
import { expect, test } from 'vitest'
import { nearness } from '../../src/recall/nearness.js'

const number = fc.double({ min: -2, max: 2, noNaN: true })
const vector = fc.array(number, { minLength: 3, maxLength: 3 })
const positive = fc.double({ min: 0.01, max: 4, noNaN: true })

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] as number), 0)
const shapesOf = (spread: number, centroid: readonly number[]) => ({
  spreads: Float32Array.of(spread),
  norms: Float32Array.of(dot(centroid, centroid)),
})

test('by l2 it is how far an average vector of the cell is beyond the k-th, by the spread and the distance', () => {
  fc.assert(
    fc.property(vector, vector, positive, positive, (query, centroid, spread, kth) => {
      const apart = query.reduce((sum, x, i) => sum + (x - (centroid[i] as number)) ** 2, 0)
      fc.pre(apart > 0.01)
      const distance = dot(centroid, centroid) / 2 - dot(query, centroid)
      const told = nearness('l2', shapesOf(spread, centroid), 0, distance, dot(query, query), kth)
      expect(told).toBeCloseTo((apart + spread - kth) / (2 * Math.sqrt(apart * spread)), 3)
    }),
  )
})

test('by cosine it is the same, for vectors of length 1', () => {
  fc.assert(
    fc.property(
      vector,
      vector,
      positive,
      fc.double({ min: -1, max: 1, noNaN: true }),
      (given, centroid, spread, kth) => {
        const length = Math.sqrt(dot(given, given))
        fc.pre(length > 0.1)
        const query = given.map((x) => x / length)
        const apart = query.reduce((sum, x, i) => sum + (x - (centroid[i] as number)) ** 2, 0)
        fc.pre(apart > 0.01)
        const told = nearness('cosine', shapesOf(spread, centroid), 0, -dot(query, centroid), 1, -kth)
        // ‖q − x‖² = 2 − 2 cos
        expect(told).toBeCloseTo((apart + spread - (2 - 2 * kth)) / (2 * Math.sqrt(apart * spread)), 3)
      },
    ),
  )
})

test('by inner product it is the difference of products, by the lengths of the query and the radius', () => {
  fc.assert(
    fc.property(vector, vector, positive, number, (query, centroid, spread, kth) => {
      fc.pre(dot(query, query) > 0.01)
      const told = nearness('ip', shapesOf(spread, centroid), 0, -dot(query, centroid), dot(query, query), -kth)
      expect(told).toBeCloseTo((kth - dot(query, centroid)) / Math.sqrt(dot(query, query) * spread), 3)
    }),
  )
})

test.each(['l2', 'cosine', 'ip'] as const)('by %s a cell is the nearer the farther the k-th is', (metric) => {
  const shapes = shapesOf(0.5, [1, 0, 0])
  const told = [-0.9, -0.5, 0, 0.5, 2].map((kth) => nearness(metric, shapes, 0, 0.25, 1, kth))
  expect(told).toEqual([...told].sort((a, b) => b - a))
  expect(nearness(metric, shapes, 0, 0.25, 1, Number.POSITIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY)
})
