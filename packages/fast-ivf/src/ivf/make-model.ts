import type { Engine } from '../engine/engine.js'
import { panelsOf } from '../engine/panels.js'
import { type Matrix, toMatrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'
import { placeProjection } from '../projections/place.js'
import type { ProjectionParameters, ProjectionPlan } from '../projections/projection.js'
import type { QuantizerPlan } from '../quantizers/quantizer.js'
import { findingOf } from './finding.js'
import { Held } from './held.js'
import { type Model, type ModelProjection, squaredNorms } from './model.js'
import type { Keep } from './originals.js'
import { projectRows, projectSample } from './project.js'

/** What a model is made of beside its centroids. */
export interface ModelPlan {
  metric: Metric
  dim: number
  quantizer: QuantizerPlan
  keep: Keep
  seed: number
  /** What is done to vectors before they are encoded, and whether before cells are found, too. */
  projection?: { plan: ProjectionPlan; beforeCells: boolean }
}

/**
 * A model of these centroids: nlist × dim, or × width where cells are of projected vectors; then the projection is
 * given. What else there is to learn is learned from the sample.
 */
export async function createModel(
  engine: Engine,
  plan: ModelPlan,
  rows: Float32Array,
  sample: Matrix | undefined,
  options: LongCallOptions,
  projection?: ProjectionParameters,
): Promise<Model> {
  const { metric, dim, quantizer, keep, seed } = plan
  const held = new Held(engine)
  try {
    const alloc = (bytes: number): number => held.alloc(bytes)
    const { signal } = options
    const given = sample ?? toMatrix(new Float32Array(0), dim, 'vectors')
    const learning = { engine, metric, dim, sample: given, centroids: rows, seed, options }
    const parameters = projection ?? (await plan.projection?.plan.train(learning))
    const beforeCells = parameters !== undefined && plan.projection?.beforeCells === true
    const width = parameters?.width ?? dim
    const cellDim = beforeCells ? width : dim
    // Vectors belong to the nearest centroid, for inner products too; queries visit those of the largest product.
    const centroids = await panelsOf(engine, alloc, rows, cellDim, { halfNorm: metric !== 'cosine' }, signal)
    const visited =
      metric === 'ip' ? await panelsOf(engine, alloc, rows, cellDim, { halfNorm: false }, signal) : centroids
    const place = parameters && (await placeProjection(engine, alloc, parameters, signal))
    const coded =
      place && !beforeCells
        ? await projectRows(engine, place, toMatrix(rows, dim, 'centroids'), { name: 'centroids', signal })
        : rows
    const projected =
      place && sample && !quantizer.exact ? await projectSample(engine, place, sample, seed, signal) : sample
    const exact = quantizer.exact && !place
    const cells = { metric, dim: cellDim, rows, exact }
    const { choose, assign } = await findingOf(engine, held, cells, { nearest: centroids, visited }, { signal })
    const training = { engine, alloc, metric, dim: width, centroids: coded, sample: projected, seed, options }
    const trained = await quantizer.train({ ...training, ...(coded === rows && { assign }) })
    const norms = squaredNorms(coded, width)
    return {
      ...{ engine, metric, dim, width, nlist: rows.length / cellDim, rows, norms, centroids, choose, assign },
      ...{ quantizer: trained, exact, keep, held },
      projection: place && { place, beforeCells, ...placeCentroids(coded, norms) },
    }

    function placeCentroids(coded: Float32Array, norms: Float32Array): Pick<ModelProjection, 'centroids' | 'bias'> {
      if (beforeCells || !trained.residual) return { centroids: 0, bias: 0 }
      const put = (numbers: Float32Array): number => {
        const at = alloc(numbers.byteLength)
        engine.floats(at, numbers.length).set(numbers)
        return at
      }
      return { centroids: put(coded), bias: metric === 'l2' ? put(norms.map((norm) => norm / 2)) : 0 }
    }
  } catch (error) {
    held.release()
    throw error
  }
}
