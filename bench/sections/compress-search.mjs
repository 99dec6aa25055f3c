import { major } from '../process/node.mjs'
import { searchedSets } from '../report/compressors.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'
import { shapeOf } from '../sets/vecs.mjs'
import { kmeansMaxSteps } from './compress-quality.mjs'

const nprobes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64]
const level = 0.9

/**
 * How fast does CompressedFastIVF find nine of ten, beside FastIVF in the same process?
 *
 * @param {import('./context.mjs').Context} context
 * @param {string} folder keeps projections, so that each is learned once
 */
export async function compressedSearch({ run, node, threads, quick, asks, absent, say }, folder) {
  const builds = major(node.version) < 24 ? [false] : quick ? [true] : [true, false]
  const rows = []
  for (const name of quick ? searchedSets.slice(0, 1) : searchedSets) {
    const set = setNamed(name)
    if (!asks(name)) continue
    if (!isThere(set)) {
      absent(`compressed search on ${name}`, 'its files are not there')
      continue
    }
    const { dim } = shapeOf(set.base)
    for (const revectorize of builds) {
      const what = `compressed search on ${name}${revectorize ? ', revectorize' : ''}`
      say(what)
      const grid = quick
        ? { nlists: [set.nlist], shares: [1 / 8, 1 / 4], factors: [2, 4], keeps: ['f32'], specs: [] }
        : {
            // Compressed vectors are at their best in fewer, larger cells.
            nlists: [1 / 8, 1 / 4, 1 / 2, 1, 2].map((times) => set.nlist * times),
            shares: [1 / 16, 1 / 8, 1 / 6, 1 / 4],
            factors: [2, 4, 8],
            keeps: ['f32', 'f16'],
            specs: [4, 6].flatMap((by) =>
              [4, 2].map((fewer) => `AE${Math.round(dim / by)},IVF${set.nlist / fewer},SQ8`),
            ),
          }
      const shared = { set: name, nprobes, k: 10, level, rounds: quick ? 7 : 15, threads, revectorize }
      const input = { ...shared, ...grid, kmeansMaxSteps, folder }
      const got = await run('tasks/compressed-search.mjs', input, { what, limitSeconds: 900 })
      if (got) rows.push({ set: name, dim, level, revectorize, threads, ...got })
    }
  }
  return rows
}

/**
 * What does the line through a few samples make of the scores?
 *
 * @param {import('./context.mjs').Context} context
 * @param {string} folder
 */
export async function calibration({ run, node, threads, asks, absent, say }, folder) {
  const set = setNamed('bge-base-768')
  if (!asks(set.name)) return undefined
  if (!isThere(set)) {
    absent('calibration', `${set.name} is not there`)
    return undefined
  }
  say(`calibration on ${set.name}`)
  const cells = { nlist: set.nlist, nprobe: set.nlist / 16, width: shapeOf(set.base).dim / 8 }
  const asked = { queries: 60, k: 100, samples: 20, points: 1500 }
  const input = { set: set.name, ...cells, ...asked, threads, revectorize: major(node.version) >= 24 }
  const got = await run('tasks/calibration.mjs', { ...input, kmeansMaxSteps, folder }, { what: 'calibration' })
  return got && { set: set.name, ...asked, ...got }
}
