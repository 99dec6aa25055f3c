import { seeded } from './clustering/random.js'
import { copyOf, type Matrix, pick, type Vectors } from './engine/vectors.js'
import { checkInteger, checkNumber, IvfError } from './errors.js'
import type { Keep } from './ivf/originals.js'
import { trueNearest } from './ivf/truth.js'
import type { IvfIndex } from './ivf-index.js'
import { choose, rulesFor } from './recall/calibration.js'
import { type HeldOut, others } from './recall/held-out.js'
import { parseSpec } from './spec.js'
import { type Candidate, candidateOf, candidatesFor, leastBytes, specOf, spilled } from './tune-candidates.js'
import type { TuneOptions, TunePoint, TuneReport } from './tune-options.js'

/** What is tuned for; how an index is made is told by its class. */
export interface TuneTask {
  given: Vectors
  /** The same. */
  vectors: Matrix
  queries: Matrix | undefined
  seed: number
  /** Calibrates nothing. `centroids`: of the same vectors, found before. */
  build(vectors: Vectors, told: { spec: string; keep: Keep }, centroids: Float32Array | undefined): Promise<IvfIndex>
}

/** Parts of the vectors that candidates are tried with, and of the time that it may take until then. */
const ROUNDS = [
  { part: 1 / 16, least: 8192, until: 0.3 },
  { part: 1 / 4, least: 12_000, until: 0.65 },
  { part: 1, least: 0, until: 1 },
]
/** Of those that were tried, so many go on. */
const KEPT = [8, 4]
/** The best of the first round are tried with second cells, too. */
const SPILLED = 2
const QUERIES = 1000
const TIMED = 250 // ms of searching, at least

/**
 * Finds the spec with which most queries are answered a second on this machine at a recall, by successive halving (K.
 * Jamieson, A. Talwalkar, 2016): all candidates are tried with a part of the vectors, the better ones with more.
 *
 * @throws IvfError ERR_ARGUMENT also when nothing has the recall within the limit; the signal's reason
 */
export async function tune(task: TuneTask, options: TuneOptions): Promise<TuneReport> {
  const began = performance.now()
  const { vectors, build } = task
  const { signal, onProgress } = options
  const recall = checkNumber('recall', options.recall ?? 0.95, 0.5, 0.999)
  const k = checkInteger('k', options.k ?? 10, 1, 0xffff)
  const budget = 1000 * checkNumber('budget', options.budget ?? 60, 0)
  const limit = checkNumber('bytesPerVector', options.bytesPerVector ?? Number.POSITIVE_INFINITY, 1)
  const elapsed = (): number => performance.now() - began
  const first = options.specs
    ? options.specs.map(asCandidate)
    : candidatesFor(vectors.rows, vectors.dim, limit === Number.POSITIVE_INFINITY ? ['f32'] : ['f32', 'int8', 'none'])
  let candidates = first.filter((one) => leastBytes(one, vectors.dim) <= limit)
  const tried: TunePoint[] = []
  const rounds = ROUNDS.filter(({ part, least }) => part === 1 || vectors.rows * part >= least)
  let last: Scored[] = []
  for (const [i, { part, until }] of rounds.entries()) {
    const round = await prepare(task, part, k, signal)
    const scored: Scored[] = []
    const attemptAll = async (wanted: readonly Candidate[]): Promise<Candidate[]> => {
      for (const candidate of wanted) {
        signal?.throwIfAborted()
        onProgress?.({ phase: 'tune', done: Math.min(999, Math.floor((1000 * elapsed()) / budget)), total: 1000 })
        // The best come first: what there is no time for would hardly win.
        if (scored.length > 0 && elapsed() > until * budget) break
        const point = await attempt(round, candidate, { recall, k, limit, build, signal })
        if (!point) continue
        tried.push(point)
        scored.push({ candidate, point })
      }
      scored.sort((a, b) => b.point.qps - a.point.qps)
      return scored.map(({ candidate }) => candidate)
    }
    const best = await attemptAll(candidates)
    // A second cell is tried with those that would win without.
    if (i === 0 && !options.specs) await attemptAll(withSpill(best, vectors.dim, limit))
    last = scored
    candidates = scored.slice(0, KEPT[i + KEPT.length + 1 - rounds.length]).map(({ candidate }) => candidate)
    if (last.length === 0) break
  }
  onProgress?.({ phase: 'tune', done: 1000, total: 1000 })
  const best = last[0]?.point
  if (!best) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `no index reaches recall ${recall} at k = ${k}${limit < Number.POSITIVE_INFINITY ? ` with ${limit} bytes per vector` : ''} (${first.length} makes were thought of); ask for less, or allow more bytes`,
    )
  }
  const whole = tried.filter(({ size }) => size === vectors.rows)
  const frontier = whole
    .filter((one) => !whole.some((other) => other.qps > one.qps && other.bytesPerVector <= one.bytesPerVector))
    .sort((a, b) => b.qps - a.qps)
  const { spec, keep } = best
  return { spec, keep, recall, k, best, frontier, tried, seconds: elapsed() / 1000 }
}

interface Scored {
  candidate: Candidate
  point: TunePoint
}

/** Vectors, and queries whose nearest among them are known. */
interface Round {
  share: number
  size: number
  vectors: Vectors
  held: HeldOut
  queries: Vectors
  /** Centroids that were found already, by their number. */
  centroids: Map<string, Float32Array>
}

async function prepare(
  { given, vectors, queries, seed, build }: TuneTask,
  part: number,
  k: number,
  signal: AbortSignal | undefined,
): Promise<Round> {
  const size = Math.ceil(vectors.rows * part)
  const order = seeded(seed).sample(vectors.rows, vectors.rows)
  const own = part === 1 ? given : asTensor(pick(vectors, order.slice(0, size).sort()))
  // Those that are not among them are queries; of all some are, each looked up among the others.
  const rows = order.slice(part === 1 ? 0 : size).slice(0, QUERIES)
  const asked = queries
    ? pick(queries, seeded(seed).sample(Math.min(QUERIES, queries.rows), queries.rows))
    : pick(vectors, rows)
  const self = part === 1 && !queries ? rows : undefined
  const flat = await build(own, { spec: 'Flat', keep: 'none' }, undefined)
  try {
    const found = await flat.whileHeld((contents) => trueNearest(contents, asked, k + 1, { signal }))
    const held = { queries: asked, self, truth: others(found, self, k), k }
    return { share: part, size, vectors: own, held, queries: asTensor(asked), centroids: new Map() }
  } finally {
    await flat.close()
  }
}

function asTensor(matrix: Matrix): Vectors {
  return { data: copyOf(matrix), dims: [matrix.rows, matrix.dim] }
}

interface AttemptSettings extends Pick<TuneTask, 'build'> {
  recall: number
  k: number
  limit: number
  signal: AbortSignal | undefined
}

/** Builds and measures; undefined where it has not the recall, or takes too many bytes. */
async function attempt(
  { share, size, vectors, held, queries, centroids }: Round,
  candidate: Candidate,
  { recall, k, limit, build, signal }: AttemptSettings,
): Promise<TunePoint | undefined> {
  const { keep, nlist } = candidate
  const spec = specOf(candidate, share)
  const began = performance.now()
  const index = await build(vectors, { spec, keep }, centroids.get(String(nlist)))
  try {
    const seconds = (performance.now() - began) / 1000
    if (nlist > 1) centroids.set(String(nlist), index.centroids)
    const bytesPerVector = index.bytes / size
    if (bytesPerVector > limit) return undefined
    const calibration = await index.calibrateWith(held, [k], { signal })
    const rules = rulesFor(calibration, k)
    const choice = rules && (await index.whileHeld(async (contents) => choose(contents, calibration, rules, recall)))
    if (!choice) return undefined
    const times: number[] = []
    let scored = 0
    for (let spent = 0; spent < TIMED || times.length < 2; ) {
      const start = performance.now()
      const { work, nq } = await index.search(queries, { k, recall, signal })
      times.push(performance.now() - start)
      spent += times.at(-1) as number
      scored = work.vectors / nq
      if (times.length >= 9) break
    }
    times.sort((a, b) => a - b)
    const median = times[times.length >> 1] as number
    return {
      ...{ spec, keep, size, qps: (1000 * held.queries.rows) / median, recall: choice.recall },
      ...{ bytesPerVector, vectors: scored, seconds },
    }
  } finally {
    await index.close()
  }
}

/** The best of those with cells, each vector in two of them. */
function withSpill(candidates: readonly Candidate[], dim: number, limit: number): Candidate[] {
  return candidates
    .flatMap((one) => spilled(one) ?? [])
    .slice(0, SPILLED)
    .filter((one) => leastBytes(one, dim) <= limit)
}

/** @throws IvfError ERR_ARGUMENT */
function asCandidate(spec: string): Candidate {
  const { nlist, quantizer } = parseSpec(spec)
  return candidateOf(spec, nlist, quantizer.exact ? 'none' : 'f32')
}
