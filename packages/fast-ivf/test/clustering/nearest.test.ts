import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { assign, products } from '../../src/clustering/nearest.js'
import { seeded } from '../../src/clustering/random.js'
import { allocPanels, scatter } from '../../src/engine/panels.js'
import { createEngine } from '../../src/runtime.js'
import { dot, rowsOf, squaredDistance } from './reference.js'

/** Small integers: every order of additions gives the same answer, and ties are many. */
function integers(count: number, seed: number): Float32Array {
  const random = seeded(seed)
  return Float32Array.from({ length: count }, () => random.below(5) - 2)
}

const sizes = {
  dim: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 127, 256, 1025)),
  n: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.constantFrom(63, 64, 65, 130)),
  k: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(127, 128, 129, 300)),
  seed: fc.nat(1e6),
}

describe.each(['cosine', 'l2'] as const)('metric %s', (metric) => {
  test('the nearest centroid is the first of the nearest, at its distance', async () => {
    const engine = await createEngine({ threads: 0 })
    await fc.assert(
      fc.asyncProperty(fc.record(sizes), async ({ dim, n, k, seed }) => {
        const [rows, centroids] = [integers(n * dim, seed), integers(k * dim, seed + 1)]
        await engine.frame(async (scratch) => {
          const at = scratch.alloc(rows.byteLength)
          const from = scratch.alloc(centroids.byteLength)
          const table = allocPanels(engine, (bytes) => scratch.alloc(bytes), k, dim)
          const [labels, distances, all] = [scratch.alloc(n * 4), scratch.alloc(n * 4), scratch.alloc(n * k * 4)]
          engine.floats(at, rows.length).set(rows)
          engine.floats(from, centroids.length).set(centroids)
          await scatter(engine, table, {
            rows: from,
            count: k,
            first: 0,
            halfNorm: metric === 'l2',
            dropZero: false,
          })
          await assign(engine, table, { rows: at, count: n }, { labels, distances })
          await products(engine, table, { rows: at, count: n }, k, all)
          const [x, c] = [rowsOf(rows, dim), rowsOf(centroids, dim)]
          x.forEach((row, i) => {
            const gaps = c.map((centroid) =>
              metric === 'l2' ? dot(centroid, centroid) / 2 - dot(row, centroid) : -dot(row, centroid),
            )
            const least = Math.min(...gaps)
            expect(engine.ints(labels, n)[i]).toBe(gaps.indexOf(least))
            expect(engine.floats(distances, n)[i]).toBe(least + 0)
            if (metric === 'l2')
              expect(2 * least + dot(row, row)).toBe(squaredDistance(row, c[gaps.indexOf(least)] as number[]))
            expect([...engine.floats(all + i * k * 4, k)]).toEqual(c.map((centroid) => dot(row, centroid) + 0))
          })
        })
      }),
      { numRuns: 60, seed: 3 },
    )
    engine.close()
  })
})
