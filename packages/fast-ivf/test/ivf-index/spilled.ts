/** What is spilled, looked at in plain code. */
import { expect } from 'vitest'
import type { Id, IvfIndex } from '../../src/index.js'
import { hasBit, wordsFor } from '../../src/ivf/bits.js'
import { homesOf } from '../../src/ivf/spilled.js'
import { readVectors } from '../../src/ivf/vectors.js'

/**
 * Expects each vector at most once in a second cell, which is another than its own, and where vectors are as they were
 * given, about the one with the least loss of all. Returns how many are there.
 */
export function expectSpilled<I extends Id>(index: IvfIndex<I>): Promise<number> {
  return index.whileHeld(async ({ model, segments }) => {
    const { engine, dim, nlist, rows: centroids, exact, projection } = model
    let there = 0
    for (const segment of segments) {
      const { spill, starts, count, mask } = segment
      if (!spill) throw new Error('nothing is spilled')
      const cellOf = (own: Uint32Array, slot: number): number => own.findIndex((_, c) => (own[c + 1] as number) > slot)
      const homes = homesOf(model, spill).slice()
      const owns = engine.ints(spill.owns, spill.count).slice()
      expect(spill.starts.at(-1)).toBe(spill.count)
      expect(new Set(homes).size).toBe(homes.length)
      const bits = (at: number, slots: number): Uint32Array => engine.ints(at, wordsFor(slots)).slice()
      const [own, other] = [mask && bits(mask, count), spill.mask && bits(spill.mask, spill.count)]
      expect(own === 0).toBe(other === 0)
      const vectors = await engine.frame(async (scratch) => {
        if (!exact || projection) return undefined
        const at = await readVectors(
          scratch,
          model,
          segment,
          Uint32Array.from({ length: count }, (_, i) => i),
        )
        return engine.floats(at, count * dim).slice()
      })
      for (const [slot, home] of homes.entries()) {
        const [cell, second] = [cellOf(starts, home), cellOf(spill.starts, slot)]
        expect(owns[slot]).toBe(cell)
        expect(second).not.toBe(cell)
        const gone = own !== 0 && !hasBit(own, home)
        expect(other !== 0 && !hasBit(other, slot)).toBe(gone)
        if (!gone) there++
        const x = vectors?.subarray(home * dim, (home + 1) * dim)
        if (!x) continue
        const losses = Array.from({ length: nlist }, (_, c) => lossOf(x, centroids, cell, c))
        const least = Math.min(...losses.filter((_, c) => c !== cell))
        const loss = losses[second] as number
        if (Number.isFinite(loss)) expect(loss).toBeLessThanOrEqual(least * (1 + 1e-4) + 1e-12)
      }
    }
    return there
  })
}

/** ‖x − c'‖² + 1.5 ⟨x − c', r / ‖r‖⟩² */
function lossOf(x: Float32Array, centroids: Float32Array, cell: number, other: number): number {
  let [distance, product, length] = [0, 0, 0]
  for (const [k, value] of x.entries()) {
    const rest = value - (centroids[cell * x.length + k] as number)
    const far = value - (centroids[other * x.length + k] as number)
    distance += far * far
    product += far * rest
    length += rest * rest
  }
  return distance + (1.5 * product * product) / length
}
