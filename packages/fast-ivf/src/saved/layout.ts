import { IvfError, show } from '../errors.js'
import type { IdKind } from '../ivf/ids.js'
import { KEEPS, type Keep, type Originals } from '../ivf/originals.js'
import { METRICS, type Metric } from '../options.js'
import type { LearnedQuantizer } from '../quantizers/quantizer.js'
import type { TensorDtype } from '../storage/tensor-dtypes.js'

/** What the file of an index says of it before its numbers. */
export interface IndexHeader {
  /** The class that wrote it. */
  readonly face: string
  readonly spec: string
  readonly metric: Metric
  readonly dim: number
  readonly nlist: number
  readonly seed: number
  readonly keep: Keep
  readonly ids: IdKind
  /** Vectors that are there. */
  readonly size: number
  /** Rows handed out so far. */
  readonly rows: number
  readonly segments: number
  readonly quantizer: LearnedQuantizer['traits']
  readonly projection: StoredProjection | undefined
  /** What was calibrated, but for its numbers; it is not checked yet. */
  readonly recall: Readonly<Record<string, unknown>> | undefined
  /** Of the class: defaults of searches and of training. */
  readonly options: Readonly<Record<string, unknown>>
}

/** A projection but for its numbers. */
export interface StoredProjection {
  readonly word: string
  readonly width: number
  readonly unit: boolean
  readonly beforeCells: boolean
}

export const KIND = 'fast-ivf.index'
export const VERSION = '1'

/** Names of tensors. */
export const names: {
  readonly centroids: string
  readonly weight: string
  readonly bias: string
  readonly calibration: string
  quantizer(name: string): string
  /** Of segment s: `starts`, `mask`, `order`, `codes`, `originals`, `originals.checks`, `ids`, `ids.starts`, `checks`. */
  segment(s: number, part: string): string
  /** What is beside the index. */
  extra(name: string): string
} = {
  centroids: 'centroids',
  weight: 'projection.weight',
  bias: 'projection.bias',
  calibration: 'calibration',
  quantizer: (name: string) => `quantizer.${name}`,
  segment: (s: number, part: string) => `segment.${s}.${part}`,
  extra: (name: string) => `beside.${name}`,
}

/** As other readers may use them: vectors themselves are floats. */
export function codesShape(count: number, codeSize: number, exact: boolean): [TensorDtype, number[]] {
  return exact ? ['F32', [count, codeSize / 4]] : ['U8', [count, codeSize]]
}

/** As other readers may use them. */
export function originalsShape({ keep, rowBytes }: Originals, count: number, dim: number): [TensorDtype, number[]] {
  if (keep === 'f32') return ['F32', [count, dim]]
  return keep === 'f16' ? ['F16', [count, rowBytes / 2]] : ['U8', [count, rowBytes]]
}

/** The header as strings, as safetensors has it. `checksums`: of the tensors that are no section, in hexadecimal. */
export function toMetadata(header: IndexHeader, checksums: Readonly<Record<string, string>>): Record<string, string> {
  const { face, spec, metric, keep, ids, quantizer, projection, recall, options } = header
  const { dim, nlist, seed, size, rows, segments } = header
  const numbers = { dim, nlist, seed, vectors: size, rows, segments }
  return {
    ...{ kind: KIND, version: VERSION, class: face, spec, metric, keep, ids },
    ...Object.fromEntries(Object.entries(numbers).map(([key, value]) => [key, String(value)])),
    quantizer: JSON.stringify(quantizer),
    ...(projection && { projection: JSON.stringify(projection) }),
    ...(recall && { recall: JSON.stringify(recall) }),
    options: JSON.stringify(options),
    checksums: JSON.stringify(checksums),
    checksum: NO_CHECKSUM,
  }
}

/** Stands for the checksum of the header while that is computed. */
export const NO_CHECKSUM = '0000000000000000'

const ID_KINDS = ['rows', 'number', 'string', 'bigint']

/** @throws IvfError ERR_FORMAT */
export function fromMetadata(
  metadata: Readonly<Record<string, string>>,
  name: string,
): { header: IndexHeader; checksums: Readonly<Record<string, unknown>> } {
  if (metadata.kind !== KIND) {
    const kind = metadata.kind === undefined ? 'another kind' : `kind ${show(metadata.kind)}`
    throw refused(name, `is of ${kind}, and an index is needed; give a file that save() wrote`)
  }
  if (metadata.version !== VERSION) {
    throw refused(name, `is of version ${show(metadata.version)}, and ${VERSION} is known; a newer fast-ivf wrote it`)
  }
  const word = (key: string, words?: readonly string[]): string => {
    const value = metadata[key]
    if (value !== undefined && (!words || words.includes(value))) return value
    throw damaged(name, `says ${key} is ${show(value)}${words ? `, which must be one of ${words.join(', ')}` : ''}`)
  }
  const whole = (key: string, least: number, most: number): number => {
    const value = Number(word(key))
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value
    throw damaged(name, `says ${key} is ${show(metadata[key])}; it must be an integer from ${least} to ${most}`)
  }
  const object = (key: string): Record<string, unknown> => {
    try {
      const value: unknown = JSON.parse(word(key))
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    } catch (cause) {
      if (cause instanceof IvfError) throw cause
    }
    throw damaged(name, `says ${key} is ${show(metadata[key])}; it must be a JSON object`)
  }
  const projection = metadata.projection === undefined ? undefined : storedProjection(object('projection'), name)
  const header: IndexHeader = {
    ...{ face: word('class'), spec: word('spec') },
    metric: word('metric', METRICS) as Metric,
    keep: word('keep', KEEPS) as Keep,
    ids: word('ids', ID_KINDS) as IdKind,
    dim: whole('dim', 1, 65536),
    nlist: whole('nlist', 1, 1 << 24),
    seed: whole('seed', 0, 0xffffffff),
    size: whole('vectors', 0, 0xffffffff),
    rows: whole('rows', 0, 0xffffffff),
    segments: whole('segments', 0, 1 << 16),
    quantizer: object('quantizer') as LearnedQuantizer['traits'],
    projection,
    recall: metadata.recall === undefined ? undefined : object('recall'),
    options: plainOptions(object('options')),
  }
  return { header, checksums: object('checksums') }
}

/** What may be an option of the class; how it is computed, and what is there as numbers, is not for a file to say. */
function plainOptions(found: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(found).filter(([key, value]) => !NOT_TOLD.includes(key) && typeof value !== 'object'),
  )
}

const NOT_TOLD = ['threads', 'revectorize', 'codebooks', 'projection']

function storedProjection(found: Record<string, unknown>, name: string): StoredProjection {
  const { word, width, unit, beforeCells } = found
  const right = typeof word === 'string' && typeof unit === 'boolean' && typeof beforeCells === 'boolean'
  if (right && Number.isSafeInteger(width) && Number(width) >= 1 && Number(width) <= 65536) {
    return { word, width: Number(width), unit, beforeCells }
  }
  throw damaged(name, 'does not tell its projection whole')
}

/** The error for a file that does not agree with itself. */
export function damaged(name: string, what: string, cause?: unknown): IvfError {
  return refused(name, `${what}; restore the file from a copy, or write it again`, cause)
}

/** The error for a file that may be whole, and is another than is needed; `what` says what to do. */
export function refused(name: string, what: string, cause?: unknown): IvfError {
  return new IvfError('ERR_FORMAT', `${name} ${what}`, cause === undefined ? undefined : { cause })
}
