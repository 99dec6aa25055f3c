import { bytes, count, facts, seconds, table } from '../text.js'
import { dataFacts, milliseconds, runtimeFact } from './show.js'
import type { SpecMeasurement, SpecReport } from './specs.js'
import { rescoringOf, visitingOf } from './sweep.js'

/** The report for people: what was built, a line for each setting, and which of them are worth having. */
export function showSpecs(report: SpecReport): string {
  const { settings, indexes } = report
  const { metric, k, seed, ratioThreshold } = settings
  const head = facts([
    ...dataFacts(report),
    ['index', `${metric}, ratio threshold ${ratioThreshold}, seed ${seed}`],
    ...indexes.map(
      ({ spec, keep, buildSeconds, indexBytes, bytesPerVector, codeBytesPerVector }) =>
        [
          spec,
          `built in ${seconds(buildSeconds)}, keep ${keep}; ${count(bytesPerVector)} bytes per vector, ` +
            `${count(codeBytesPerVector)} of them code and id; ${bytes(indexBytes)}`,
        ] as const,
    ),
    runtimeFact(report),
  ])
  const header = [
    'spec',
    'nprobe',
    'rescore',
    `recall@${k}`,
    `recall1@${k}`,
    'QPS',
    'p50 ms',
    'p95 ms',
    'p99 ms',
    'vectors/query',
    'rescored/query',
    'bytes/vector',
  ]
  return [
    head,
    table(header, report.results.map(row)),
    `frontier: no other setting has more of both, recall@${k} and QPS`,
    table(header.slice(0, 6), report.frontier.map(short)),
    'fastest setting measured that reaches a recall, nothing interpolated',
    table(
      [`recall@${k} ≥`, ...header.slice(0, 6)],
      report.fastest.map(({ recall, result }) => [
        recall.toFixed(2),
        ...(result ? short(result) : ['none', '–', '–', '–', '–', '–']),
      ]),
    ),
  ].join('\n\n')
}

function row(result: SpecMeasurement): string[] {
  const { vectorsPerQuery, rescoredPerQuery, bytesPerVector } = result
  return [
    ...short(result),
    ...milliseconds(result.singleMs),
    count(vectorsPerQuery),
    count(rescoredPerQuery),
    count(bytesPerVector),
  ]
}

function short(result: SpecMeasurement): string[] {
  const { spec, recall, recall1, qps } = result
  return [spec, visitingOf(result), rescoringOf(spec, result), recall.toFixed(4), recall1.toFixed(4), count(qps)]
}
