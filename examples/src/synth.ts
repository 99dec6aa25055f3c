/** Vectors to search when no file is given: what embeddings have in common, made of chance alone. */

import { type Chance, chanceOf } from './chance.js'

/** What to make. */
export interface SynthOptions {
  rows: number
  /** A power of two. */
  dim: number
  /** Clusters, whose sizes fall as the powers −0.6 of their ranks. */
  clusters: number
  seed: number
}

/**
 * Unit vectors (rows × dim) around centers whose components matter less and less, with heavy noise that every cluster has
 * along directions of its own; all of it turned, so that no component tells more than another.
 */
export function synth({ rows, dim, clusters, seed }: SynthOptions): Float32Array {
  const chance = chanceOf(seed)
  const spectrum = Float64Array.from({ length: dim }, (_, i) => (i + 1) ** -0.5)
  const noise = scaledTo(
    Float64Array.from({ length: dim }, (_, i) => (i + 1) ** -0.4),
    norm(spectrum),
  )
  const centers = Float64Array.from({ length: clusters * dim }, (_, i) => chance.normal() * spectrum[i % dim]!)
  // clusters × dim: how far a cluster's vectors stray along each direction
  const spread = Float64Array.from(
    { length: clusters * dim },
    (_, i) => Math.exp(0.8 * chance.normal()) * noise[i % dim]!,
  )
  for (let cluster = 0; cluster < clusters; cluster++) {
    const wide = 0.75 * Math.exp(0.25 * chance.normal()) * norm(noise)
    scaledTo(spread.subarray(cluster * dim, (cluster + 1) * dim), wide)
  }
  const draw = drawBy(
    Float64Array.from({ length: clusters }, (_, i) => (i + 1) ** -0.6),
    chance,
  )
  const turn = turning(dim, chance)
  const vectors = new Float32Array(rows * dim)
  const row = new Float64Array(dim)
  for (let at = 0; at < rows; at++) {
    const from = draw() * dim
    for (let i = 0; i < dim; i++) row[i] = centers[from + i]! + spread[from + i]! * chance.normal()
    turn(row)
    vectors.set(scaledTo(row, 1), at * dim)
  }
  return vectors
}

/** Round clouds of points (rows × dim, deviation 1), of equal size, their centers anywhere in a cube from −10 to 10. */
export function blobs(options: { rows: number; dim: number; clusters: number; seed: number }): {
  points: Float32Array
  labels: Int32Array
} {
  const { rows, dim, clusters, seed } = options
  const chance = chanceOf(seed)
  const centers = Float64Array.from({ length: clusters * dim }, () => 20 * chance.uniform() - 10)
  const labels = Int32Array.from({ length: rows }, () => Math.floor(chance.uniform() * clusters))
  const points = new Float32Array(rows * dim)
  for (let row = 0; row < rows; row++) {
    const center = labels[row]! * dim
    for (let i = 0; i < dim; i++) points[row * dim + i] = centers[center + i]! + chance.normal()
  }
  return { points, labels }
}

/** Numbers from 0 on, as often as their weights say. */
function drawBy(weights: Float64Array, { uniform }: Chance): () => number {
  let total = 0
  const upTo = weights.map((weight) => {
    total += weight
    return total
  })
  return () => {
    const at = uniform() * total
    let [low, high] = [0, weights.length - 1]
    while (low < high) {
      const middle = (low + high) >> 1
      if (upTo[middle]! <= at) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** An orthogonal map, in place: signs by chance and the Hadamard transform, twice; lengths grow by a constant factor. */
function turning(dim: number, { uniform }: Chance): (row: Float64Array) => void {
  const signs = [0, 1].map(() => Float64Array.from({ length: dim }, () => (uniform() < 0.5 ? -1 : 1)))
  return (row) => {
    for (const sign of signs) {
      for (let i = 0; i < dim; i++) row[i]! *= sign[i]!
      for (let half = 1; half < dim; half *= 2) {
        for (let from = 0; from < dim; from += 2 * half) {
          for (let i = from; i < from + half; i++) {
            const [a, b] = [row[i]!, row[i + half]!]
            row[i] = a + b
            row[i + half] = a - b
          }
        }
      }
    }
  }
}

function norm(vector: Float64Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
}

/** The vector itself, made as long as told. */
function scaledTo(vector: Float64Array, length: number): Float64Array {
  const factor = length / norm(vector)
  for (let i = 0; i < vector.length; i++) vector[i]! *= factor
  return vector
}
