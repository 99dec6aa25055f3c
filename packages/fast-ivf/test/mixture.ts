import { seeded } from '../src/clustering/random.js'

/** Seeded vectors in uneven clusters with a decaying spectrum: `count` × `dim`, row-major. */
export function mixture(count: number, dim: number, seed: number, clusters = 40): Float32Array {
  const random = seeded(seed)
  const uniform = (): number => (random.below(1 << 24) + 0.5) / (1 << 24)
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  const spread = Float32Array.from({ length: dim }, (_, i) => (i + 1) ** -0.5)
  const centers = Float32Array.from({ length: clusters * dim }, (_, i) => normal() * (spread[i % dim] as number))
  const rows = new Float32Array(count * dim)
  for (let i = 0; i < count; i++) {
    const cluster = Math.floor(clusters * uniform() ** 2)
    for (let k = 0; k < dim; k++) {
      rows[i * dim + k] = (centers[cluster * dim + k] as number) + 0.6 * (spread[k] as number) * normal()
    }
  }
  return rows
}
