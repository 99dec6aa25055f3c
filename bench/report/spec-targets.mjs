import { least, most } from './aims.mjs'
import { bestAt, isFastIVF, isOfSpec, qpsAt } from './curves.mjs'
import { relativeRecall } from './specs.mjs'

/** What the original reached with FastIVFPQ 32 × 64, nprobe 10, k 100, all rescored; on this set, elsewhere. */
const original = { qps: 3605, recall: 0.901 }

/** What indexes of specs set out to reach on synth. @param {any} results @returns {import('./aims.mjs').Aim[]} */
export function specTargets({ curves = [], pq = [] }) {
  const here = curves.filter((/** @type {any} */ curve) => curve.set === 'synth' && !curve.installed)
  const specs = here.filter(isOfSpec)
  const named = (/** @type {RegExp} */ pattern) => specs.filter((/** @type {any} */ curve) => pattern.test(curve.spec))
  const ofBuild = (/** @type {boolean} */ wide) =>
    specs.filter((/** @type {any} */ curve) => curve.revectorize === wide)
  const qps = (/** @type {boolean} */ wide, /** @type {number} */ recall) => bestAt(ofBuild(wide), recall)?.qps
  const fastIVF = (/** @type {boolean} */ wide) =>
    here.find((/** @type {any} */ curve) => isFastIVF(curve) && curve.revectorize === wide)
  const times = (/** @type {boolean} */ wide, /** @type {number} */ recall) =>
    over(qps(wide, recall), fastIVF(wide) && qpsAt(fastIVF(wide).points, recall))
  const single = (/** @type {boolean} */ wide) => ofBuild(wide).find((/** @type {any} */ curve) => curve.single)?.single
  const build = (/** @type {boolean} */ wide) => {
    const sq4 = named(/,SQ4$/).find((/** @type {any} */ curve) => curve.revectorize === wide)
    return over(sq4?.build.total, fastIVF(wide)?.build.total)
  }
  const codeBytes = (/** @type {RegExp} */ pattern) => named(pattern)[0]?.codeBytes
  const flat = named(/,Flat$/)[0]
  const bare = (/** @type {RegExp} */ pattern) => {
    const estimates = named(pattern).find((/** @type {any} */ curve) => curve.estimates)
    return flat && estimates && relativeRecall(estimates.points, flat.points)
  }
  const ofPq = (/** @type {boolean} */ wide) => pq.find((/** @type {any} */ row) => row.revectorize === wide)
  return [
    ...[false, true].flatMap((wide) => [
      least(`best IVF spec on synth, QPS at recall@10 .95${said(wide)}`, qps(wide, 0.95), 35000, 0),
      least(`the same over FastIVF${said(wide)}`, times(wide, 0.95), 3),
      least(`best IVF spec on synth, QPS at .99${said(wide)}`, qps(wide, 0.99), 12000, 0),
      most(`best IVF spec, one query at a time, 1 thread, at .95, p50 ms${said(wide)}`, single(wide)?.p50, 0.2),
      most(`the same, p99 ms${said(wide)}`, single(wide)?.p99, 0.5),
      least(`FastIVFPQ 32 × 64, nprobe 10, k 100, rescore all, QPS${said(wide)}`, ofPq(wide)?.qps, 3 * original.qps, 0),
      most(`building SQ4 over building FastIVF${said(wide)}`, build(wide), 1.4),
    ]),
    least("FastIVFPQ's recall@10", pq[0]?.at10.recall, original.recall, 4),
    most('bytes per vector without originals, SQ8', codeBytes(/,SQ8$/), 280, 0),
    most('the same, SQ4', codeBytes(/,SQ4$/), 150, 0),
    most('the same, SQ1', codeBytes(/,SQ1$/), 56, 0),
    most('the same, PQ32x6', codeBytes(/,PQ32x6/), 40, 0),
    least('recall of SQ4 without rescoring over Flat on the same cells', bare(/,SQ4$/), 0.93, 3),
    least('the same, SQ8', bare(/,SQ8$/), 0.99, 3),
  ]
}

/** @param {boolean} wide */
function said(wide) {
  return wide ? ', with `revectorize`' : ''
}

/** @param {number | undefined} value @param {number | undefined} by */
function over(value, by) {
  return value === undefined || by === undefined ? undefined : value / by
}
