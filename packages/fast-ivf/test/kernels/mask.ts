/** Which slots may be answers, as kernels read it. */
import { setBit, wordsFor } from '../../src/ivf/bits.js'
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
