import { type Matrix, pick } from '../engine/vectors.js'
import type { NextBatch } from './minibatch.js'
import { seeded } from './random.js'

/** Batches of rows drawn at random, with replacement, without end. */
export function randomBatches(matrix: Matrix, size: number, seed: number): NextBatch {
  const random = seeded(seed)
  return async () =>
    pick(
      matrix,
      Uint32Array.from({ length: size }, () => random.below(matrix.rows)),
    )
}

/** At most `count` different rows, drawn at random, in random order. */
export function sampleRows(matrix: Matrix, count: number, seed: number): Matrix {
  return pick(matrix, seeded(seed).sample(Math.min(count, matrix.rows), matrix.rows))
}
