import { type Matrix, pick } from '../engine/vectors.js'
import type { BatchSource } from './minibatch.js'
import { seeded } from './random.js'

/** Batches of rows drawn at random, with replacement, without end. */
export function randomBatches(matrix: Matrix, size: number, seed: number): BatchSource {
  const random = seeded(seed)
  return {
    ahead: true,
    async next() {
      const rows = new Uint32Array(size)
      for (let i = 0; i < size; i++) rows[i] = random.below(matrix.rows)
      return pick(matrix, rows)
    },
  }
}

/** At most `count` different rows, drawn at random, in random order. */
export function sampleRows(matrix: Matrix, count: number, seed: number): Matrix {
  return pick(matrix, seeded(seed).sample(Math.min(count, matrix.rows), matrix.rows))
}
