import { atOnce } from '../process/at-once.mjs'
import { major } from '../process/node.mjs'
import { compressedSets, compressors, half } from '../report/compressors.mjs'
import { isThere, setNamed } from '../sets/sets.mjs'
import { shapeOf } from '../sets/vecs.mjs'

/** Cells good enough to compare in: ten times as many steps, the default, change recall by a hundredth and take long. */
export const kmeansMaxSteps = 100
const slow = 'supervised'
/** Left out where more than half the components stay. */
const learned = ['similarity', slow]

/**
 * What do compressors keep, at half the components and at others? Only the recall counts, which is the same on any number
 * of threads: each process computes on one, two of them at a time.
 *
 * @param {import('./context.mjs').Context} context
 * @returns {Promise<import('../report/compressors.mjs').Quality[]>}
 */
export async function compressorQuality({ run, node, threads, quick, asks, absent, say }) {
  /** @type {import('../report/compressors.mjs').Quality[]} */
  const rows = []
  const wanted = compressedSets
    .filter(asks)
    .map(setNamed)
    .flatMap((set) => {
      if (isThere(set)) return plan(quick).map((one) => ({ set, ...shapeOf(set.base), ...one }))
      absent(`compressors on ${set.name}`, 'its files are not there')
      return []
    })
  // The longest first, lest one is left to the end and runs alone.
  const cost = (/** @type {typeof wanted[number]} */ { compressor, n, dim, share }) =>
    compressor === slow ? n * dim * share : 0
  wanted.sort((a, b) => cost(b) - cost(a))
  const revectorize = major(node.version) >= 24
  const jobs = wanted.map(({ set: { name, nlist }, n: _, dim, seed, compressor, share, ...more }) => async () => {
    const width = Math.round(dim * share)
    const nprobe = Math.max(4, nlist / 16)
    const what = `${compressor ? `${compressor} to ${width}` : 'FastIVF'} on ${name}, seed ${seed}`
    say(what)
    const cells = { set: name, nlist, nprobe, seed, kmeansMaxSteps }
    const asked = { compressor, width, k: 10, rescoreFactor: 10, threads: 0, revectorize, ...more }
    const got = await run('tasks/compressor.mjs', { ...cells, ...asked }, { what, limitSeconds: 900 })
    if (got) rows.push({ set: name, seed, compressor, share, width, dim, nlist, nprobe, ...got })
  })
  await atOnce(threads, jobs)
  return rows
}

/** What is built on every set. @param {boolean} quick */
function plan(quick) {
  const seeds = quick ? [1] : [1, 2, 3]
  const halves = [...compressors, undefined].flatMap((compressor) => {
    const short = compressor === slow && quick && { compressorStepsPerEpoch: -1 }
    return seeds.map((seed) => ({ seed, compressor, share: compressor ? half : 1, ...short }))
  })
  const others = (quick ? [1 / 8] : [3 / 4, 1 / 4, 1 / 8, 1 / 16]).flatMap((share) =>
    compressors.flatMap((compressor) => {
      if ((compressor === slow && quick) || (share > half && learned.includes(compressor))) return []
      return (compressor === slow ? [1] : seeds).map((seed) => ({ seed, compressor, share, only: 'all' }))
    }),
  )
  return [...halves, ...others]
}
