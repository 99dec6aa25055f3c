import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { followCurve, THRESHOLDS } from '../../src/recall/curve.js'
import { NONE } from '../../src/recall/held-out.js'
import { nearnessOf, type Observed, WAVES } from '../../src/recall/observe.js'
import { BINS, binOf, rankBins, type Table } from '../../src/recall/table.js'

const [K, PLACES, NLIST] = [5, 7, 30]

/** Queries, cells and neighbours at random, as `observe` would tell of them. */
function observed(seed: number, nq: number, ranks: number): Observed {
  const random = seeded(seed)
  const uniform = (): number => random.below(1 << 20) / (1 << 20)
  const each = <T>(count: number, make: (i: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
  const cells = each(nq, () => [...random.sample(ranks, NLIST)]).flat()
  const distances = each(nq, () => each(ranks, () => 3 * uniform()).sort((a, b) => a - b)).flat()
  const near = (): number => (uniform() < 0.1 ? NONE : Math.floor((ranks + 1) * uniform() ** 3))
  const kth = WAVES.map(() => Float32Array.from({ length: nq * PLACES }, () => 2 * uniform()))
  return {
    ...{ nq, ranks, cells: Uint32Array.from(cells), distances: Float32Array.from(distances) },
    ...{ norms: new Float32Array(nq).fill(1), found: Uint32Array.from(each(nq * PLACES, near)), kth },
  }
}

function tableOf(seed: number, ranks: number): Table {
  const random = seeded(seed)
  const rows = (rankBins(ranks).at(-1) as number) + 1
  const shares = Float32Array.from({ length: rows * BINS }, () => (random.below(1 << 20) / (1 << 20)) ** 6)
  return { low: -1, step: 0.1, shares }
}

test('what a curve tells of each threshold is what searching with it would come to', () => {
  const one = fc.record({
    seed: fc.nat(),
    nq: fc.integer({ min: 1, max: 12 }),
    ranks: fc.integer({ min: 1, max: NLIST }),
    wave: fc.nat({ max: WAVES.length - 1 }),
    metric: fc.constantFrom('l2', 'cosine', 'ip'),
  } as const)
  fc.assert(
    fc.property(one, ({ seed, nq, ranks, wave, metric }) => {
      const random = seeded(seed ^ 1)
      const seen = observed(seed, nq, ranks)
      const table = tableOf(seed ^ 2, ranks)
      const shapes = { spreads: new Float32Array(NLIST).fill(0.5), norms: new Float32Array(NLIST).fill(0.8) }
      const sizes = Uint32Array.from({ length: NLIST }, () => random.below(50))
      const kept = [0, 1].map(() => Uint8Array.from({ length: nq * PLACES }, () => Math.min(1, random.below(4))))
      const settings = { metric, shapes, sizes, wave, k: K, places: PLACES, kept }
      const curve = followCurve(seen, table, [0, nq], settings)
      for (const step of [0, 40, 100, 150, THRESHOLDS.length - 1]) {
        const most = curve.most[step] as number
        expect(most).toBeGreaterThanOrEqual(Math.max(curve.most[step - 1] ?? 1, Math.min(ranks, WAVES[wave] as number)))
        const plain = simulate(seen, table, settings, THRESHOLDS[step] as number, most)
        for (const name of ['vectors', 'cells', 'told'] as const) expect(curve[name][step]).toBeCloseTo(plain[name], 3)
        for (const [level, means] of curve.recall.entries()) {
          expect(means[step]).toBeCloseTo(plain.recall[level] as number, 5)
          // Two roundings of 32 bits stand below a root.
          expect(curve.deviation[level]?.[step]).toBeCloseTo(plain.deviation[level] as number, 3)
        }
        expect(plain.beyond(most)).toBeLessThanOrEqual(0.01)
        expect(curve.tail[step]).toBeCloseTo(plain.tail, 4)
      }
    }),
    { numRuns: 40 },
  )
})

type Settings = Parameters<typeof followCurve>[3]

/** Each query by itself: its nearest cells, and of the `most` nearest those whose share reaches the threshold. */
function simulate(seen: Observed, table: Table, settings: Settings, threshold: number, most: number) {
  const { nq, ranks, cells, found } = seen
  const { metric, shapes, sizes, wave, kept } = settings
  const bins = rankBins(ranks)
  const z = new Float64Array(ranks)
  const sum = (list: number[]): number => list.reduce((all, one) => all + one, 0)
  const each = Array.from({ length: nq }, (_, q) => {
    nearnessOf(seen, metric, shapes, q, wave, { k: K, places: PLACES }, z)
    const shares = Array.from(z, (at, rank) => table.shares[(bins[rank] as number) * BINS + binOf(table, at)] as number)
    const neighbours = [...found.subarray(q * PLACES, q * PLACES + K)]
    const worth = shares.map((share, rank) => rank < (WAVES[wave] as number) || share >= threshold)
    return { q, shares, neighbours, worth, wanted: neighbours.filter((rank) => rank !== NONE).length }
  }).filter(({ wanted }) => wanted > 0)
  const tail = sum(each.map(({ shares }) => sum(shares.slice(most)))) / Math.max(1, each.length)
  const runs = each.map(({ q, shares, neighbours, worth, wanted }) => {
    const visited = worth.map((is, rank) => is && rank < most)
    return {
      hits: kept.map((own) => neighbours.filter((rank, i) => visited[rank] && own[q * PLACES + i]).length / wanted),
      cells: visited.filter(Boolean).length,
      vectors: sum(visited.map((visits, rank) => (visits ? (sizes[cells[q * ranks + rank] as number] as number) : 0))),
      told: Math.min(1, sum(shares.filter((_, rank) => visited[rank])) / (sum(shares.slice(0, most)) + tail)),
    }
  })
  const mean = (of: (run: (typeof runs)[number]) => number): number => sum(runs.map(of)) / Math.max(1, runs.length)
  const recall = kept.map((_, level) => mean(({ hits }) => hits[level] as number))
  const all = sum(each.map(({ worth }) => worth.filter(Boolean).length))
  return {
    ...{ recall, vectors: mean((run) => run.vectors), cells: mean((run) => run.cells), told: mean((run) => run.told) },
    deviation: recall.map((middle, level) => Math.sqrt(mean(({ hits }) => ((hits[level] as number) - middle) ** 2))),
    /** Of those worth a visit, the part beyond. */
    beyond: (rank: number) => all && sum(each.map(({ worth }) => worth.slice(rank).filter(Boolean).length)) / all,
    tail,
  }
}
