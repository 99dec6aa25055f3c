import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setNamed } from '../sets/sets.mjs'
import { isFastIVF, isOfSpec, isOurs } from './curves.mjs'

/**
 * What a search found and what it cost, in counts: the same from run to run and from machine to machine, so a difference
 * is a change of the algorithm and never of the weather. `data` tells whether two machines looked at the same bytes.
 *
 * @param {import('./curves.mjs').Curve[]} curves
 * @param {any[]} [life] of the section `life`: filters, and searches in a file
 */
export function workOf(curves, life = []) {
  const ours = curves.filter((curve) => isOurs(curve) && !curve.installed)
  const names = [...new Set([...ours, ...life].map(({ set }) => set))]
  const entries = names.map((name) => {
    const here = ours.filter((curve) => curve.set === name)
    const { nlist, metric, base, query } = setNamed(name)
    const fastIVF = here.filter(isFastIVF).at(-1)
    const specs = Object.fromEntries(here.filter(isOfSpec).map((curve) => [seriesOf(curve), countsOf(curve)]))
    const lives = life.filter((one) => one.set === name)
    return [
      name,
      {
        data: hash(base, query),
        metric,
        nlist,
        simd: (here[0] ?? lives[0])?.simd,
        k: 10,
        points: fastIVF && countsOf(fastIVF),
        ...(Object.keys(specs).length > 0 && { specs }),
        ...(lives.length > 0 && {
          life: lives.map(({ set: _set, simd: _simd, others: _others, ...counts }) => counts),
        }),
      },
    ]
  })
  return Object.fromEntries(entries)
}

/**
 * Sets on which two builds or two versions of Node did different work; there should be none.
 *
 * @param {import('./curves.mjs').Curve[]} curves
 */
export function workDiffers(curves) {
  const seen = new Map()
  const differs = new Set()
  for (const curve of curves.filter(isOurs)) {
    const key = `${curve.set} ${seriesOf(curve)}`
    const counts = JSON.stringify(countsOf(curve).map(({ recall1: _, ...count }) => count))
    if ((seen.get(key) ?? counts) !== counts) differs.add(isFastIVF(curve) ? curve.set : key)
    seen.set(key, counts)
  }
  return [...differs]
}

/** @param {import('./curves.mjs').Curve} curve */
function countsOf(curve) {
  return curve.points.map(
    ({ setting, epsilon, rescoreFactor, rescore, recall, recall1, vectors, cells, rescored }) => ({
      nprobe: setting,
      epsilon,
      rescoreFactor,
      rescore,
      recall,
      recall1,
      vectors,
      cells,
      rescored,
    }),
  )
}

/** One name for all builds of an index. @param {import('./curves.mjs').Curve} curve */
function seriesOf(curve) {
  return `${curve.spec ?? 'FastIVF'}${curve.estimates ? ', estimates' : ''}`
}

/** @param {string[]} files */
function hash(...files) {
  const sum = createHash('sha256')
  for (const file of files) sum.update(readFileSync(file))
  return sum.digest('hex').slice(0, 16)
}
