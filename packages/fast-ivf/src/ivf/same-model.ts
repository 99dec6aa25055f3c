import type { Engine } from '../engine/engine.js'
import type { LongCallOptions } from '../options.js'
import { given } from '../projections/given.js'
import { openPlan } from '../quantizers/registry.js'
import { createModel } from './make-model.js'
import type { Model } from './model.js'

/** What was learned before, placed anew: in another engine, or with other centroids (`rows`). */
export function sameModel(
  engine: Engine,
  { metric, dim, keep, projection, quantizer, spill }: Model,
  rows: Float32Array,
  seed: number,
  options: LongCallOptions,
): Promise<Model> {
  const { traits, tensors } = quantizer.learned
  const plan = openPlan(traits, new Map(tensors.map(({ name, data }) => [name, data])))
  if (!plan) throw new Error(`${quantizer.word} cannot be opened`)
  const parameters = projection?.place.parameters
  const placed = projection && parameters && { plan: given(parameters), beforeCells: projection.beforeCells }
  const also = { ...(spill && { spill }), ...(placed && { projection: placed }) }
  const made = { metric, dim, quantizer: plan, keep, seed, ...also }
  return createModel(engine, made, rows, undefined, options, parameters)
}
