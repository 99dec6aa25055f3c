/** How good is a FastIVF of these vectors? */

import { FastIVF, runtime } from 'fast-ivf'
import type { VectorBatch } from 'fast-ivf/formats'
import type { Context } from '../context.js'
import { type DataOptions, engineOptions, readData } from './data.js'
import { type Measurement, measure, reachable, type Task } from './measure.js'
import type { EvaluateReport } from './show.js'
import type { Setting } from './sweep.js'

/** What the command line says about a FastIVF. */
export interface FastIVFSettings extends DataOptions {
  nlist?: number
  nprobe?: number[]
  recall?: number[]
  ratioThreshold: number
  seed: number
  single: number
}

/** Builds a FastIVF and searches it with each nprobe. */
export async function evaluateFastIVF(options: FastIVFSettings, context: Context): Promise<EvaluateReport> {
  const { metric, k, seed, single: singles } = options
  const { signal, progress, note } = context
  const engine = engineOptions(options)
  const { base, queries, truth, sources } = await readData(options, context)
  const [rows, dim] = base.dims
  const nlist = options.nlist ?? Math.min(rows, Math.ceil(4 * Math.sqrt(rows)))
  const nprobes = options.nprobe ?? [1, 4, 16, 64].filter((n) => n <= nlist)

  const index = new FastIVF(dim, { nlist, metric, seed, ratioThreshold: options.ratioThreshold, ...engine })
  try {
    const build = await timedTrain(index, base, context)
    const known = await truth()
    const { ratioThreshold } = index
    const onProgress = (step: { phase: string; done: number; total: number }): void => progress.update(step)
    const targets = options.recall
      ? await reachable(index, options.recall, k, 'the index', { signal, note, onProgress })
      : []
    const settings: Setting[] = [...nprobes.map((nprobe) => ({ nprobe })), ...targets.map((target) => ({ target }))]
    const results: (Measurement & Setting)[] = []
    let done = 0
    const task: Task = {
      ...{ queries: Float32Array.from(queries.data), truth: known, k, ratioThreshold, singles, signal },
      onSingle: () => progress.update({ phase: 'search', done: ++done, total: settings.length * singles }),
    }
    for (const setting of settings) results.push({ ...setting, ...(await measure(index, task, setting)) })
    const { ids: _, ...source } = known
    return {
      ...sources,
      truth: source,
      settings: { metric, nlist, k, seed, ratioThreshold, singles },
      runtime: await runtime(engine),
      build,
      indexBytes: index.bytes,
      bytesPerVector: index.bytes / index.size,
      results,
    }
  } finally {
    await index.close()
  }
}

/** Training adds as well: what comes after its last step is adding. */
async function timedTrain(
  index: FastIVF,
  base: VectorBatch,
  { signal, progress }: Context,
): Promise<EvaluateReport['build']> {
  const start = performance.now()
  let trained = start
  await index.train(base, {
    signal,
    onProgress(step) {
      if (step.phase === 'train') trained = performance.now()
      progress.update(step)
    },
  })
  return { trainSeconds: (trained - start) / 1000, addSeconds: (performance.now() - trained) / 1000 }
}
