import { alternate, around, sweepTo } from '../measure/contest.mjs'
import { library, task } from '../process/task.mjs'
import { qpsAt } from '../report/curves.mjs'
import { readSet } from '../sets/sets.mjs'
import { projectionFor } from './projection-for.mjs'

/** Compressed shapes that meet FastIVF once more, in every form of keeping. */
const finalists = 3
/** Estimates of projected vectors in 8 bits. */
const specFactors = [1.5, 2, 3]

/**
 * How fast are FastIVF, CompressedFastIVF and indexes of specs with the same compressor at a recall, each at its best? A sweep over all shapes tells who may be the
 * fastest; those meet again, in turns, and only what they do then counts. Compressed ones have the same centroids.
 */
await task(async (input) => {
  const { set: name, nlists, shares, factors, keeps, specs, ...rest } = input
  const { nprobes, k, level, rounds, folder, kmeansMaxSteps, ...on } = rest
  const { CompressedFastIVF, FastIVF, IvfIndex, Projection } = await library()
  const set = readSet(name)
  const { base, metric } = set
  const options = { metric, ratioThreshold: 0, seed: 1, ...on }

  const trained = new Map()
  for (const nlist of nlists) {
    const index = new FastIVF(base.dim, { ...options, nlist, kmeansMaxSteps })
    await index.train(base.data)
    trained.set(nlist, index)
  }
  const projections = new Map()
  for (const share of shares) {
    const spec = `AE${Math.round(base.dim * share)}`
    projections.set(share, await projectionFor(Projection, set, { spec, folder, ...on }))
  }

  const plain = []
  for (const nlist of nlists) plain.push(await tried({ nlist }, trained.get(nlist)))
  const compressed = []
  for (const nlist of nlists) {
    for (const share of shares) {
      const index = await build({ nlist, share, keep: 'f32' })
      for (const factor of factors) compressed.push(await tried({ nlist, share, factor }, index))
      await index.close()
    }
  }
  const coded = []
  const ofSpecs = new Map()
  for (const spec of specs) {
    const index = await IvfIndex.build(base.data, { dim: base.dim, metric, spec, keep: 'f16', ...on })
    ofSpecs.set(spec, index)
    const [, nlist] = spec.match(/IVF(\d+)/)
    for (const factor of specFactors)
      coded.push(await tried({ spec, nlist: Number(nlist), factor, keep: 'f16' }, index))
  }
  const best = [
    ...fastest(coded, finalists),
    ...fastest(plain, plain.length),
    ...fastest(compressed, finalists).flatMap(({ shape, ...rest }) =>
      keeps.map((/** @type {string} */ keep) => ({ ...rest, shape: { ...shape, keep } })),
    ),
  ]
  const built = new Map()
  const contenders = []
  for (const { shape, points } of best) {
    const { spec, nlist, share, keep, factor } = shape
    const key = spec ?? (share ? `${nlist} ${share} ${keep}` : `${nlist}`)
    if (!built.has(key)) built.set(key, ofSpecs.get(spec) ?? (share ? await build(shape) : trained.get(nlist)))
    contenders.push(contenderOf(built.get(key), factor, around(points, level)))
  }
  const results = await alternate(set, level, { k, rounds }, contenders)
  const met = results.map(({ points, ...rest }, i) => {
    const shape = best[i]?.shape
    const width = shape.share && { width: Math.round(base.dim * shape.share) }
    return { ...shape, ...width, ...rest, points: points.map(({ seconds: _, ...point }) => point) }
  })
  return { tried: { plain: plain.length, compressed: compressed.length, coded: coded.length }, met }

  /** @param {{ nlist: number, share: number, keep: string }} shape */
  async function build({ nlist, share, keep }) {
    const more = { dim: base.dim, projection: projections.get(share), keep }
    const index = await CompressedFastIVF.fromCentroids(trained.get(nlist).centroids, { ...options, ...more })
    await index.add(base.data)
    return index
  }

  /** @param {any} shape @param {any} index */
  async function tried(shape, index) {
    const points = await sweepTo(set, level, { k, repeats: 2 }, contenderOf(index, shape.factor, nprobes))
    return { shape, points, qps: qpsAt(points, level) }
  }
})

/** @param {any} index @param {number | undefined} factor @param {number[]} nprobes */
function contenderOf(index, factor, nprobes) {
  return {
    search: (/** @type {any} */ queries, /** @type {any} */ how) => index.search(queries, how),
    way: factor ? { rescoreFactor: factor } : {},
    nprobes: nprobes.filter((nprobe) => nprobe <= index.nlist),
  }
}

/** @template {{ qps: number | undefined }} T @param {T[]} all @param {number} count */
function fastest(all, count) {
  return all
    .filter((one) => one.qps !== undefined)
    .sort((a, b) => (b.qps ?? 0) - (a.qps ?? 0))
    .slice(0, count)
}
