/** What does scikit-learn make of the same points? Its k-means, and its measures of ours. */

import { askPython, pythonWith } from 'fast-ivf-cli/parts/python'
import { type Agreement, compareLabels } from './cluster-measures.js'

/** What came of one start. */
export interface Judged {
  /** To train, and to label all points. */
  seconds: number
  /** Of its labels with the true ones, by our measures. */
  agreement: Agreement
}

/** What it answered. */
export interface SklearnAnswer {
  version: string
  /** A run for each seed, by the name of its trainer. */
  runs: Record<string, Judged[]>
  /** How far its measures of the given labels are from ours, at most. */
  difference: number
}

interface Told {
  version: string
  trained: { name: string; file: string; seconds: number }[]
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
  {
    labels,
    ...options
  }: { dim: number; clusters: number; batchSize: number; seeds: readonly number[]; labels: readonly Int32Array[] },
): Promise<SklearnAnswer | undefined> {
  const command = await pythonWith('sklearn')
  if (!command) return undefined
  const named = labels.map((found, i) => [`ours-${i}.i32`, found] as const)
  const arrays = { 'points.f32': points, 'truth.i32': truth, ...Object.fromEntries(named) }
  return askPython<Told, SklearnAnswer>(
    command,
    new URL('../peers/sklearn_kmeans.py', import.meta.url),
    { arrays, ...options, labels: named.map(([name]) => name) },
    async ({ version, trained, judged }, read) => {
      const runs: SklearnAnswer['runs'] = {}
      for (const { name, file, seconds } of trained) {
        const found = new Int32Array(await read(file))
        const run = { seconds, agreement: compareLabels(truth, found) }
        runs[name] = [...(runs[name] ?? []), run]
      }
      const differences = labels.map((found, i) => largestDifference(compareLabels(truth, found), judged[i]!))
      return { version, runs, difference: Math.max(...differences) }
    },
  )
}

/** Between the same measures of the same labels. */
function largestDifference(ours: Agreement, theirs: Agreement): number {
  return Math.max(...Object.entries(ours).map(([key, value]) => Math.abs(value - theirs[key as keyof Agreement])))
}
