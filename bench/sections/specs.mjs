import { bestAt } from '../report/curves.mjs'
import { shapeOf } from '../sets/vecs.mjs'

const sweep = [1, 2, 4, 8, 16, 32, 64, 128, 256]
const quickSweep = [4, 16, 32, 64, 128]
/** Those that may be the fastest: the others are measured for their size and for what an estimate alone finds. */
const contenders = /,(SQ1|SQ4|PQ\d+x4,R16)$/

/**
 * What do indexes of specs find, how fast? A curve per spec, and one more where answers without rescoring count too.
 *
 * @param {import('./context.mjs').Context} context
 * @param {import('../sets/sets.mjs').SetInfo} set
 * @param {boolean} revectorize
 * @param {{ all: boolean }} options whether specs that cannot be the fastest are measured too
 */
export async function specs({ run, node, threads, quick, absent, say }, set, revectorize, { all }) {
  const curves = []
  const { n, dim } = shapeOf(set.base)
  if (all && !quick && dim % 32 !== 0) absent(`PQ32x6 on ${set.name}`, `32 does not divide dim ${dim}`)
  const shared = { set: set.name, k: 10, threads, revectorize }
  const wide = revectorize ? ', revectorize' : ''
  for (const { ways, ...wanted } of specsFor(set, n, dim, quick)) {
    if (!all && !contenders.test(wanted.spec)) continue
    say(`${wanted.spec}: ${set.name}${wide}`)
    const input = { ...shared, ...wanted, ways, nprobes: quick ? quickSweep : sweep, repeats: quick ? 2 : 3 }
    const got = await run('tasks/spec.mjs', input, { node, what: `${wanted.spec} on ${set.name}` })
    if (!got) continue
    for (const { name, points, ...rest } of split(got)) {
      const index = `${got.spec}${name}${wide}`
      curves.push({ set: set.name, who: 'fast-ivf', index, node: node.version, threads, revectorize, ...rest, points })
    }
  }
  await alone()
  return curves

  /** The fastest at .95, at its setting nearest above, for one query after another. */
  async function alone() {
    const curve = bestAt(curves, 0.95)?.curve
    const point = curve && nearestAbove(curve.points, 0.95)
    if (!curve || !point) return
    say(`${curve.index}: ${set.name}, one query at a time`)
    const { setting: nprobe, epsilon, rescore } = point
    const way = { ...(epsilon !== undefined && { epsilon }), ...(rescore !== undefined && { rescore }) }
    const input = { ...shared, spec: curve.spec, keep: curve.keep, nprobe, way }
    curve.single = await run('tasks/spec-alone.mjs', input, { node, what: `one query at a time on ${set.name}` })
  }
}

/** @param {import('../sets/sets.mjs').SetInfo} set @param {number} n @param {number} dim @param {boolean} quick */
function specsFor({ nlist }, n, dim, quick) {
  const bounds = (quick ? [1.9] : [1.2, 1.9, 3]).map((epsilon) => ({ epsilon }))
  const estimates = { rescore: false }
  const cells = `IVF${nlist}`
  const most = [
    { spec: `${cells},SQ1`, keep: 'f32', ways: bounds },
    { spec: `${cells},SQ4`, keep: 'f32', ways: [...bounds, estimates] },
    { spec: `${cells},PQ${dim / 4}x4,R16`, ways: [{}] },
  ]
  if (quick) return most
  // As many cells as an index chooses by itself, and twice as many, where the set is compared with fewer.
  const own = 2 ** Math.round(Math.log2(4 * Math.sqrt(n)))
  if (own > nlist) {
    const ways = bounds.slice(0, 2)
    most.push(
      { spec: `IVF${own},SQ1`, keep: 'f16', ways },
      { spec: `IVF${own},SQ4`, keep: 'f16', ways },
      { spec: `IVF${2 * own},SQ4`, keep: 'f16', ways },
    )
  }
  const six = dim % 32 === 0 ? [{ spec: `${cells},PQ32x6,R8`, ways: [{}] }] : []
  return [
    { spec: `${cells},Flat`, ways: [{}] },
    ...most,
    { spec: `${cells},SQ8`, keep: 'none', ways: [estimates] },
    ...six,
  ]
}

/** Rescored answers and bare estimates are two curves of one index; estimates need no originals. @param {any} got */
function split({ points, bytesPerVector, ...rest }) {
  const bare = points.filter((/** @type {any} */ point) => point.rescore === false)
  const rescored = points.filter((/** @type {any} */ point) => point.rescore !== false)
  return [
    ...(rescored.length > 0 ? [{ ...rest, name: '', bytesPerVector, points: rescored }] : []),
    ...(bare.length > 0
      ? [{ ...rest, name: ', estimates', estimates: true, bytesPerVector: rest.codeBytes, points: bare }]
      : []),
  ]
}

/** Of the points that reach a recall the least good, the fastest of equals. @param {import('../report/curves.mjs').Point[]} points @param {number} recall */
function nearestAbove(points, recall) {
  return points.filter((point) => point.recall >= recall).sort((a, b) => a.recall - b.recall || b.qps - a.qps)[0]
}
