/** How good are indexes of these specs, beside each other? */

import { IvfIndex, type Keep, type Metric, type RuntimeInfo, runtime } from 'fast-ivf'
import type { Context } from '../context.js'
import { type Data, type DataOptions, engineOptions, readData } from './data.js'
import { fastestAt, frontier } from './frontier.js'
import { type Measurement, measure, reachable } from './measure.js'
import { hasCodes, type Setting, type SweepOptions, settingsOf } from './sweep.js'
import type { Truth } from './truth.js'

/** What the command line says about indexes of specs. */
export interface SpecSettings extends DataOptions, SweepOptions {
  spec: string[]
  keep?: Keep
  ratioThreshold: number
  seed: number
  single: number
}

/** An index that was built. */
export interface BuiltIndex {
  spec: string
  nlist: number
  keep: Keep
  buildSeconds: number
  indexBytes: number
  bytesPerVector: number
  /** Of these the code, its factors and the id. */
  codeBytesPerVector: number
}

/** A line of the table. */
export interface SpecMeasurement extends Setting, Measurement {
  spec: string
  bytesPerVector: number
}

/** What `evaluate --spec` found out. */
export interface SpecReport extends Pick<Data['sources'], 'base' | 'queries'> {
  truth: Omit<Truth, 'ids'>
  settings: { metric: Metric; k: number; seed: number; ratioThreshold: number; singles: number }
  runtime: RuntimeInfo
  indexes: BuiltIndex[]
  results: SpecMeasurement[]
  /** The results that no other beats in both recall and QPS, over all specs, least recall first. */
  frontier: SpecMeasurement[]
  /** For each recall the fastest result that reaches it; nothing is interpolated. Absent where none does. */
  fastest: { recall: number; result?: SpecMeasurement }[]
}

const RECALLS = [0.9, 0.95, 0.99]

/** Builds an index of each spec, one after another, and searches it with every setting. */
export async function evaluateSpecs(options: SpecSettings, context: Context): Promise<SpecReport> {
  const { metric, k, seed, ratioThreshold, single: singles } = options
  const data = await readData(options, context)
  await refuseBadSpecs(options, data)
  const { ids, ...source } = await data.truth()
  const indexes: BuiltIndex[] = []
  const results: SpecMeasurement[] = []
  for (const spec of options.spec) {
    const one = await evaluateSpec(spec, options, data, { ids, ...source }, context)
    indexes.push(one.built)
    results.push(...one.results)
  }
  return {
    ...data.sources,
    truth: source,
    settings: { metric, k, seed, ratioThreshold, singles },
    runtime: await runtime(engineOptions(options)),
    indexes,
    results,
    frontier: frontier(results),
    fastest: RECALLS.map((recall) => {
      const result = fastestAt(results, recall)
      return { recall, ...(result && { result }) }
    }),
  }
}

/** A mistake in the last spec should not show only after hours: a build that is aborted checks its arguments first. */
async function refuseBadSpecs(options: SpecSettings, data: Data): Promise<void> {
  const signal = AbortSignal.abort()
  for (const spec of options.spec) {
    const building = build(spec, { ...options, threads: 0 }, data, { signal })
    const index = await building.catch((error: unknown) => {
      if (error !== signal.reason) throw error
    })
    await index?.close()
  }
}

async function evaluateSpec(
  spec: string,
  options: SpecSettings,
  data: Data,
  truth: Truth,
  { signal, progress, note }: Context,
): Promise<{ built: BuiltIndex; results: SpecMeasurement[] }> {
  const { k, ratioThreshold, single: singles } = options
  const start = performance.now()
  const onProgress = (step: { phase: string; done: number; total: number }): void =>
    progress.update({ ...step, phase: `${spec}: ${step.phase}` })
  const index = await build(spec, options, data, { signal, onProgress })
  try {
    const built = {
      spec: index.spec,
      nlist: index.nlist,
      keep: index.keep,
      buildSeconds: (performance.now() - start) / 1000,
      indexBytes: index.bytes,
      bytesPerVector: index.bytes / index.size,
      codeBytesPerVector: index.codeBytes,
    }
    const left = index.nlist > 1 ? options.nprobe?.filter((n) => n > index.nlist) : undefined
    if (left?.length) note(`${index.spec} has ${index.nlist} cells: nprobe ${left.join(', ')} is left out`)
    const { recall: asked } = options
    const recall = asked && (await reachable(index, asked, k, index.spec, { signal, note, onProgress }))
    const settings = settingsOf(index, { ...options, ...(recall && { recall }) })
    let done = 0
    const task = {
      ...{ queries: Float32Array.from(data.queries.data), truth, k, ratioThreshold, singles, signal },
      onSingle: () => progress.update({ phase: `${spec}: search`, done: ++done, total: settings.length * singles }),
    }
    const results: SpecMeasurement[] = []
    for (const setting of settings) {
      const measured = await measure(index, task, setting)
      results.push({ spec: index.spec, ...setting, ...measured, bytesPerVector: built.bytesPerVector })
    }
    return { built, results }
  } finally {
    await index.close()
  }
}

function build(
  spec: string,
  { metric, keep, seed, ...options }: SpecSettings,
  { base }: Data,
  long: { signal: AbortSignal; onProgress?: (step: { phase: string; done: number; total: number }) => void },
): Promise<IvfIndex> {
  const given = { spec, metric, seed, ...(keep && hasCodes(spec) && { keep }), ...engineOptions(options), ...long }
  return IvfIndex.build(base, { ...given, calibrate: false })
}
