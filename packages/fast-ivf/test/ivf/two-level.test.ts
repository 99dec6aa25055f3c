import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { assigningAll } from '../../src/clustering/nearest.js'
import { seeded } from '../../src/clustering/random.js'
import type { Engine } from '../../src/engine/engine.js'
import { panelsOf } from '../../src/engine/panels.js'
import { type ChosenCells, comparingAll } from '../../src/ivf/choose.js'
import type { Finding } from '../../src/ivf/finding.js'
import { Held } from '../../src/ivf/held.js'
import { inTwoLevels, type TwoLevels } from '../../src/ivf/two-level.js'
import type { Metric } from '../../src/options.js'
import { createEngine } from '../../src/runtime.js'
import { mixture } from '../mixture.js'

const METRICS = ['cosine', 'ip', 'l2'] as const
let engine: Engine
beforeAll(async () => {
  engine = await createEngine({ threads: 0 })
})
afterAll(() => engine.close())

/** Centroids, and how they are found: comparing all, and in two levels. */
interface Both {
  metric: Metric
  dim: number
  all: Finding
  two: Finding
  held: Held
}

async function both(
  on: Engine,
  metric: Metric,
  dim: number,
  rows: Float32Array,
  exact: boolean,
  levels?: TwoLevels,
): Promise<Both> {
  const held = new Held(on)
  const panels = (halfNorm: boolean) => panelsOf(on, (bytes) => held.alloc(bytes), rows, dim, { halfNorm })
  const all = {
    choose: comparingAll(await panels(metric === 'l2')),
    assign: assigningAll(on, await panels(metric !== 'cosine')),
  }
  return { metric, dim, all, two: inTwoLevels(on, held, { metric, dim, rows, exact }, all, levels), held }
}

/** Cells of the queries, and the cell of each as a vector. */
function find(on: Engine, { choose, assign }: Finding, dim: number, queries: Float32Array, nprobe: number) {
  const nq = queries.length / dim
  return on.frame(async (scratch): Promise<ChosenCells & { labels: Uint32Array }> => {
    const [rows, norms, labels] = [scratch.alloc(queries.byteLength), scratch.alloc(nq * 4), scratch.alloc(nq * 4)]
    on.floats(rows, queries.length).set(queries)
    on.floats(norms, nq).set(Float32Array.from({ length: nq }, (_, q) => squares(queries, q, dim)))
    const chosen = await choose(scratch, { rows, norms, nq }, nprobe, {})
    await assign({ rows, count: nq }, labels, {})
    return { ...chosen, labels: on.ints(labels, nq).slice() }
  })
}

function squares(rows: Float32Array, row: number, dim: number): number {
  return rows.subarray(row * dim, (row + 1) * dim).reduce((sum, x) => sum + x * x, 0)
}

function unit(rows: Float32Array, dim: number): Float32Array {
  return rows.map((x, i) => x / Math.sqrt(squares(rows, Math.floor(i / dim), dim)))
}

function uniform(count: number, dim: number, seed: number): Float32Array {
  const random = seeded(seed)
  return Float32Array.from({ length: count * dim }, () => random.below(1 << 20) / (1 << 19) - 1)
}

/** The share of the first's entries, nprobe per query, that are among the second's. */
function shareFound(wanted: Uint32Array, found: Uint32Array, nprobe: number): number {
  let met = 0
  for (let at = 0; at < wanted.length; at += nprobe) {
    const own = new Set(found.subarray(at, at + nprobe))
    for (const cell of wanted.subarray(at, at + nprobe)) if (own.has(cell)) met++
  }
  return met / wanted.length
}

const [NLIST, NQ, NPROBE] = [4200, 300, 16]
/** Long centroids have large products with queries from everywhere. */
const LEAST: Record<Metric, number> = { cosine: 0.99, ip: 0.97, l2: 0.99 }
const sets: [string, number, (count: number, seed: number) => Float32Array][] = [
  ['clustered', 32, (count, seed) => mixture(count, 32, seed, 60)],
  ['uniform', 4, (count, seed) => uniform(count, 4, seed)],
]

describe.each(METRICS)('by %s', (metric) => {
  describe.each(sets)('%s centroids (dim %i)', (_, dim, make) => {
    test.each([true, false])(
      `${LEAST[metric]} of the cells are found by a fifth of the comparisons: exact %s`,
      async (exact) => {
        const given = (count: number, seed: number): Float32Array =>
          metric === 'cosine' ? unit(make(count, seed), dim) : make(count, seed)
        // Of one mixture: the same seed makes the same clusters.
        const rows = given(NLIST + NQ, 5)
        const [centroids, queries] = [rows.subarray(0, NLIST * dim), rows.subarray(NLIST * dim)]
        const pair = await both(engine, metric, dim, centroids, exact)
        const [all, two] = [
          await find(engine, pair.all, dim, queries, NPROBE),
          await find(engine, pair.two, dim, queries, NPROBE),
        ]
        expect(shareFound(all.cells, two.cells, NPROBE)).toBeGreaterThanOrEqual(LEAST[metric])
        expect(shareFound(all.labels, two.labels, 1)).toBeGreaterThanOrEqual(0.99)
        expect(two.compared / all.compared).toBeLessThanOrEqual(0.2)
        pair.held.release()
      },
    )
  })
})

test('what is found is at its distance, nearest first, and where one super-cell holds all it is what comparing all finds', async () => {
  const shape = fc.record({
    metric: fc.constantFrom(...METRICS),
    dim: fc.integer({ min: 1, max: 40 }),
    nlist: fc.integer({ min: 600, max: 1200 }),
    supers: fc.constantFrom(1, 1, 7, 40),
    nq: fc.constantFrom(1, 2, 33),
    exact: fc.boolean(),
    seed: fc.nat(1e6),
  })
  await fc.assert(
    fc.asyncProperty(shape, async ({ metric, dim, nlist, supers, nq, exact, seed }) => {
      const nprobe = Math.max(1, Math.floor(nlist / 64) - 8)
      const pair = await both(engine, metric, dim, uniform(nlist, dim, seed), exact, { supers, share: 1 })
      const queries = uniform(nq, dim, seed + 1)
      const two = await find(engine, pair.two, dim, queries, nprobe)
      const whole = await find(engine, pair.all, dim, queries, nlist)
      for (let q = 0; q < nq; q++) {
        const gaps = new Map<number, number>()
        for (let at = q * nlist; at < (q + 1) * nlist; at++) {
          gaps.set(whole.cells[at] as number, whole.distances[at] as number)
        }
        for (let rank = 0; rank < nprobe; rank++) {
          const at = q * nprobe + rank
          const gap = two.distances[at] as number
          expect(gap).toBeCloseTo(gaps.get(two.cells[at] as number) as number, 4)
          if (rank > 0) expect(gap).toBeGreaterThanOrEqual(two.distances[at - 1] as number)
          if (supers === 1) expect(gap).toBeCloseTo(whole.distances[q * nlist + rank] as number, exact ? 4 : 1)
        }
      }
      if (supers === 1 && exact) expect([...two.labels]).toEqual([...whole.labels])
      pair.held.release()
    }),
    { numRuns: 40, seed: 2 },
  )
})

test.each(METRICS)('the same cells on any number of threads, by %s', async (metric) => {
  const dim = 48
  const [centroids, queries] = [mixture(4300, dim, 8), mixture(900, dim, 9)]
  const found = []
  for (const threads of [0, 1, 2, 4]) {
    const on = await createEngine({ threads })
    const { two } = await both(on, metric, dim, centroids, true)
    const { cells, distances, labels, compared } = await find(on, two, dim, queries, 20)
    found.push({ cells, distances, labels, compared })
    on.close()
  }
  for (const other of found.slice(1)) expect(other).toEqual(found[0])
})

test('a query that wants many cells is compared with all centroids', async () => {
  const pair = await both(engine, 'l2', 8, uniform(4200, 8, 1), true)
  const { compared, cells } = await find(engine, pair.two, 8, uniform(3, 8, 2), 4200)
  expect(compared).toBe(3 * 4200)
  expect(new Set(cells.subarray(0, 4200)).size).toBe(4200)
  pair.held.release()
})

test('where centroids are all the same, as many cells are found as are wanted, and every vector has one', async () => {
  for (const metric of METRICS) {
    const pair = await both(engine, metric, 8, new Float32Array(4200 * 8).fill(0.5), metric !== 'ip')
    const { cells, labels } = await find(engine, pair.two, 8, uniform(5, 8, 3), 9)
    for (let q = 0; q < 5; q++) expect(new Set(cells.subarray(q * 9, q * 9 + 9)).size).toBe(9)
    for (const cell of [...cells, ...labels]) expect(cell).toBeLessThan(4200)
    pair.held.release()
  }
})

test('what could not be made for want of memory leaves nothing behind, and is made at the next call', async () => {
  const pair = await both(engine, 'l2', 8, uniform(4200, 8, 1), true)
  const queries = uniform(3, 8, 2)
  const before = engine.bytes
  const alloc = engine.alloc.bind(engine)
  let large = 0
  // By the second large block super-cells have theirs already.
  engine.alloc = (bytes) => {
    if (bytes > 4200 * 16 && ++large > 1) throw new Error('no memory')
    return alloc(bytes)
  }
  await expect(find(engine, pair.two, 8, queries, 4)).rejects.toThrow('no memory')
  expect(engine.bytes).toBe(before)
  engine.alloc = alloc
  expect((await find(engine, pair.two, 8, queries, 4)).cells).toHaveLength(12)
  pair.held.release()
})
