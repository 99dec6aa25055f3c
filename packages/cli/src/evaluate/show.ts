import type { Metric, RuntimeInfo } from 'fast-ivf'
import { bytes, count, facts, seconds, table } from '../text.js'
import type { Measurement } from './measure.js'
import { type Setting, visitingOf } from './sweep.js'

/** What `evaluate` found out. */
export interface EvaluateReport {
  base: { path: string; count: number; dim: number; dtype: string }
  queries: { path: string; count: number }
  /** `path` is absent when it was computed here, by exact search. */
  truth: { source: 'file' | 'exact search'; path?: string; k: number; seconds: number }
  settings: { metric: Metric; nlist: number; k: number; seed: number; ratioThreshold: number; singles: number }
  runtime: RuntimeInfo
  build: { trainSeconds: number; addSeconds: number }
  indexBytes: number
  bytesPerVector: number
  results: (Measurement & Setting)[]
}

type Fact = readonly [name: string, value: string]

/** The report for people: what was done, then a line for each nprobe. */
export function showEvaluate(report: EvaluateReport): string {
  const { settings, build } = report
  const { metric, nlist, k, seed, ratioThreshold } = settings
  const head = facts([
    ...dataFacts(report),
    ['index', `FastIVF, ${metric}, nlist ${nlist}, ratio threshold ${ratioThreshold}, seed ${seed}`],
    [
      'build',
      `${seconds(build.trainSeconds + build.addSeconds)}: train ${seconds(build.trainSeconds)}, add ${seconds(build.addSeconds)}`,
    ],
    ['memory', `${count(report.bytesPerVector)} bytes per vector, ${bytes(report.indexBytes)}`],
    runtimeFact(report),
  ])
  const header = [
    'nprobe',
    `recall@${k}`,
    `recall1@${k}`,
    'QPS',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'vectors/query',
    'cells/query',
  ]
  return `${head}\n\n${table(header, report.results.map(row))}`
}

/** What was searched, and for what. */
export function dataFacts({
  base,
  queries,
  truth,
  settings,
}: Pick<EvaluateReport, 'base' | 'queries' | 'truth'> & { settings: { singles: number } }): Fact[] {
  return [
    ['base', `${base.path}: ${count(base.count)} × ${base.dim} ${base.dtype}`],
    ['queries', `${queries.path}: ${count(queries.count)}; ${count(settings.singles)} timed alone`],
    ['truth', truth.path ?? `computed here by exact search, ${seconds(truth.seconds)}`],
  ]
}

/** Where the work was done. */
export function runtimeFact({ runtime }: Pick<EvaluateReport, 'runtime'>): Fact {
  const { simd, threads, memory, revectorized, reasons } = runtime
  const kernels = `${simd} SIMD${revectorized ? ', revectorized' : ''}`
  const parts = [kernels, threads === 0 ? 'no threads' : `threads ${threads}`, `${memory} memory`, ...reasons]
  return ['runtime', parts.join('; ')]
}

/** p50, p95 and p99 of queries alone, or dashes. */
export function milliseconds(times: Measurement['singleMs']): string[] {
  return times ? [times.p50, times.p95, times.p99].map((time) => time.toFixed(3)) : ['–', '–', '–']
}

function row(result: EvaluateReport['results'][number]): string[] {
  const { recall, recall1, qps, singleMs, vectorsPerQuery, cellsPerQuery } = result
  return [
    visitingOf(result),
    recall.toFixed(4),
    recall1.toFixed(4),
    count(qps),
    ...milliseconds(singleMs),
    count(vectorsPerQuery),
    count(cellsPerQuery),
  ]
}
