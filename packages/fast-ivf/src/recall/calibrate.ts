import type { Matrix } from '../engine/vectors.js'
import type { Contents } from '../ivf/contents.js'
import type { Rescore } from '../ivf/rows.js'
import { searchSegments } from '../ivf/search.js'
import type { LongCallOptions } from '../options.js'
import type { Calibration, Level, Rules } from './calibration.js'
import { type CurveSettings, followCurve } from './curve.js'
import { givenHeldOut, type HeldOut, heldOutCount, NONE, others, sampleHeldOut } from './held-out.js'
import { nearnessOf, type Observed, observe, WAVES } from './observe.js'
import { measureSpreads } from './spreads.js'
import { fitTable } from './table.js'

/** What is to be calibrated; every default is explicit. */
export interface CalibratePlan {
  /** Queries like those to come; undefined: vectors of the index, each looked up among the others. */
  queries: Matrix | undefined
  /** nq × the largest k: rows of their true nearest; undefined: they are computed. */
  truth: Uint32Array | undefined
  /** Both, for those who calibrate many times. */
  held?: HeldOut | undefined
  /** Ascending. */
  ks: readonly number[]
  confidence: number
  seed: number
  /** How the index rescores when it does. */
  usual: Rescore
}

/** Losing less than this to codes, no surer way to rescore is looked for. */
const LOSS = 0.0025
const EPSILONS = [3, 5]
const FACTORS = [4, 16, 64]
/** Cells that hold this much of the neighbours are visited to see what codes lose. */
const COVERED = 0.98

/**
 * Learns, with one half of held-out queries, what share of its neighbours a query has in a cell; with the other half,
 * what recall comes of visiting the cells above each share, and at what work.
 */
export async function calibrate(
  contents: Contents,
  plan: CalibratePlan,
  options: LongCallOptions,
): Promise<Calibration> {
  const { model, size } = contents
  const { ks, confidence, queries, truth, seed, usual } = plan
  const { signal, onProgress } = options
  const places = ks.at(-1) as number
  const held =
    plan.held ??
    (queries
      ? await givenHeldOut(contents, queries, places, truth, options)
      : await sampleHeldOut(contents, heldOutCount(contents), places, seed, options))
  const spreads = await measureSpreads(contents, signal)
  const observed = await observe(contents, held, usual.kind === 'bound' ? usual : undefined, { signal })
  const pace = model.engine.pace(signal)
  const rules: Rules[] = []
  for (const [done, k] of ks.entries()) {
    onProgress?.({ phase: 'calibrate', done, total: ks.length })
    const { levels, kept } = await measureLevels(contents, held, observed, k, usual, options)
    const variants: Rules['variants'][number][] = []
    for (const wave of WAVES.keys()) {
      if (wave > 0 && (WAVES[wave] as number) > model.nlist) break
      variants.push(learn({ wave, k, kept }))
      await pace()
    }
    rules.push({ k, levels, byRank: shareByRank(observed, k, places), variants })
  }
  onProgress?.({ phase: 'calibrate', done: ks.length, total: ks.length })
  const half = held.queries.rows >> 1
  return { spreads, rules, queries: held.queries.rows - half, confidence, size }

  function learn({ wave, k, kept }: Pick<CurveSettings, 'wave' | 'k' | 'kept'>): Rules['variants'][number] {
    const { metric, norms } = model
    const shapes = { spreads, norms }
    const { nq, ranks, found } = observed
    const half = nq >> 1
    const z = new Float64Array(ranks)
    const shares = new Float64Array(ranks)
    const table = fitTable(ranks, (tell) => {
      for (let q = 0; q < half; q++) {
        const neighbours = found.subarray(q * places, q * places + k)
        const wanted = neighbours.reduce((sum, rank) => sum + (rank === NONE ? 0 : 1), 0)
        if (wanted === 0) continue
        shares.fill(0)
        for (const rank of neighbours) if (rank < ranks) shares[rank] = (shares[rank] as number) + 1 / wanted
        nearnessOf(observed, metric, shapes, q, wave, { k, places }, z)
        for (let rank = 0; rank < ranks; rank++) tell(rank, z[rank] as number, shares[rank] as number)
      }
    })
    const sizes = cellSizes(contents)
    const settings = { metric, shapes, sizes, wave, k, places, kept }
    return { wave, table, curve: followCurve(observed, table, [half, nq], settings) }
  }
}

/** Vectors of each cell: nlist. */
export function cellSizes({ model: { nlist }, segments }: Contents): Uint32Array {
  const sizes = new Uint32Array(nlist)
  for (const { starts } of segments) {
    for (let cell = 0; cell < nlist; cell++) {
      sizes[cell] = (sizes[cell] as number) + (starts[cell + 1] as number) - (starts[cell] as number)
    }
  }
  return sizes
}

/** Which neighbours are found when their cell is visited, by each way to rescore that is worth a look. */
async function measureLevels(
  contents: Contents,
  held: HeldOut,
  observed: Observed,
  k: number,
  usual: Rescore,
  options: LongCallOptions,
): Promise<{ levels: Level[]; kept: Uint8Array[] }> {
  const levels: Level[] = []
  const kept: Uint8Array[] = []
  for (const rescore of waysToRescore(usual, contents.size / k)) {
    const own = await measureLevel(contents, held, observed, k, rescore, options)
    levels.push(own.level)
    kept.push(own.kept)
    if (1 - own.level.recall < LOSS) break
  }
  return { levels, kept }
}

function waysToRescore(usual: Rescore, most: number): Rescore[] {
  if (usual.kind === 'bound') {
    const { epsilon } = usual
    return [usual, ...EPSILONS.filter((more) => more > epsilon).map((more) => ({ ...usual, epsilon: more }))]
  }
  if (usual.kind !== 'factor') return [usual]
  const { factor } = usual
  return [usual, ...FACTORS.map((more) => ({ ...usual, factor: more * factor })).filter((way) => way.factor < most)]
}

async function measureLevel(
  contents: Contents,
  { queries, self, truth, k: places }: HeldOut,
  { nq, ranks, found }: Observed,
  k: number,
  rescore: Rescore,
  { signal }: LongCallOptions,
): Promise<{ level: Level; kept: Uint8Array }> {
  const kept = new Uint8Array(nq * places).fill(1)
  if (contents.model.exact) return { level: { rescore, compared: 0, recall: 1, deviation: 0 }, kept }
  const half = nq >> 1
  const nprobe = covering(found.subarray(half * places), ranks)
  const second: Matrix = {
    ...{ rows: nq - half, dim: queries.dim },
    copy: (from, to, target) => queries.copy(half + from, half + to, target),
  }
  const settings = { k: k + 1, nprobe, ratioThreshold: 0, confidence: false, rescore }
  const result = await searchSegments(contents, second, settings, { signal })
  const answers = others(result, self?.subarray(half), k)
  let [sum, squares, counted] = [0, 0, 0]
  for (let q = half; q < nq; q++) {
    const own = new Set(answers.subarray((q - half) * k, (q - half + 1) * k))
    let [wanted, lost] = [0, 0]
    for (let i = q * places; i < q * places + k; i++) {
      const row = truth[i] as number
      if (row === NONE) continue
      wanted++
      if ((found[i] as number) >= nprobe || own.has(row)) continue
      kept[i] = 0
      lost++
    }
    if (wanted === 0) continue
    const recall = 1 - lost / wanted
    sum += recall
    squares += recall * recall
    counted++
  }
  const recall = counted ? sum / counted : 1
  const deviation = counted ? Math.sqrt(Math.max(0, squares / counted - recall * recall)) : 0
  return { level: { rescore, compared: result.work.rescored / Math.max(1, result.nq), recall, deviation }, kept }
}

/** Share of the neighbours that are in the nearest cells, of the second half: one, two, … of them. */
function shareByRank({ nq, ranks, found }: Observed, k: number, places: number): Float32Array {
  const counts = new Float64Array(ranks)
  let all = 0
  for (let q = nq >> 1; q < nq; q++) {
    for (const rank of found.subarray(q * places, q * places + k)) {
      if (rank === NONE) continue
      all++
      if (rank < ranks) counts[rank] = (counts[rank] as number) + 1
    }
  }
  let sum = 0
  return Float32Array.from(counts, (count) => {
    sum += count
    return sum / Math.max(1, all)
  })
}

/** Cells that hold nearly all neighbours whose cells are known. */
function covering(found: Uint32Array, ranks: number): number {
  const counts = new Uint32Array(ranks)
  let all = 0
  for (const rank of found) {
    if (rank >= ranks) continue
    counts[rank] = (counts[rank] as number) + 1
    all++
  }
  let covered = 0
  for (let rank = 0; rank < ranks; rank++) {
    covered += counts[rank] as number
    if (covered >= COVERED * all) return rank + 1
  }
  return ranks
}
