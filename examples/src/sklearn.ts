/** What does scikit-learn make of the same points? Its k-means, and its measures of ours. */

import { type Agreement, compareLabels } from './cluster-measures.js'
import { askPython, pythonWith } from './python.js'

/** What it answered. */
export interface SklearnAnswer {
  version: string
  /** Its trainers, judged by our measures. */
  runs: { name: string; seconds: number; agreement: Agreement }[]
  /** How far its measures of the given labels are from ours, at most. */
  difference: number
}

interface Told {
  version: string
  trained: { name: string; seconds: number }[]
  judged: Agreement[]
}

/**
 * Undefined where there is no Python with scikit-learn.
 *
 * @param points n × dim @param truth n labels
 */
export async function trySklearn(
  points: Float32Array,
  truth: Int32Array,
  { labels, ...options }: { dim: number; clusters: number; batchSize: number; labels: Int32Array },
): Promise<SklearnAnswer | undefined> {
  const command = await pythonWith('sklearn')
  if (!command) return undefined
  const arrays = { 'points.f32': points, 'truth.i32': truth, 'ours.i32': labels }
  return askPython<Told, SklearnAnswer>(
    command,
    'sklearn_kmeans.py',
    { arrays, ...options, labels: ['ours.i32'] },
    async ({ version, trained, judged }, read) => {
      const runs: SklearnAnswer['runs'] = []
      for (const { name, seconds } of trained) {
        const found = new Int32Array(await read(`${name}.i32`))
        runs.push({ name: `scikit-learn ${name}`, seconds, agreement: compareLabels(truth, found) })
      }
      return { version, runs, difference: largestDifference(compareLabels(truth, labels), judged[0]!) }
    },
  )
}

/** Between the same measures of the same labels. */
export function largestDifference(ours: Agreement, theirs: Agreement): number {
  return Math.max(...Object.entries(ours).map(([key, value]) => Math.abs(value - theirs[key as keyof Agreement])))
}
