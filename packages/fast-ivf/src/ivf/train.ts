import { trainLloyd } from '../clustering/lloyd.js'
import { trainMiniBatch } from '../clustering/minibatch.js'
import { randomBatches } from '../clustering/sample.js'
import type { Engine } from '../engine/engine.js'
import { checkFinite } from '../engine/load.js'
import type { Matrix, VectorBatches, Vectors } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { placeProjection } from '../projections/place.js'
import { collectBatches, startingWith } from './batches.js'
import { appendNamed, type GivenIds } from './change.js'
import { type Contents, contentsOf, release } from './contents.js'
import { MANY } from './finding.js'
import { trainHierarchy } from './hierarchy.js'
import { createModel, type ModelPlan } from './make-model.js'
import type { Model } from './model.js'
import { projectSample } from './project.js'

/** How the cells are found. */
export type Clustering =
  | { kind: 'minibatch'; batchSize: number; tol: number; maxSteps: number }
  | { kind: 'lloyd'; iterations: number; pointsPerCentroid: number }
  /** They were found before. */
  | { kind: 'known'; centroids: Float32Array }

/** What a model is made of, and how. */
export interface TrainPlan extends ModelPlan {
  nlist: number
  clustering: Clustering
}

/**
 * What is learned of the first vectors, and all of them stored under it; without `adds` only what is learned. `ids`: of
 * those that are added.
 * @throws IvfError ERR_EMPTY, ERR_TOO_FEW, ERR_NOT_FINITE, ERR_DIM, ERR_ARGUMENT, ERR_MEMORY; the signal's reason
 */
export async function trainContents(
  engine: Engine,
  plan: TrainPlan,
  vectors: Vectors | VectorBatches,
  adds: { ids: GivenIds | undefined } | undefined,
  options: LongCallOptions,
): Promise<Contents> {
  const { dim, nlist } = plan
  const parts = collectBatches(vectors, dim, Math.max(65536, 256 * nlist), options.signal)
  try {
    const sample = (await parts.next()).value
    if (!sample?.rows) {
      throw new IvfError('ERR_EMPTY', `there are no vectors to train on; give at least nlist = ${nlist}`)
    }
    // Before the long work, not in the middle of it.
    await checkFinite(engine, sample, 'vectors', options.signal)
    const empty = contentsOf(await trainModel(engine, plan, sample, options))
    if (!adds) return empty
    try {
      return await appendNamed(empty, startingWith(sample, parts), adds.ids, options)
    } catch (error) {
      release(empty)
      throw error
    }
  } finally {
    await parts.return(undefined)
  }
}

/** Learns everything from the sample: cells, and what is done to vectors. @throws IvfError ERR_TOO_FEW */
async function trainModel(engine: Engine, plan: TrainPlan, sample: Matrix, options: LongCallOptions): Promise<Model> {
  const { nlist, metric, dim, seed } = plan
  if (sample.rows < nlist) {
    throw new IvfError(
      'ERR_TOO_FEW',
      `${sample.rows} vectors cannot make ${nlist} cells; give at least ${nlist}, or ask for a smaller nlist`,
    )
  }
  if (!plan.projection?.beforeCells) {
    return createModel(engine, plan, await cluster(engine, plan, sample, options), sample, options)
  }
  const learning = { engine, metric, dim, sample, centroids: undefined, seed, options }
  const projection = await plan.projection.plan.train(learning)
  const projected = await engine.frame(async (scratch) => {
    const place = await placeProjection(engine, (bytes) => scratch.alloc(bytes), projection, options.signal)
    return projectSample(engine, place, sample, seed, options.signal, most(plan, sample))
  })
  return createModel(engine, plan, await cluster(engine, plan, projected, options), sample, options, projection)
}

/** Vectors that clustering looks at. */
function most({ clustering, nlist }: TrainPlan, { rows }: Matrix): number {
  return clustering.kind === 'lloyd' ? Math.min(rows, nlist * clustering.pointsPerCentroid) : rows
}

/** nlist × the components of the vectors */
async function cluster(
  engine: Engine,
  { nlist, seed, clustering, ...plan }: TrainPlan,
  matrix: Matrix,
  options: LongCallOptions,
): Promise<Float32Array> {
  if (clustering.kind === 'known') return clustering.centroids
  const metric = plan.metric === 'cosine' ? 'cosine' : 'l2'
  if (clustering.kind === 'lloyd') {
    const settings = { ...clustering, numCentroids: nlist, metric, seed } as const
    const train = nlist > MANY ? trainHierarchy : trainLloyd
    return (await train(engine, matrix, settings, options)).centroids
  }
  const { batchSize, tol, maxSteps } = clustering
  const batches = randomBatches(matrix, Math.min(batchSize, Math.ceil(matrix.rows / 16)), seed)
  const settings = {
    ...{ numCentroids: nlist, subspaces: 1, historySize: 10, minMaxRatioThreshold: 0.005 },
    ...({ maxSteps, tol, metric } as const),
  }
  return (await trainMiniBatch(engine, matrix.dim, batches, settings, options)).centroids
}
