import { least, most } from './aims.mjs'
import { coarseTargets } from './coarse.mjs'
import { compressTargets } from './compress-targets.mjs'
import { isFastIVF, qpsAt } from './curves.mjs'
import { lifeTargets } from './life-targets.mjs'
import { specTargets } from './spec-targets.mjs'

/**
 * What the project set out to reach, beside what this run measured. An entry without a measurement says so.
 *
 * @param {any} results
 * @returns {import('./aims.mjs').Aim[]}
 */
export function targets(results) {
  const { kernels = [], kmeans = [], curves = [], exact = [], memory = [], startup = [], size = [] } = results
  const gemm = (/** @type {boolean} */ wide) => {
    const blas = kernels.find((/** @type {any} */ row) => row.comparable && row.threads === 1)
    const ours = kernels.find(
      (/** @type {any} */ row) =>
        row.who === 'fast-ivf' && row.threads === 1 && row.revectorize === wide && row.node === results.node.version,
    )
    return blas && ours && ours.gflops / blas.gflops
  }
  const synth = (/** @type {boolean} */ wide) =>
    curves.find((/** @type {any} */ c) => c.set === 'synth' && isFastIVF(c) && c.revectorize === wide && !c.installed)
  const share = (/** @type {boolean} */ wide) =>
    synth(wide)?.points.find((/** @type {any} */ point) => point.setting === 16)?.shareOfGemm
  const at95 = (/** @type {boolean} */ wide) => synth(wide) && qpsAt(synth(wide).points, 0.95)
  const means = (/** @type {string} */ trainer, /** @type {boolean} */ wide) =>
    kmeans.find(
      (/** @type {any} */ row) => row.who === 'fast-ivf' && row.trainer === trainer && row.revectorize === wide,
    )
  const memo = memory[0]
  const start = startup.find((/** @type {any} */ row) => row.node === results.node.version)
  return [
    least('GEMM, 1 thread, against OpenBLAS', gemm(false), 0.4),
    least('the same with `revectorize`', gemm(true), 0.65),
    least('batch search at nprobe 16 as a share of the bare GEMM', share(false), 0.55),
    least('the same with `revectorize`', share(true), 0.55),
    least('FastIVF on synth, QPS at recall@10 .95', at95(false), 8000, 0),
    least('the same with `revectorize`', at95(true), 12000, 0),
    most('FastIVF, one query at a time, p50 ms', synth(false)?.single?.p50, 0.6),
    most('FastIVF, one query at a time, p99 ms', synth(false)?.single?.p99, 1.2),
    most('the same with `revectorize`, p50 ms', synth(true)?.single?.p50, 0.6),
    most('the same with `revectorize`, p99 ms', synth(true)?.single?.p99, 1.2),
    most('`KMeans` into 1,024 with `revectorize`, seconds', means('KMeans', true)?.seconds, 3),
    most('its mean squared distance', means('KMeans', true)?.distance, 0.53, 4),
    most('`MiniBatchKMeans`, 1,000 steps, with `revectorize`, seconds', means('MiniBatchKMeans', true)?.seconds, 9),
    most('the same without, seconds', means('MiniBatchKMeans', false)?.seconds, 15),
    least(
      'its mean cosine',
      means('MiniBatchKMeans', true)?.cosine ?? means('MiniBatchKMeans', false)?.cosine,
      0.68,
      4,
    ),
    least(
      'exact search of 2,000 queries, k 100, with `revectorize`, QPS',
      exact.find((/** @type {any} */ row) => row.revectorize)?.qps,
      850,
      0,
    ),
    ...specTargets(results),
    ...coarseTargets(results),
    ...compressTargets(results),
    ...lifeTargets(results),
    most(
      'peak memory over the vectors while building, MB',
      memo && memo.over / 1e6,
      memo ? (1.15 * memo.index) / 1e6 + 64 : 0,
      0,
    ),
    most('import to first answer over 1,000 × 128, ms', start?.searched, 60, 1),
    most('import alone, ms', start?.imported, 15, 1),
    most('installed size, kB', size[0] && size[0].installed / 1e3, 1000, 0),
    most('what a browser loads, gzip, kB', size[0] && size[0].gzip / 1e3, 60, 1),
  ]
}
