import type { Engine } from '../engine/engine.js'
import { createModel } from '../ivf/make-model.js'
import type { Model } from '../ivf/model.js'
import type { LongCallOptions } from '../options.js'
import { given } from '../projections/given.js'
import type { ProjectionParameters } from '../projections/projection.js'
import type { QuantizerPlan } from '../quantizers/quantizer.js'
import { openPlan } from '../quantizers/registry.js'
import { type IndexFile, placeOf, readSmall } from './file.js'
import { damaged, names } from './layout.js'

/** The model of a file: what was learned is read, what follows from it made again. @throws IvfError ERR_FORMAT */
export async function readModel(engine: Engine, file: IndexFile, options: LongCallOptions): Promise<Model> {
  const { header, name } = file
  const { metric, dim, nlist, keep, seed, spill, projection } = header
  const parameters = projection && (await readProjection(engine, file))
  const width = projection?.beforeCells ? projection.width : dim
  const centroids = await readFloats(engine, file, names.centroids, [nlist, width])
  const quantizer = await openQuantizer(engine, file)
  const plan = {
    ...{ metric, dim, quantizer, keep, seed, ...(spill && { spill }) },
    ...(projection && parameters && { projection: { plan: given(parameters), beforeCells: projection.beforeCells } }),
  }
  try {
    quantizer.check(projection?.width ?? dim)
    return await createModel(engine, plan, centroids, undefined, options, parameters)
  } catch (cause) {
    options.signal?.throwIfAborted()
    if ((cause as { code?: unknown }).code === 'ERR_MEMORY') throw cause
    throw damaged(name, `does not hold together: ${(cause as Error).message}`, cause)
  }
}

/** The plan of the quantizer that a file holds. @throws IvfError ERR_FORMAT */
async function openQuantizer(engine: Engine, file: IndexFile): Promise<QuantizerPlan> {
  const { header, tensors, name } = file
  const prefix = names.quantizer('')
  const found = new Map<string, Float32Array>()
  for (const [tensor, info] of tensors) {
    if (!tensor.startsWith(prefix)) continue
    found.set(tensor.slice(prefix.length), await readFloats(engine, file, tensor, info.shape))
  }
  const plan = asPlan()
  const { word, exact, bounded } = header.quantizer
  if (plan && (plan.word !== word || plan.exact !== exact || plan.bounded !== bounded)) {
    throw damaged(name, `tells of ${word}, and holds ${plan.word}`)
  }
  if (plan) return plan
  throw damaged(name, `holds codes of kind ${JSON.stringify(header.quantizer)}, which is not known`)

  function asPlan(): QuantizerPlan | undefined {
    try {
      return openPlan(header.quantizer, found)
    } catch (cause) {
      throw damaged(name, `does not hold together: ${(cause as Error).message}`, cause)
    }
  }
}

async function readProjection(engine: Engine, file: IndexFile): Promise<ProjectionParameters> {
  const { header, tensors } = file
  const { metric, dim, projection } = header
  const { word = '', width = 0, unit = false } = projection ?? {}
  const weight = tensors.has(names.weight) ? await readFloats(engine, file, names.weight, [width, dim]) : undefined
  const bias = tensors.has(names.bias) ? await readFloats(engine, file, names.bias, [width]) : undefined
  if (!weight && width > dim) throw damaged(file.name, `takes ${width} components of ${dim}`)
  return { word, metric, dim, width, weight, bias, unit }
}

async function readFloats(
  engine: Engine,
  file: IndexFile,
  tensor: string,
  shape: readonly number[],
): Promise<Float32Array> {
  const floats = new Float32Array(await readSmall(engine, file, tensor, placeOf(file, tensor, 'F32', shape)))
  // Nothing times 0 is anything else but what is not finite.
  let sum = 0
  for (const value of floats) sum += value * 0
  if (sum === 0) return floats
  const at = floats.findIndex((value) => !Number.isFinite(value))
  throw damaged(file.name, `holds ${floats[at]} in '${tensor}' at ${at}, and finite numbers are needed`)
}
