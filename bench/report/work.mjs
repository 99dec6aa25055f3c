import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setNamed } from '../sets/sets.mjs'

/**
 * What a search found and what it cost, in counts: the same from run to run and from machine to machine, so a difference
 * is a change of the algorithm and never of the weather. `data` tells whether two machines looked at the same bytes.
 *
 * @param {import('./curves.mjs').Curve[]} curves
 */
export function workOf(curves) {
  const ours = curves.filter((curve) => curve.who === 'fast-ivf' && !curve.installed)
  const oneEach = [...new Map(ours.map((curve) => [curve.set, curve])).values()]
  const entries = oneEach.map((curve) => {
    const { nlist, metric, base, query } = setNamed(curve.set)
    const points = curve.points.map(({ setting, recall, recall1, vectors, cells }) => ({
      nprobe: setting,
      recall,
      recall1,
      vectors,
      cells,
    }))
    return [curve.set, { data: hash(base, query), metric, nlist, simd: curve.simd, k: 10, points }]
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
  for (const curve of curves.filter((one) => one.who === 'fast-ivf')) {
    const counts = curve.points.map((point) => [point.recall, point.vectors, point.cells]).join()
    if ((seen.get(curve.set) ?? counts) !== counts) differs.add(curve.set)
    seen.set(curve.set, counts)
  }
  return [...differs]
}

/** @param {string[]} files */
function hash(...files) {
  const sum = createHash('sha256')
  for (const file of files) sum.update(readFileSync(file))
  return sum.digest('hex').slice(0, 16)
}
