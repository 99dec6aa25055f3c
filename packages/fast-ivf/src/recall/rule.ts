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

/** Visits, behind the nearest cells, those that hold at least a threshold's share of the neighbours, by the table. */
export function ruleOf(choice: Choice, { metric, shapes, exact }: RuleSettings): StoppingRule & { most: number } {
  const { wave, threshold, most, scale, tail } = ruleNumbers(choice)
  const { table } = (choice.by as NonNullable<Choice['by']>).variant
  const bins = rankBins(most)
  const { k, vectors } = choice
  return { wave, k, vectors, most, decide }

  function decide(search: Search, { nq, nprobe, cells, distances, used, norms }: Probes): Float32Array {
    const expected = new Float32Array(nq).fill(Number.NaN)
    const nearest = new Float32Array(k)
    for (let q = 0; q < nq; q++) {
      const chosen = used[q] as number
      if (chosen === 0) continue
      const norm = norms[q] as number
      const limit = kthOf(search, q, nearest)
      const kth = metric === 'l2' && !exact ? Math.max(0, norm + 2 * limit) : limit
      let [n, inside, all] = [0, 0, tail]
      for (let rank = 0; rank < chosen; rank++) {
        const at = q * nprobe + rank
        const [cell, distance] = [cells[at] as number, distances[at] as number]
        const bin = binOf(table, nearness(metric, shapes, cell, distance, norm, kth))
        const share = table.shares[(bins[rank] as number) * BINS + bin] as number
        all += share
        if (rank >= wave && share < threshold) continue
        inside += share
        cells[q * nprobe + n] = cell
        distances[q * nprobe + n++] = distance
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
