/** What does the original's index of product codes make of scores, and how does its k-means converge? */

import { FastIVFPQ, type Progress } from 'fast-ivf'
import type { Loaded, ScoresTask } from './child.js'
import { noteChanges } from './measure-index.js'
import { compareScores, type Scores } from './scores.js'
import { divisorOf, powerOfTwo } from './specs.js'

/** What came of it. */
export interface ScoreFigures extends Scores {
  nlist: number
  subvectors: number
  codewords: number
  /** Of each query's answers, so many are compared exactly. */
  samples: number
  queries: number
  /** The share of labels that changed at each step of mini-batch k-means, averaged. */
  convergence: number[]
  /** nlist */
  cellSizes: number[]
}

const [CODEWORDS, SUBVECTORS, SAMPLES, QUERIES, STEPS] = [64, 32, 20, 200, 500]

/** Trains with fewer steps than usual: enough to see where it goes. */
export async function measureScores(
  { metric, seed, ...engine }: ScoresTask,
  { base, queries, dim }: Loaded,
  onProgress: (step: Progress) => void,
): Promise<ScoreFigures> {
  const rows = base.length / dim
  const nlist = Math.min(powerOfTwo(1.6 * Math.sqrt(rows)), rows)
  const subvectors = divisorOf(dim, SUBVECTORS)
  const codewords = Math.min(CODEWORDS, rows)
  const index = new FastIVFPQ(dim, {
    ...{ nlist, metric, seed, nprobe: Math.min(16, nlist), ratioThreshold: 0, kmeansMaxSteps: STEPS },
    ...{ pqNumSubvectors: subvectors, pqNumCentroids: codewords, kmeansPqMaxSteps: STEPS, ...engine },
  })
  const convergence: number[] = []
  const note = noteChanges(convergence)
  await index.train(base, {
    onProgress(step) {
      note(step)
      onProgress(step)
    },
  })
  const asked = queries.subarray(0, QUERIES * dim)
  const scores = await compareScores(index, asked, SAMPLES)
  const cellSizes = [...index.cellSizes]
  await index.close()
  return {
    ...{ nlist, subvectors, codewords, samples: SAMPLES, queries: asked.length / dim },
    ...{ convergence, cellSizes },
    ...scores,
  }
}
