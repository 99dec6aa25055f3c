import { seeded } from '../../clustering/random.js'
import { sampleRows } from '../../clustering/sample.js'
import { type Matrix, pick } from '../../engine/vectors.js'
import { IvfError } from '../../errors.js'
import { pca } from '../pca/pca.js'
import type { ProjectionParameters, ProjectionTraining } from '../projection.js'
import { random } from '../random/random.js'
import { judgeOf } from './judge.js'
import { allocLayer, getWeights, type Layer, rounded, setWeights } from './layer.js'
import { allocLearner, likenesses, takeStep } from './likeness.js'
import { checkWeights, notFinite } from './loss.js'
import { drawNeighbours, neighbourhoodsOf } from './neighbourhoods.js'
import { epochSteps, type Schedule } from './schedule.js'
import { sharpnessOf } from './sharpness.js'
import { ofVectors, standardOf } from './standard.js'

/** Rows of a batch that come from one cell. */
const MEMBERS = 32
/** Cells for each that a batch is made of, where all are large. */
const MORE = 8

/** Batches by which the sharpness is found. */
const SOUNDINGS = 4
/** Fewer vectors teach nothing. */
const LEAST = 64
/** Of so many vectors a projection learns at most. */
const MOST_ROWS = 131072
/** Held out to judge by, and what their neighbours are looked for among. */
const QUERIES = 512
const BASE = 8192
/** The share of the steps after which the better start is told from the other. */
const TRIAL = 0.2

/**
 * A linear map under which near vectors stay near: batches come from cells next to each other, so that many pairs are,
 * and each step matches whom rows have for neighbours before the map and after it (`takeStep`). Starts from PCA and
 * from a random orthogonal map; which one goes on, and whether learning helped at all, vectors decide that were held
 * out.
 *
 * @throws IvfError ERR_TOO_FEW, ERR_NOT_FINITE
 */
export async function trainSimilarity(
  training: ProjectionTraining,
  word: string,
  settings: Schedule,
): Promise<ProjectionParameters> {
  const { engine, metric, dim, seed, options } = training
  const { signal } = options
  const { width, learningRate } = settings
  const all = sampleRows(training.sample, MOST_ROWS, seed)
  const least = Math.max(width, LEAST)
  if (all.rows < least) {
    throw new IvfError(
      'ERR_TOO_FEW',
      `${all.rows} vectors cannot teach ${word}; give at least ${least}, or ask for fewer components`,
    )
  }
  const held = Math.min(QUERIES, Math.floor(all.rows / 8))
  const sample = part(all, held, all.rows)
  const base = part(sample, 0, Math.min(BASE, sample.rows))
  const judge = await judgeOf(engine, metric, part(all, 0, held), base, signal)
  const quiet = { ...training, sample: all, options: { signal } }
  const starts = [await pca({ width }).train(quiet), await random({ width }).train(quiet)]
  const cells = Math.ceil(settings.batchSize / MEMBERS)
  // Small cells have fewer members: then a batch comes from more of them.
  const neighbourhoods = await neighbourhoodsOf(training, sample, MORE * cells)
  const standard = standardOf(metric, all, seed)
  const perEpoch = epochSteps(settings, sample.rows)
  const steps = perEpoch * settings.epochs
  const trial = Math.ceil(steps * TRIAL)
  const total = steps + trial
  return engine.frame(async (scratch) => {
    const shape = { count: cells * MEMBERS, dim, width, unit: metric === 'cosine', squared: metric === 'l2' }
    const learner = allocLearner(scratch, shape, standard)
    const chance = seeded((seed ^ 0x2545f491) >>> 0)
    const rows = new Uint32Array(shape.count)
    const layers = await Promise.all(
      starts.map(async ({ weight }) => {
        const layer = allocLayer(scratch, rounded(width), rounded(dim), { bias: false, columns: false })
        if (weight) await setWeights(engine, layer, weight, dim)
        return layer
      }),
    )
    const found: Judged[] = []
    for (const start of starts) found.push(await judged({ ...start, word }))
    const sharpness = await findSharpness(layers[0] as Layer)
    let done = 0
    let lost = { sum: 0, steps: 0 }
    const tried: (Judged & { layer: Layer })[] = []
    for (const layer of layers) {
      await run(layer, 0, trial)
      tried.push({ ...(await judged(learned(layer))), layer })
    }
    const best = tried.reduce((a, b) => (b.recall > a.recall ? b : a))
    await run(best.layer, trial, steps)
    found.push(...tried, await judged(learned(best.layer)))
    return found.reduce((a, b) => (b.recall > a.recall ? b : a)).parameters

    async function judged(parameters: ProjectionParameters): Promise<Judged> {
      return { parameters, recall: await judge.recall(parameters) }
    }

    function learned(layer: Layer): ProjectionParameters {
      const weights = getWeights(engine, layer, width, dim)
      checkWeights(weights, learningRate)
      const map = ofVectors(weights, undefined, standard)
      return { word, metric, dim, width, ...map, unit: metric === 'cosine' }
    }

    async function findSharpness(layer: Layer): Promise<number> {
      let sum = 0
      for (let i = 0; i < SOUNDINGS; i++) {
        drawNeighbours(neighbourhoods, chance, MEMBERS, rows)
        const all = await likenesses(engine, learner, layer, sample, rows, { signal })
        sum += Math.log(sharpnessOf(all, shape.count))
      }
      return Math.exp(sum / SOUNDINGS)
    }

    async function run(layer: Layer, from: number, to: number): Promise<void> {
      for (let i = from; i < to; i++) {
        signal?.throwIfAborted()
        drawNeighbours(neighbourhoods, chance, MEMBERS, rows)
        const step = { sharpness, rate: learningRate * (1 - i / steps), number: i + 1 }
        const loss = await takeStep(engine, learner, layer, sample, rows, step, { signal })
        if (!Number.isFinite(loss)) throw notFinite(loss, i, learningRate)
        lost = { sum: lost.sum + loss, steps: lost.steps + 1 }
        done++
        // The steps of the start that is given up count, too.
        const epoch = Math.ceil((done * settings.epochs) / total)
        if (done < total && Math.ceil(((done + 1) * settings.epochs) / total) === epoch) continue
        options.onProgress?.({ phase: 'compress', done, total, epoch, loss: lost.sum / lost.steps })
        lost = { sum: 0, steps: 0 }
      }
    }
  })
}

/** A projection and the recall that it keeps. */
interface Judged {
  parameters: ProjectionParameters
  recall: number
}

function part(matrix: Matrix, from: number, to: number): Matrix {
  return pick(
    matrix,
    Uint32Array.from({ length: to - from }, (_, i) => from + i),
  )
}
