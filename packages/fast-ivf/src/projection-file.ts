import { checkOneOf, IvfError, show } from './errors.js'
import { METRICS } from './options.js'
import type { ProjectionParameters } from './projections/projection.js'
import { openSafetensors, type SafetensorsFile } from './storage/safetensors.js'
import { writeSafetensors } from './storage/safetensors-write.js'
import { nameOf, openSource, type SourceInput } from './storage/source.js'

const KIND = 'fast-ivf.projection'
const VERSION = '1'

/** A projection as named tensors, and in words what they do not tell. */
export function toSafetensors({
  weight,
  bias,
  width,
  dim,
  metric,
  unit,
  word,
}: ProjectionParameters): Uint8Array<ArrayBuffer> {
  return writeSafetensors(
    [
      ...(weight ? [{ name: 'weight', shape: [width, dim], data: weight }] : []),
      ...(bias ? [{ name: 'bias', shape: [width], data: bias }] : []),
    ],
    {
      ...{ kind: KIND, version: VERSION, spec: word, metric, dim: `${dim}`, width: `${width}`, unit: `${unit}` },
      tensors: [weight && 'weight', bias && 'bias'].filter(Boolean).join(','),
    },
  )
}

/** @throws IvfError ERR_NOT_FOUND, ERR_FORMAT, ERR_NOT_FINITE */
export async function fromSafetensors(input: SourceInput): Promise<ProjectionParameters> {
  const source = await openSource(input)
  const name = nameOf(input) ?? 'the file'
  try {
    return await parametersOf(await openSafetensors(source, name), name)
  } finally {
    await source.close()
  }
}

async function parametersOf(file: SafetensorsFile, name: string): Promise<ProjectionParameters> {
  const { metadata } = file
  const own = metadata.kind === KIND
  if (!own && metadata.kind?.startsWith('fast-ivf')) {
    throw damaged(name, `is of kind ${show(metadata.kind)}, and a projection is needed; give another file`)
  }
  if (own && metadata.version !== VERSION) {
    throw damaged(name, `is of version ${metadata.version}, and version ${VERSION} is known; a newer fast-ivf wrote it`)
  }
  if (!own && !file.tensors.has('weight')) {
    const held = [...file.tensors.keys()].slice(0, 8).join(', ')
    throw damaged(name, `holds no tensor 'weight' (but ${held || 'none'}); name the layer's tensors weight and bias`)
  }
  const found = [...file.tensors.keys()].join(',')
  if (own && found !== metadata.tensors) {
    throw damaged(
      name,
      `holds the tensors '${found}', and should hold '${metadata.tensors}'; was it edited? Write it again`,
    )
  }
  const shape = shapeOf(file, name, own)
  const [weight, bias] = [await numbers(file, 'weight', name), await numbers(file, 'bias', name)]
  if (bias && bias.length !== shape.width) {
    throw damaged(name, `has a bias of ${bias.length} numbers, and a weight that gives ${shape.width}`)
  }
  const metric = own ? wordOf('metric', metadata.metric, METRICS, name) : 'cosine'
  const unit = own ? wordOf('unit', metadata.unit, ['true', 'false'], name) === 'true' : true
  const word = own && metadata.spec ? metadata.spec : `DENSE${shape.width}`
  return { word, metric, ...shape, weight, bias, unit: unit || metric === 'cosine' }
}

function shapeOf({ tensors, metadata }: SafetensorsFile, name: string, own: boolean): { width: number; dim: number } {
  const [width, dim] = tensors.get('weight')?.shape ?? [Number(metadata.width), Number(metadata.dim)]
  const whole = [width, dim].every((size) => Number.isSafeInteger(size) && Number(size) >= 1 && Number(size) <= 65536)
  const two = (tensors.get('weight')?.shape.length ?? 2) === 2
  const told = !own || (Number(metadata.width) === width && Number(metadata.dim) === dim)
  // Without a weight the first components are taken, of which there must be so many.
  const enough = tensors.has('weight') || (width as number) <= (dim as number)
  if (whole && two && told && enough) return { width: width as number, dim: dim as number }
  throw damaged(name, `has a weight of shape [${tensors.get('weight')?.shape ?? [width, dim]}]; it must be width × dim`)
}

async function numbers(file: SafetensorsFile, tensor: string, name: string): Promise<Float32Array | undefined> {
  if (!file.tensors.has(tensor)) return undefined
  const floats = await file.readFloats(tensor)
  const i = floats.findIndex((value) => !Number.isFinite(value))
  if (i < 0) return floats
  throw new IvfError('ERR_NOT_FINITE', `${name}: ${tensor} holds ${floats[i]}; was the layer trained to its end?`)
}

function wordOf<const T extends string>(what: string, word: string | undefined, words: readonly T[], name: string): T {
  try {
    return checkOneOf(what, word, words)
  } catch (cause) {
    throw new IvfError('ERR_FORMAT', `${name}: ${(cause as Error).message}`, { cause })
  }
}

function damaged(name: string, what: string): IvfError {
  return new IvfError('ERR_FORMAT', `${name} ${what}`)
}
