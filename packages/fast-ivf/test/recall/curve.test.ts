import fc from 'fast-check'
import { expect, test } from 'vitest'
import { seeded } from '../../src/clustering/random.js'
import { followCurve, THRESHOLDS } from '../../src/recall/curve.js'
import { NONE } from '../../src/recall/held-out.js'
import { nearnessOf, type Observed, WAVES } from '../../src/recall/observe.js'
import { patienceAt } from '../../src/recall/patience.js'
import { BINS, rankBins, shareAt, type Table } from '../../src/recall/table.js'

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
    // Every third neighbour is in a second cell, too.
    again: Uint32Array.from(each(nq * PLACES, (i) => (i % 3 ? NONE : near()))),
  }
}

function tableOf(seed: number, ranks: number): Table {
  const random = seeded(seed)
  const rows = (rankBins(ranks).at(-1) as number) + 1
  const shares = Float32Array.from(
    { length: rows * BINS },
    () => Math.max(0, random.below(1 << 20) / (1 << 20) - 0.1) ** 6,
  )
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
        const plain = simulate(seen, table, settings, THRESHOLDS[step] as number, most)
        for (const name of ['vectors', 'cells', 'told'] as const) expect(curve[name][step]).toBeCloseTo(plain[name], 3)
        for (const [level, means] of curve.recall.entries()) {
          expect(means[step]).toBeCloseTo(plain.recall[level] as number, 5)
          // Two roundings of 32 bits stand below a root.
          expect(curve.deviation[level]?.[step]).toBeCloseTo(plain.deviation[level] as number, 3)
        }
        expect(plain.beyond(most)).toBeLessThanOrEqual(0.01)
        if (most > 1) expect(plain.beyond(most - 1)).toBeGreaterThan(0.01)
        if (plain.left > 1e-3) expect(curve.tail[step]).toBeCloseTo(plain.tail / plain.left, 3)
      }
    }),
    { numRuns: 40, seed: 1 },
  )
})

/** Of next to nothing no part can be told. */
const LITTLE = 1e-5

type Settings = Parameters<typeof followCurve>[3]

/** Each query by itself: its nearest cells, and those others whose share reaches the threshold. */
function simulate(seen: Observed, table: Table, settings: Settings, threshold: number, most: number) {
  const { nq, ranks, cells, found, again } = seen
  const { metric, shapes, sizes, wave, kept } = settings
  const bins = rankBins(ranks)
  const z = new Float64Array(ranks)
  const sum = (list: number[]): number => list.reduce((all, one) => all + one, 0)
  const runs = Array.from({ length: nq }, (_, q) => {
    nearnessOf(seen, metric, shapes, q, wave, { k: K, places: PLACES }, z)
    const shares = Array.from(z, (at, rank) => shareAt(table, bins[rank] as number, at))
    const neighbours = [...found.subarray(q * PLACES, q * PLACES + K)]
    const worth = shares.map((share, rank) => rank < (WAVES[wave] as number) || share >= threshold)
    const looked = lookedAt(worth)
    const visited = worth.map((own, rank) => own && rank < looked)
    const wanted = neighbours.filter((rank) => rank !== NONE).length
    const met = (rank: number, i: number): boolean =>
      rank !== NONE && (visited[rank] || visited[again[q * PLACES + i] as number]) === true
    const inside = sum(shares.filter((_, rank) => visited[rank]))
    return {
      ...{ wanted, shares, visited, inside, examined: Math.min(looked, most), cells: visited.filter(Boolean).length },
      hits: kept.map((own) => neighbours.filter((rank, i) => met(rank, i) && own[q * PLACES + i]).length / wanted),
      vectors: sum(visited.map((visits, rank) => (visits ? (sizes[cells[q * ranks + rank] as number] as number) : 0))),
    }
  }).filter(({ wanted }) => wanted > 0)
  const mean = (of: (run: (typeof runs)[number]) => number): number => sum(runs.map(of)) / Math.max(1, runs.length)
  const recall = kept.map((_, level) => mean(({ hits }) => hits[level] as number))
  const all = sum(runs.map((run) => run.cells))
  const tail = sum(runs.map(({ shares, examined }) => sum(shares.slice(examined))))
  /** Expected before there, and not visited. */
  const left = sum(runs.map(({ shares, inside, examined }) => sum(shares.slice(0, examined)) - inside))
  const told = ({ shares, inside, examined }: (typeof runs)[number]): number => {
    const outside = Math.max(0, sum(shares.slice(0, examined)) - inside)
    return inside > 0 ? inside / (inside + outside * (1 + (left > LITTLE * runs.length ? tail / left : 0))) : 0
  }
  return {
    ...{ recall, vectors: mean((run) => run.vectors), cells: mean((run) => run.cells), told: mean(told) },
    deviation: recall.map((middle, level) => Math.sqrt(mean(({ hits }) => ((hits[level] as number) - middle) ** 2))),
    /** Of the visited cells, the part beyond a rank. */
    beyond: (rank: number) => all && sum(runs.map(({ visited }) => visited.slice(rank).filter(Boolean).length)) / all,
    ...{ tail, left },
  }
}

/** Where patience ends. */
function lookedAt(worth: readonly boolean[]): number {
  const end = worth.findIndex((_, from) => {
    const to = from + patienceAt(from)
    return to <= worth.length && !worth.slice(from, to).some(Boolean)
  })
  return end < 0 ? worth.length : end + patienceAt(end)
}
