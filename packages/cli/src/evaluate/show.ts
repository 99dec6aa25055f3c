import type { Metric, RuntimeInfo } from 'fast-ivf'
import { bytes, count, facts, seconds, table } from '../text.js'
import type { Measurement } from './measure.js'

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
  results: Measurement[]
}

/** The report for people: what was done, then a line for each nprobe. */
export function showEvaluate(report: EvaluateReport): string {
  const { base, queries, truth, settings, runtime, build } = report
  const { metric, nlist, k, seed, ratioThreshold, singles } = settings
  const head = facts([
    ['base', `${base.path}: ${count(base.count)} × ${base.dim} ${base.dtype}`],
    ['queries', `${queries.path}: ${count(queries.count)}; ${count(singles)} timed alone`],
    ['truth', truth.path ?? `computed here by exact search, ${seconds(truth.seconds)}`],
    ['index', `FastIVF, ${metric}, nlist ${nlist}, ratio threshold ${ratioThreshold}, seed ${seed}`],
    [
      'build',
      `${seconds(build.trainSeconds + build.addSeconds)}: train ${seconds(build.trainSeconds)}, add ${seconds(build.addSeconds)}`,
    ],
    ['memory', `${count(report.bytesPerVector)} bytes per vector, ${bytes(report.indexBytes)}`],
    ['runtime', showRuntime(runtime)],
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

function row({ nprobe, recall, recall1, qps, singleMs, vectorsPerQuery, cellsPerQuery }: Measurement): string[] {
  const ms = singleMs ? [singleMs.p50, singleMs.p95, singleMs.p99].map((time) => time.toFixed(3)) : ['–', '–', '–']
  return [
    String(nprobe),
    recall.toFixed(4),
    recall1.toFixed(4),
    count(qps),
    ...ms,
    count(vectorsPerQuery),
    count(cellsPerQuery),
  ]
}

function showRuntime({ simd, threads, memory, revectorized, reasons }: EvaluateReport['runtime']): string {
  const kernels = `${simd} SIMD${revectorized ? ', revectorized' : ''}`
  const parts = [kernels, threads === 0 ? 'no threads' : `threads ${threads}`, `${memory} memory`, ...reasons]
  return parts.join('; ')
}
