import { isOfSpec, qpsAt } from './curves.mjs'
import { num, share, table } from './table.mjs'

/**
 * The least share of the recall of exact vectors that estimates reach on the same cells, over all nprobe both have.
 *
 * @param {import('./curves.mjs').Point[]} estimates
 * @param {import('./curves.mjs').Point[]} flat
 */
export function relativeRecall(estimates, flat) {
  const shares = estimates.flatMap(({ setting, recall }) => {
    const exact = flat.find((point) => point.setting === setting)
    return exact ? [recall / exact.recall] : []
  })
  return shares.length > 0 ? Math.min(...shares) : undefined
}

/** What codes alone find, and how small they are. @param {import('./curves.mjs').Curve[]} curves */
export function codesTable(curves) {
  const rows = curves
    .filter((curve) => curve.estimates && curve.points.length > 0)
    .map((curve) => {
      const flat = curves.find((other) => other.set === curve.set && isOfSpec(other) && /,Flat$/.test(other.spec ?? ''))
      const most = Math.max(...curve.points.map((point) => point.recall))
      return [
        curve.set,
        curve.index,
        num(curve.codeBytes),
        share(most),
        share(flat && relativeRecall(curve.points, flat.points)),
        num(qpsAt(curve.points, 0.9)),
        num(qpsAt(curve.points, 0.95)),
      ]
    })
  return table(['set', 'index', 'bytes', 'best recall@10', 'of Flat, at worst', 'QPS at .90', 'at .95'], rows)
}

/** @param {any[]} rows */
export function pqTable(rows) {
  return table(
    ['FastIVFPQ on synth', 'QPS', 'recall@10', 'recall1@10', 'recall1@100', 'build, seconds', 'bytes per vector'],
    rows.map(({ revectorize, qps, at10, at100, build, bytesPerVector }) => [
      `32 × 64, nprobe 10, k 100, rescore all${revectorize ? ', revectorize' : ''}`,
      num(qps),
      share(at10.recall),
      share(at10.recall1),
      share(at100.recall1),
      num(build.total, 1),
      num(bytesPerVector),
    ]),
  )
}
