import { least, most } from './aims.mjs'
import { contest } from './compress-search.mjs'
import { compressedSets, compressors, figureOf, searchedSets } from './compressors.mjs'

/** What compressed vectors set out to reach. @param {any} results @returns {import('./aims.mjs').Aim[]} */
export function compressTargets({ compress = {} }) {
  const { quality = [], training, search = [] } = compress
  const [own, ...others] = compressors
  const ofBuild = (/** @type {any[] | undefined} */ rows, /** @type {boolean} */ wide) =>
    rows?.find((row) => row.revectorize === wide)
  return [
    ...compressedSets.flatMap((set) => {
      const kept = (/** @type {string} */ compressor) => figureOf(quality, { set, compressor }, 'all')?.mean
      return others.map((other) =>
        least(
          `recall@10 over all cells at half the components, ${set}: ${own} − ${other}`,
          minus(kept(own), kept(other)),
          -0.01,
          4,
        ),
      )
    }),
    ...compressedSets.map((set) => {
      const found = figureOf(quality, { set, compressor: own }, 'rescored')?.mean
      const without = figureOf(quality, { set }, 'probed')?.mean
      const what = `recall@10 in the same cells, ${set}: half the components with rescoreFactor 10 − FastIVF`
      return least(what, minus(found, without), -0.02, 4)
    }),
    most(
      'supervised step 256 → 128 → 1,024 of 128 vectors, 1 thread, ms',
      ofBuild(training?.steps, false)?.ms.least,
      4,
    ),
    ...[false, true].flatMap((wide) => [
      most(
        `supervised, 20,000 steps on synth, seconds${said(wide)}`,
        ofBuild(training?.schedule, wide)?.seconds,
        60,
        1,
      ),
      most(
        `similarity, 100,000 × 768 into 192, seconds${said(wide)}`,
        ofBuild(training?.default, wide)?.seconds,
        20,
        1,
      ),
    ]),
    least('supervised, top-10 accuracy of the last epoch', training?.schedule[0]?.top10Accuracy, 0.95, 4),
    ...searchedSets.flatMap((set) =>
      [false, true].map((wide) => {
        const row = search.find((/** @type {any} */ one) => one.set === set && one.revectorize === wide)
        return least(
          `compressed over FastIVF, ${set}, QPS at recall@10 .90 with rescoring${said(wide)}`,
          best(row),
          1.5,
        )
      }),
    ),
  ]
}

/** The better of CompressedFastIVF and specs over FastIVF. @param {any} row */
function best(row) {
  const ratios = [contest(row, 'compressed')?.ratio, contest(row, 'coded')?.ratio].filter((one) => one !== undefined)
  return ratios.length === 0 ? undefined : Math.max(...ratios)
}

/** @param {boolean} wide */
function said(wide) {
  return wide ? ', with `revectorize`' : ''
}

/** @param {number | undefined} a @param {number | undefined} b */
function minus(a, b) {
  return a === undefined || b === undefined ? undefined : a - b
}
