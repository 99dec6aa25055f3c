/** Which slots may be answers, and which are met elsewhere, as kernels read it. */
import { hasBit, setBit, wordsFor } from '../../src/ivf/bits.js'
import type { Machine } from './machine.js'

/** Stretches of slots that may be answers, of some that may not, and of both. */
export function randomMask(count: number, random: () => number): boolean[] {
  const mask: boolean[] = []
  while (mask.length < count) {
    const [kind, length] = [random() % 3, 1 + (random() % 50)]
    for (let i = 0; i < length; i++) mask.push(kind === 0 || (kind === 2 && random() % 2 === 0))
  }
  return mask.slice(0, count)
}

export function putMask(m: Machine, mask: readonly boolean[]): number {
  const words = new Uint32Array(wordsFor(mask.length))
  mask.forEach((set, slot) => set && setBit(words, slot))
  return m.putInts(words)
}

const CELLS = 70

/** Own cells of slots that are spilled, and which cells each query visits. */
export function putSpilled(m: Machine, count: number, nq: number, random: () => number) {
  const cells: number[] = []
  while (cells.length < count) cells.push(...new Array(1 + (random() % 6)).fill(random() % CELLS))
  const words = wordsFor(CELLS)
  const bits = Uint32Array.from({ length: nq * words }, () => random() ^ (random() << 16))
  return {
    owns: m.putInts(cells.slice(0, count)),
    visited: { visited: m.putInts(bits), visitedStride: words * 4 },
    /** Whether a query meets the vector of a slot in its own cell. */
    met: (q: number, slot: number): boolean => hasBit(bits.subarray(q * words, (q + 1) * words), cells[slot] as number),
  }
}
