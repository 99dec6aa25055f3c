import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Metric } from '../../src/options.js'
import { nearness } from '../../src/recall/nearness.js'
import { patienceAt } from '../../src/recall/patience.js'
import { BINS, rankBins, shareAt } from '../../src/recall/table.js'
import { machines, numbers } from './machine.js'

const METRICS: readonly Metric[] = ['l2', 'cosine', 'ip']

describe.each(machines)('$level kernels', (m) => {
  test('decideCells moves the cells above the threshold behind those of the wave, and tells what may be expected', () => {
    const one = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      nq: fc.integer({ min: 1, max: 5 }),
      nprobe: fc.integer({ min: 1, max: 80 }),
      places: fc.integer({ min: 1, max: 12 }),
      wanted: fc.integer({ min: 1, max: 12 }),
      wave: fc.integer({ min: 1, max: 5 }),
      metric: fc.constantFrom(...METRICS),
      whole: fc.boolean(),
      telling: fc.boolean(),
      known: fc.boolean(),
    })
    fc.assert(
      fc.property(one, (c) => {
        m.reset()
        const random = numbers(c.seed)
        const uniform = (): number => (random() >>> 8) / 2 ** 24
        const floats = (count: number, make: () => number = uniform): Float32Array =>
          Float32Array.from({ length: count }, make)
        const nlist = 50
        const rows = (rankBins(c.nprobe).at(-1) as number) + 1
        const [low, step, threshold, scale, tail] = floats(5, () => 0.05 + uniform() / 2) as unknown as number[]
        const table = { low: -(low as number), step: step as number, shares: floats(rows * BINS, () => uniform() ** 4) }
        const [spreads, centroids] = [floats(nlist, () => 0.1 + uniform()), floats(nlist)]
        const [norms, lengths] = [floats(c.nq, () => 0.5 + uniform()), floats(c.nq, () => 0.5 + uniform())]
        const distances = floats(c.nq * c.nprobe, () => uniform() - 0.5)
        const cells = Uint32Array.from({ length: c.nq * c.nprobe }, () => random() % nlist)
        const used = Uint32Array.from({ length: c.nq }, (_, q) => (q % 3 === 2 ? 0 : 1 + (random() % c.nprobe)))
        // A heap's root is its farthest; some places are empty.
        const heaps = Array.from({ length: c.nq }, () =>
          [...floats(c.places, () => (uniform() < 0.1 ? Infinity : uniform() - 0.3))].sort((a, b) => b - a),
        )
        const told = Array.from({ length: c.nq }, () => uniform() - 0.3).map(Math.fround)
        const at = {
          heaps: m.put(heaps.flatMap((heap) => [...heap, ...new Array<number>(c.places).fill(0)])),
          cells: m.putInts([...cells]),
          distances: m.put([...distances]),
          used: m.putInts([...used]),
          expected: m.room(c.nq),
          open: m.room(c.nq),
          limits: c.known ? m.put(told) : m.room(c.nq),
          known: c.known ? 1 : 0,
          told: c.telling ? m.room(c.nq * c.nprobe) : 0,
        }
        const bins = m.room(Math.ceil(c.nprobe / 4))
        new Uint8Array(m.memory.buffer, bins, c.nprobe).set(rankBins(c.nprobe))
        const fields = {
          ...at,
          ...{
            bins,
            places: c.places,
            wanted: c.wanted,
            nprobe: c.nprobe,
            columns: BINS,
            low: table.low,
            step: table.step,
          },
          ...{ norms: m.put([...norms]), lengths: m.put([...lengths]), spreads: m.put([...spreads]) },
          ...{ centroids: m.put([...centroids]), shares: m.put([...table.shares]), wave: c.wave },
          ...{ threshold: threshold as number, scale: scale as number, tail: tail as number },
          ...{ form: METRICS.indexOf(c.metric), whole: c.whole ? 1 : 0 },
          ...{ scratch: m.room(c.wanted), scratchStride: 4 * c.wanted },
        }
        m.run('decideCells', m.record('Decide', fields), c.nq)
        for (let q = 0; q < c.nq; q++) {
          const chosen = used[q] as number
          const expected = m.floats(at.expected, c.nq)[q] as number
          if (chosen === 0) {
            expect(m.ints(at.used, c.nq)[q]).toBe(0)
            expect(expected).toBeNaN()
            continue
          }
          const sorted = [...(heaps[q] as number[])].sort((a, b) => a - b)
          const found = c.known ? (told[q] as number) : (sorted[c.wanted - 1] ?? Infinity)
          expect(m.floats(at.limits, c.nq)[q]).toBe(found)
          const norm = norms[q] as number
          const length = lengths[q] as number
          const kth = c.metric === 'l2' && !c.whole ? Math.max(0, norm + 2 * found) : found
          const all = Array.from({ length: chosen }, (_, rank) => {
            const [cell, distance] = [cells[q * c.nprobe + rank] as number, distances[q * c.nprobe + rank] as number]
            const z = nearness(c.metric, { spreads, norms: centroids }, cell, distance, length, kth)
            return { cell, distance, share: shareAt(table, rankBins(c.nprobe)[rank] as number, z) }
          })
          const { looked, open } = patient(
            all.map(({ share }, rank) => rank < c.wave || share >= (threshold as number)),
          )
          expect(m.ints(at.open, c.nq)[q]).toBe(open ? 1 : 0)
          const ranked = all.slice(0, looked)
          const stays = ranked.filter(({ share }, rank) => rank < c.wave || share >= (threshold as number))
          expect(m.ints(at.used, c.nq)[q]).toBe(stays.length)
          const own = q * c.nprobe * 4
          expect([...m.ints(at.cells + own, stays.length)]).toEqual(stays.map(({ cell }) => cell))
          expect([...m.floats(at.distances + own, stays.length)]).toEqual(stays.map(({ distance }) => distance))
          const inside = stays.reduce((sum, { share }) => sum + share, 0)
          const seen = ranked.reduce((sum, { share }) => sum + share, 0)
          const recall = Math.min(1, ((scale as number) * inside) / (inside + (seen - inside) * (1 + (tail as number))))
          if (inside > 0) expect(expected).toBeCloseTo(recall, 5)
          else expect(expected).toBe(0)
          if (c.telling)
            expect([...m.floats(at.told + own, looked)]).toEqual(ranked.map(({ share }) => Math.fround(share)))
        }
      }),
      { numRuns: 200, seed: 1 },
    )
  })
})

/** How many cells are looked at, and whether more would be, of cells that are worth a visit or not. */
function patient(worth: readonly boolean[]): { looked: number; open: boolean } {
  for (let from = 0; from < worth.length; from++) {
    const to = from + patienceAt(from)
    if (to <= worth.length && !worth.slice(from, to).some(Boolean)) return { looked: to, open: false }
  }
  return { looked: worth.length, open: true }
}
