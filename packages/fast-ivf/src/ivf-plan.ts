import { checkInteger, checkOneOf, IvfError } from './errors.js'
import type { IvfPlan } from './inverted-file.js'
import { KEEPS } from './ivf/originals.js'
import type { IvfIndexOptions } from './ivf-index.js'
import { checkMetric } from './ivf-options.js'
import type { IndexFile } from './saved/file.js'
import type { Spec } from './spec.js'

/** What codes know: a projection loses something, and nobody knows how much. */
export function codesOf({ quantizer, projection }: Spec): { exact: boolean; bounded: boolean } {
  return projection ? { exact: false, bounded: false } : quantizer
}

/** What must be told of an index that is there already. */
export type IndexTold = Pick<
  IndexFile['header'],
  'metric' | 'dim' | 'nlist' | 'spill' | 'seed' | 'keep' | 'quantizer' | 'projection' | 'options'
>

/** Codes and projection of a file, as far as they are known before they are read. */
export function openedCodes({ quantizer, projection }: IndexTold): Pick<Spec, 'quantizer' | 'projection'> {
  const never = (): never => {
    throw new Error('what a file holds is not learned')
  }
  const { word, exact, bounded } = quantizer
  return {
    quantizer: { word: String(word), exact: exact === true, bounded: bounded === true, check() {}, train: never },
    projection: projection && {
      plan: { word: projection.word, width: () => projection.width, train: never },
      beforeCells: projection.beforeCells,
    },
  }
}

/** What the options ask for, every default explicit. @throws IvfError ERR_ARGUMENT */
export function planOf(dim: number, spec: Spec, options: Omit<IvfIndexOptions, 'ids'>): IvfPlan {
  const { nlist, spill, quantizer, projection, rescoreFactor } = spec
  const { exact } = codesOf(spec)
  const asked = options.keep === undefined ? undefined : checkOneOf('keep', options.keep, KEEPS)
  if (exact && asked !== undefined && asked !== 'none') {
    throw new IvfError('ERR_ARGUMENT', `keep is '${asked}', but Flat stores the vectors themselves; leave it out`)
  }
  if (rescoreFactor !== undefined && (asked === 'none' || exact)) {
    throw new IvfError(
      'ERR_ARGUMENT',
      `R${rescoreFactor} rescores codes with vectors kept beside them, and there are none; leave R${rescoreFactor} out, or keep 'f32'`,
    )
  }
  return {
    ...{ dim, nlist, quantizer, ...(spill && { spill }), ...(projection && { projection }) },
    metric: checkMetric(options.metric),
    keep: exact ? 'none' : (asked ?? 'f32'),
    nprobe: options.nprobe ?? Math.min(10, nlist),
    ratioThreshold: options.ratioThreshold ?? 0,
    seed: checkInteger('seed', options.seed ?? 1, 0, 0xffffffff),
    clustering: {
      kind: 'lloyd',
      iterations: checkInteger('kmeansIterations', options.kmeansIterations ?? 10, 1, 10000),
      pointsPerCentroid: checkInteger('kmeansPointsPerCentroid', options.kmeansPointsPerCentroid ?? 100, 1, 1 << 24),
    },
  }
}
