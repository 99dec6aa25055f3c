import type { Scratch } from '../engine/engine.js'
import { setBit, wordsFor } from './bits.js'
import type { Visited } from './spilled.js'
import type { Probes } from './visits.js'

/** Tells kernels which cells each query visits: a vector in two of them is met in its own only. */
export function placeVisited(scratch: Scratch, { nq, nprobe, cells, used }: Probes, nlist: number): Visited {
  const words = wordsFor(nlist)
  const bits = scratch.zeros(nq * words)
  const all = scratch.engine.ints(bits, nq * words)
  for (let q = 0; q < nq; q++) {
    const own = all.subarray(q * words, (q + 1) * words)
    for (let rank = 0; rank < (used[q] as number); rank++) setBit(own, cells[q * nprobe + rank] as number)
  }
  return { bits, stride: words * 4 }
}
