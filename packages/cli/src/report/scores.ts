/** How far are the scores of codes from the true ones, before a straight line corrects them and after? */

import type { CompressedFastIVF, FastIVFPQ } from 'fast-ivf'

/** Scores of the same answers: estimated, and corrected by the line through a few that were compared exactly. */
export interface Scores {
  /** Mean distance of the estimates from the true scores. */
  errorBefore: number
  /** Mean distance of the corrected scores. */
  errorAfter: number
  /** Some of the answers: true score, estimate. */
  before: [exact: number, score: number][]
  /** The same answers: true score, corrected score. */
  after: [exact: number, score: number][]
}

/** Answers that are shown, at most. */
const SHOWN = 1500

/** Compares about `samples` of the 100 answers to each query (nq × dim), which tells how to correct all of them. */
export async function compareScores(
  index: FastIVFPQ | CompressedFastIVF,
  queries: Float32Array,
  samples: number,
): Promise<Scores> {
  const estimates = await index.search(queries, { rescore: false })
  const exact = await index.search(queries, { rescore: true, sort: false })
  const corrected = await index.search(queries, { rescoreNumSamples: samples })

  // the three have the same answers in the same order; only scores differ
  const at = (scores: Float32Array, i: number): number => scores[i] as number
  const answers = Array.from(exact.scores.keys()).filter((i) => !Number.isNaN(exact.scores[i]))
  const shown = answers.filter((_, i) => i % Math.ceil(answers.length / SHOWN) === 0)
  const pairs = (scores: Float32Array): [number, number][] => shown.map((i) => [at(exact.scores, i), at(scores, i)])
  const error = (scores: Float32Array): number =>
    answers.reduce((sum, i) => sum + Math.abs(at(scores, i) - at(exact.scores, i)), 0) / answers.length
  return {
    errorBefore: error(estimates.scores),
    errorAfter: error(corrected.scores),
    before: pairs(estimates.scores),
    after: pairs(corrected.scores),
  }
}
