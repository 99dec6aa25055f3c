import type { Engine } from '../engine/engine.js'
import { panelsOf } from '../engine/panels.js'
import type { Matrix } from '../engine/vectors.js'
import type { LongCallOptions, Metric } from '../options.js'
import type { QuantizerPlan } from '../quantizers/quantizer.js'
import { comparingAll } from './choose.js'
import { byCodes } from './coarse.js'
import { Held } from './held.js'
import { type Model, squaredNorms } from './model.js'
import type { Keep } from './originals.js'

/** What a model is made of beside its centroids. */
export interface ModelPlan {
  metric: Metric
  dim: number
  quantizer: QuantizerPlan
  keep: Keep
  seed: number
}

/** A model of these centroids (nlist × dim); its quantizer learns from the sample. */
export async function createModel(
  engine: Engine,
  { metric, dim, quantizer, keep, seed }: ModelPlan,
  rows: Float32Array,
  sample: Matrix | undefined,
  options: LongCallOptions,
): Promise<Model> {
  const nlist = rows.length / dim
  const held = new Held(engine)
  try {
    const alloc = (bytes: number): number => held.alloc(bytes)
    const { signal } = options
    // Vectors belong to the nearest centroid, for inner products too; queries visit those of the largest product.
    const centroids = await panelsOf(engine, alloc, rows, dim, { halfNorm: metric !== 'cosine' }, signal)
    const visited = metric === 'ip' ? await panelsOf(engine, alloc, rows, dim, { halfNorm: false }, signal) : centroids
    const training = { engine, alloc, metric, dim, centroids: rows, sample, seed, options }
    const trained = await quantizer.train(training)
    // Where vectors themselves are compared, so are centroids.
    const choose = trained.exact
      ? comparingAll(visited)
      : await byCodes(engine, held, metric, dim, rows, visited, { signal })
    const norms = squaredNorms(rows, dim)
    return { engine, metric, dim, nlist, rows, norms, centroids, choose, quantizer: trained, keep, held }
  } catch (error) {
    held.release()
    throw error
  }
}
