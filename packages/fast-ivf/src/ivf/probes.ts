import type { Scratch } from '../engine/engine.js'
import type { Prepared } from '../quantizers/quantizer.js'
import type { Allowed } from './allowed.js'
import type { Queries } from './choose.js'
import { codedDistances } from './coded-distances.js'
import type { Model } from './model.js'
import type { RowSettings } from './rows.js'
import { type Probes, withinRatio } from './visits.js'

/** The cells to visit. */
export interface Wanted extends Pick<RowSettings, 'nprobe' | 'ratioThreshold' | 'k' | 'allowed'> {}

/** Which cells each query visits. */
export async function findProbes(
  model: Model,
  scratch: Scratch,
  { given, coded }: Queries,
  { units }: Prepared,
  { nprobe: wanted, ratioThreshold, k, allowed }: Wanted,
  signal: AbortSignal | undefined,
): Promise<Probes> {
  const { engine, metric, nlist, choose, reach, quantizer, projection } = model
  const { nq } = given
  const celled = projection?.beforeCells ? coded : given
  const enough = allowed && enoughOf(allowed, model, wanted, k)
  for (let nprobe = enough ? enough.nprobe : wanted; ; nprobe = Math.min(nlist, 4 * nprobe)) {
    const { cells, distances: whole } = await choose(scratch, celled, nprobe, { signal })
    const [norms, lengths] = [engine.floats(coded.norms, nq).slice(), engine.floats(celled.norms, nq).slice()]
    const zeros = engine.floats(given.norms, nq).slice()
    let few = false
    const used = Uint32Array.from({ length: nq }, (_, q) => {
      // A zero query has no direction: no cosine is defined, so it has no answers.
      if (metric === 'cosine' && zeros[q] === 0) return 0
      const nearest = whole.subarray(q * nprobe, q * nprobe + Math.min(nprobe, wanted))
      const within = withinRatio(nearest, lengths[q] as number, metric, ratioThreshold)
      if (reach) return Math.min(within, reach(cells.subarray(q * nprobe, (q + 1) * nprobe)))
      if (!enough) return within
      const far = untilEnough(enough, cells.subarray(q * nprobe, (q + 1) * nprobe), within)
      few ||= far === undefined
      return far ?? nprobe
    })
    if (few && nprobe < nlist) continue
    const distances = projection?.centroids
      ? await codedDistances(engine, model, projection, coded, { cells, nprobe }, { signal })
      : whole
    const { rounding } = quantizer
    const unit = rounding ? engine.floats(units, 2 * nq).slice() : undefined
    const rounded = unit && Float32Array.from({ length: nq }, (_, q) => rounding * (unit[2 * q] as number) ** 2)
    return { nq, nprobe, cells, distances, used, norms, lengths: projection?.centroids ? norms : lengths, rounded }
  }
}

/** Matches that are scored for each that is wanted, at least. */
const PER_ANSWER = 4
/**
 * The k nearest of a share p of the vectors are among the k / p nearest of all, so more cells are visited, p to the
 * power of this times as many: about as many as find the k / p nearest as surely as nprobe find the k nearest.
 */
const GROWTH = -0.32

/** Cells differ in size: choosing a few too many takes less time than choosing once more. */
const SPARE = 2

/** How many cells with a match a query should visit, and how many matches meet there. */
interface Enough {
  counts: Uint32Array
  cells: number
  matches: number
  /** Cells, empty ones among them, that are likely to suffice. */
  nprobe: number
}

function enoughOf({ cells: counts, count, size }: Allowed, { nlist }: Model, nprobe: number, k: number): Enough {
  const share = Math.max(1, count) / Math.max(1, size)
  const filled = counts.reduce((sum, matches) => sum + Math.min(1, matches), 0)
  const cells = Math.min(filled, Math.ceil(nprobe * share ** GROWTH))
  const likely = Math.ceil((SPARE * cells * nlist) / Math.max(1, filled))
  // No fewer than so many cells hold on average: at the edge of a region that matches, cells hold less.
  const matches = Math.min(count, Math.max(PER_ANSWER * k, (cells / nlist) * count))
  return { counts, cells, matches, nprobe: Math.max(1, Math.min(nlist, likely)) }
}

/** How many of these cells a query visits until it has met enough; undefined when they do not suffice. */
function untilEnough(
  { counts, cells: wanted, matches }: Enough,
  cells: Uint32Array,
  least: number,
): number | undefined {
  let [met, filled] = [0, 0]
  for (const [rank, cell] of cells.entries()) {
    if (rank >= least && met >= matches && filled >= wanted) return rank
    met += counts[cell] as number
    filled += Math.min(1, counts[cell] as number)
  }
  return met >= matches && filled >= wanted ? cells.length : undefined
}
