import type { StoppingRule } from '../ivf/rows.js'
import type { Search } from '../ivf/scan.js'
import type { Probes } from '../ivf/visits.js'
import type { Metric } from '../options.js'
import { type Choice, ruleNumbers } from './calibration.js'
import { type CellShapes, nearness } from './nearness.js'
import { BINS, binOf, rankBins } from './table.js'

export interface RuleSettings {
  metric: Metric
  shapes: CellShapes
  /** Heaps hold exact distances: of l2 whole squares. */
  exact: boolean
}

/** A rule that can tell why it decides as it does. */
export interface RecallRule extends StoppingRule {
  /** Cells that must be chosen of each query. */
  readonly most: number
  /** A cell behind the wave is visited if it is expected to hold at least this share of the neighbours. */
  readonly threshold: number
  /** Writes the share that each chosen cell of query `q` is expected to hold: as many as it uses, in their order. */
  expect(search: Search, probes: Probes, q: number, shares: Float32Array): void
}

/** Visits, behind the nearest cells, those that hold at least a threshold's share of the neighbours, by the table. */
export function ruleOf(choice: Choice, { metric, shapes, exact }: RuleSettings): RecallRule {
  const { wave, threshold, most, scale, tail } = ruleNumbers(choice)
  const { table } = (choice.by as NonNullable<Choice['by']>).variant
  const bins = rankBins(most)
  const { k, vectors } = choice
  const nearest = new Float32Array(k)
  return { wave, k, vectors, most, threshold, expect, decide }

  function expect(search: Search, probes: Probes, q: number, shares: Float32Array): void {
    const { nprobe, cells, distances, used, norms, lengths } = probes
    const [norm, length] = [norms[q] as number, lengths[q] as number]
    const limit = kthOf(search, q, nearest)
    const kth = metric === 'l2' && !exact ? Math.max(0, norm + 2 * limit) : limit
    for (let rank = 0; rank < (used[q] as number); rank++) {
      const at = q * nprobe + rank
      const bin = binOf(table, nearness(metric, shapes, cells[at] as number, distances[at] as number, length, kth))
      shares[rank] = table.shares[(bins[rank] as number) * BINS + bin] as number
    }
  }

  function decide(search: Search, probes: Probes): Float32Array {
    const { nq, nprobe, cells, distances, used } = probes
    const expected = new Float32Array(nq).fill(Number.NaN)
    const shares = new Float32Array(nprobe)
    for (let q = 0; q < nq; q++) {
      const chosen = used[q] as number
      if (chosen === 0) continue
      expect(search, probes, q, shares)
      let [n, inside, all] = [0, 0, tail]
      for (let rank = 0; rank < chosen; rank++) {
        const [at, share] = [q * nprobe + rank, shares[rank] as number]
        all += share
        if (rank >= wave && share < threshold) continue
        inside += share
        cells[q * nprobe + n] = cells[at] as number
        distances[q * nprobe + n++] = distances[at] as number
      }
      used[q] = n
      expected[q] = Math.min(1, (scale * inside) / all)
    }
    return expected
  }
}

/** The k-th smallest distance in the first lane's heap of a query; infinite when there are fewer. */
function kthOf({ scratch: { engine }, heaps, k: places }: Search, q: number, nearest: Float32Array): number {
  const heap = engine.floats(heaps + q * places * 8, places)
  const k = nearest.length
  // The root of a heap is its farthest.
  if (places <= k) return places < k ? Number.POSITIVE_INFINITY : (heap[0] as number)
  let n = 0
  for (let i = 0; i < places; i++) {
    const distance = heap[i] as number
    if (n === k && !(distance < (nearest[k - 1] as number))) continue
    let at = n < k ? n++ : k - 1
    for (; at > 0 && (nearest[at - 1] as number) > distance; at--) nearest[at] = nearest[at - 1] as number
    nearest[at] = distance
  }
  return nearest[k - 1] as number
}
