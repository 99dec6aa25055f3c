import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { finishOnce, type Task, taskOf } from './finish.js'
import { expectSame, type Machine, machines } from './machine.js'
import { type Near, rowOf, sorted, squaredDistance, dot as wholeDot } from './reference.js'

const f = Math.fround
const [ESTIMATED, EXACT, IN_ORDER, CALIBRATED, KNOWN] = [0, 1, 2, 3, 4]
const any = fc.record({
  dim: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 256)),
  seed: fc.integer({ min: 1, max: 1e6 }),
  nq: fc.integer({ min: 1, max: 5 }),
  k: fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 60 })),
  sizes: fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }),
  lanes: fc.integer({ min: 1, max: 4 }),
  kept: fc.integer({ min: 0, max: 3 }),
  squared: fc.boolean(),
  spilled: fc.boolean(),
  /** Of the estimates, in sixteenths: none, so that they are exact, or so much that ties and wrong orders come. */
  noise: fc.constantFrom(0, 100, 2000),
})

describe.each(machines)('$level kernels', (m) => {
  test('finishQueries merges lanes and leaves estimates, or known distances, as they are', () => {
    fc.assert(
      fc.property(any, fc.constantFrom(ESTIMATED, KNOWN), (c, mode) => {
        const task = taskOf(m, c)
        finishOnce(m, task, { mode }).forEach((found, q) => {
          const estimates = near(task, q).map(({ distance, slot }) => ({
            distance:
              mode === ESTIMATED && task.squared ? Math.max(0, f((task.norms[q] as number) + 2 * distance)) : distance,
            slot: task.ids[slot] as number,
          }))
          expectNear(found, sorted(estimates), task.k)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('finishQueries computes all exactly and sorts them again', () => {
    fc.assert(
      fc.property(any, (c) => {
        const task = taskOf(m, c)
        finishOnce(m, task, { mode: EXACT }).forEach((found, q) => {
          const exact = near(task, q).map(({ slot }) => ({
            distance: exactOf(task, q, slot),
            slot: task.ids[slot] as number,
          }))
          expectNear(found, sorted(exact), task.k)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('finishQueries sorts as many as are wanted, and counts them all', () => {
    fc.assert(
      fc.property(any, fc.nat(), (c, w) => {
        const task = taskOf(m, c)
        const want = 1 + (w % task.k)
        const all = finishOnce(m, task, { mode: EXACT })
        finishOnce(m, task, { mode: EXACT, want }).forEach((found, q) => {
          const { distances, slots, count } = all[q] as (typeof all)[number]
          expect(found.distances.slice(0, want)).toEqual(distances.slice(0, want))
          expect(found.slots.slice(0, want)).toEqual(slots.slice(0, want))
          expect(found.count).toBe(count)
          expect(count).toBe(distances.filter((distance) => distance < Number.POSITIVE_INFINITY).length)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('finishQueries keeps the order of the estimates when asked', () => {
    fc.assert(
      fc.property(any, (c) => {
        const task = taskOf(m, c)
        finishOnce(m, task, { mode: IN_ORDER }).forEach((found, q) => {
          const exact = near(task, q).map(({ slot }) => ({
            distance: exactOf(task, q, slot),
            slot: task.ids[slot] as number,
          }))
          expectNear(found, exact, task.k)
        })
      }),
      { numRuns: 100 },
    )
  })

  test('calibrating is a least-squares line through some of them, and keeps the order', () => {
    fc.assert(
      fc.property(any, fc.integer({ min: 1, max: 30 }), fc.boolean(), (c, samples, wanted) => {
        const task = taskOf(m, c)
        const clip = wanted && !task.squared
        finishOnce(m, task, { mode: CALIBRATED, samples, clip: +clip }).forEach((found, q) => {
          const estimates = near(task, q)
          const line = lineOf(task, q, estimates, samples)
          expect(found.slots).toEqual(
            filled(
              estimates.map(({ slot }) => task.ids[slot] as number),
              task.k,
              0xffffffff,
            ),
          )
          found.distances.slice(0, estimates.length).forEach((distance, i) => {
            const raw = line((estimates[i] as Near).distance)
            const expected = clip ? Math.max(-1, Math.min(1, raw)) : task.squared ? Math.max(0, raw) : raw
            expect(Math.abs(distance - expected)).toBeLessThan(1e-5 * (1 + Math.abs(raw)))
            expect(distance).toBeGreaterThanOrEqual(found.distances[i - 1] ?? -Infinity)
          })
          expect(found.distances.slice(estimates.length)).toEqual(filled([], task.k - estimates.length, Infinity))
        })
      }),
      { numRuns: 200 },
    )
  })

  test('estimates that say the contrary, or all the same, are only moved to the right mean', () => {
    const c = { dim: 4, nq: 1, k: 8, sizes: [8], lanes: 1, kept: 1, squared: false, noise: 0, seed: 7 }
    for (const estimate of [(d: number) => -d / 4, () => 3, (d: number) => d / 4]) {
      const task = taskOf(m, c)
      const exact = Array.from({ length: 8 }, (_, slot) => exactOf(task, 0, slot))
      expect(new Set(exact).size).toBeGreaterThan(4)
      const estimates = sorted(exact.map((d, slot) => ({ distance: estimate(d), slot })))
      const lanes = [[estimates]]
      const [found] = finishOnce(m, { ...task, lanes }, { mode: CALIBRATED, samples: 8 })
      const mean = (all: number[]) => all.reduce((sum, value) => sum + value, 0) / all.length
      const slope = estimate(1) === 0.25 ? 4 : 1
      const move = mean(exact) - slope * mean(estimates.map(({ distance }) => distance))
      expectClose(
        found?.distances ?? [],
        estimates.map(({ distance }) => slope * distance + move),
      )
    }
  })

  test('updateLimits merges exact distances; the limit is the k-th, in the sense of estimates', () => {
    fc.assert(
      fc.property(any, (c) => {
        const task = taskOf(m, c)
        const { limits, heaps } = runLimits(m, task)
        heaps[0]?.forEach((heap, q) => {
          const merged = near(task, q)
          expect(sorted(heap)).toEqual(merged)
          expect(limits[q]).toBe(
            limitOf(
              task,
              q,
              merged.map(({ distance }) => distance),
            ),
          )
        })
        expect(heaps.slice(1).flat(2)).toEqual([])
      }),
      { numRuns: 100 },
    )
  })
})

/** The k nearest that any lane holds. */
function near({ lanes, k }: Task, q: number): Near[] {
  const all = sorted(lanes.flatMap((lane) => lane[q] as Near[]))
  return all.filter(({ slot }, i) => all[i - 1]?.slot !== slot).slice(0, k)
}

function exactOf({ table, queries, squared }: Task, q: number, slot: number): number {
  const [x, query] = [rowOf(table, slot), rowOf(queries, q)]
  return squared ? squaredDistance(x, query) : 0 - wholeDot(x, query)
}

function limitOf({ k, squared, norms }: Task, q: number, exact: number[]): number {
  if (exact.length < k) return Infinity
  const farthest = Math.max(...exact)
  return (squared ? f(f(farthest - (norms[q] as number)) / 2) : farthest) + 0
}

/** The line by the textbook; the estimates as the scores that they stand for. */
function lineOf(task: Task, q: number, estimates: Near[], samples: number): (estimate: number) => number {
  const score = (estimate: number) => (task.squared ? (task.norms[q] as number) + 2 * estimate : estimate)
  const step = Math.max(1, Math.floor(estimates.length / samples))
  const pairs = estimates
    .filter((_, i) => i % step === 0)
    .map(({ distance, slot }) => [score(distance), exactOf(task, q, slot)] as const)
  const mean = (i: 0 | 1) => pairs.reduce((sum, pair) => sum + pair[i], 0) / pairs.length
  const [e, x] = [mean(0), mean(1)]
  const spread = pairs.reduce((sum, pair) => sum + (pair[0] - e) ** 2, 0)
  const fit = pairs.reduce((sum, pair) => sum + (pair[0] - e) * (pair[1] - x), 0) / spread
  // A slope that is nothing but rounding may come out on either side of 0.
  const slope = fit > 1e-12 ? fit : 1
  return (estimate) => slope * (score(estimate) - e) + x
}

function expectNear({ distances, slots }: { distances: number[]; slots: number[] }, expected: Near[], k: number): void {
  expectSame(
    distances.map((value) => value + 0),
    filled(
      expected.map(({ distance }) => distance + 0),
      k,
      Infinity,
    ),
  )
  expectSame(
    slots,
    filled(
      expected.map(({ slot }) => slot),
      k,
      0xffffffff,
    ),
  )
}

function filled(list: number[], length: number, value: number): number[] {
  return [...list, ...new Array(length - list.length).fill(value)]
}

function expectClose(found: number[], expected: number[]): void {
  expect(found.length).toBe(expected.length)
  for (const [i, value] of expected.entries()) expect(found[i]).toBeCloseTo(value, 4)
}

function runLimits(m: Machine, task: Task): { limits: Float32Array; heaps: Near[][][] } {
  const { nq, k, squared } = task
  const { record, heaps } = task.place(task.lanes)
  const limits = m.room(nq)
  const { heapStride, lanes, norms } = record
  m.run('updateLimits', m.record('Limits', { heaps, heapStride, lanes, k, limits, norms, squared: +squared }), nq)
  const read = (at: number): Near[] =>
    [...m.floats(at, k)]
      .map((distance, i) => ({ distance, slot: m.ints(at + 4 * k, k)[i] as number }))
      .filter(({ distance }) => distance < Infinity)
  const all = task.lanes.map((_, lane) => Array.from({ length: nq }, (_, q) => read(heaps + (lane * nq + q) * k * 8)))
  return { limits: m.floats(limits, nq), heaps: all }
}
