import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { setNamed } from '../sets/sets.mjs'

/**
 * What a search found and what it cost, in counts: the same from run to run and from machine to machine, so a difference
 * is a change of the algorithm and never of the weather. `data` tells whether two machines looked at the same bytes.
 *
 * @param {import('../report/curves.mjs').Curve[]} curves
 */
export function workOf(curves) {
  const ours = curves.filter((curve) => curve.who === 'fast-ivf' && !curve.revectorize && !curve.installed)
  const entries = ours.map((curve) => {
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

/** @param {string[]} files */
function hash(...files) {
  const sum = createHash('sha256')
  for (const file of files) sum.update(readFileSync(file))
  return sum.digest('hex').slice(0, 16)
}
