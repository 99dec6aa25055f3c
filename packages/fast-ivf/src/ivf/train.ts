import { trainLloyd } from '../clustering/lloyd.js'
import { trainMiniBatch } from '../clustering/minibatch.js'
import { randomBatches } from '../clustering/sample.js'
import type { Engine } from '../engine/engine.js'
import type { Matrix } from '../engine/vectors.js'
import { IvfError } from '../errors.js'
import type { LongCallOptions } from '../options.js'
import { placeProjection } from '../projections/place.js'
import { createModel, type ModelPlan } from './make-model.js'
import type { Model } from './model.js'
import { projectSample } from './project.js'

/** How the cells are found. */
export type Clustering =
  | { kind: 'minibatch'; batchSize: number; tol: number; maxSteps: number }
  | { kind: 'lloyd'; iterations: number; pointsPerCentroid: number }

/** What a model is made of, and how. */
export interface TrainPlan extends ModelPlan {
  nlist: number
  clustering: Clustering
}

/** Learns everything from the sample: cells, and what is done to vectors. @throws IvfError ERR_TOO_FEW */
export async function trainModel(
  engine: Engine,
  plan: TrainPlan,
  sample: Matrix,
  options: LongCallOptions,
): Promise<Model> {
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
  const metric = plan.metric === 'cosine' ? 'cosine' : 'l2'
  if (clustering.kind === 'lloyd') {
    const settings = { ...clustering, numCentroids: nlist, metric, seed } as const
    return (await trainLloyd(engine, matrix, settings, options)).centroids
  }
  const { batchSize, tol, maxSteps } = clustering
  const batches = randomBatches(matrix, Math.min(batchSize, Math.ceil(matrix.rows / 16)), seed)
  const settings = {
    ...{ numCentroids: nlist, subspaces: 1, historySize: 10, minMaxRatioThreshold: 0.005 },
    ...({ maxSteps, tol, metric } as const),
  }
  return (await trainMiniBatch(engine, matrix.dim, batches, settings, options)).centroids
}
