import { seeded } from '../clustering/random.js'

/** Numbers of the standard normal distribution, without end (G. Box, M. Muller, 1958). */
export function normalNumbers(seed: number): () => number {
  const random = seeded(seed)
  const uniform = (): number => (random.below(1 << 24) + 0.5) / (1 << 24)
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
