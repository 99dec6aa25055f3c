import { IvfError } from '../errors.js'
import type {
  FaissFlat,
  FaissIdMap,
  FaissIndex,
  FaissIvf,
  FaissProduct,
  FaissScalar,
  FaissTransform,
} from './description.js'

/** What vectors are stored in, without what lies around it. */
export type FaissCore = FaissFlat | FaissProduct | FaissScalar | FaissIvf

/** An index around a core, taken apart. */
export interface FaissParts {
  readonly core: FaissCore
  /** In the order they are done. */
  readonly transforms: readonly FaissTransform[]
  /** Vectors are normalized before anything is made of them, refinement included. */
  readonly normalized: boolean
  /** Ids of the core become rows of `refine`, and those become ids; the innermost map first. */
  readonly innerMaps: readonly FaissIdMap['ids'][]
  readonly outerMaps: readonly FaissIdMap['ids'][]
  readonly refine: FaissRefined | undefined
}

export interface FaissRefined {
  readonly rows: FaissFlat | FaissProduct | FaissScalar
  readonly kFactor: number
}

/**
 * Takes an index apart as far as it can be searched here. `name`: of the file.
 * @throws IvfError ERR_UNSUPPORTED, ERR_NOT_TRAINED
 */
export function takeApart(index: FaissIndex, name: string): FaissParts {
  const transforms: FaissTransform[] = []
  const innerMaps: FaissIdMap['ids'][] = []
  const outerMaps: FaissIdMap['ids'][] = []
  let refine: FaissRefined | undefined
  let normalized = false
  let at = index
  for (;;) {
    if (at.kind === 'id-map') {
      const maps = refine ? innerMaps : outerMaps
      maps.unshift(at.ids)
      at = at.index
    } else if (at.kind === 'pre-transform') {
      transforms.push(...at.transforms)
      at = at.index
    } else if (at.kind === 'refine') {
      if (refine) throw refused(name, 'refinement within refinement', 'write the inner one alone (ix.base_index)')
      normalized = transforms.length > 0
      if (transforms.some(({ kind }) => kind !== 'normalize')) {
        const remedy = "put it around: in Python, faiss.index_factory(d, 'OPQ16,IVF1024,PQ16,RFlat') does"
        throw refused(name, 'refinement by transformed vectors', remedy)
      }
      transforms.length = 0
      refine = { rows: refinedBy(at.refine, name), kFactor: at.kFactor }
      at = at.base
    } else break
  }
  checkTrained(at, transforms, name)
  if (refine && refine.rows.metric !== at.metric) {
    throw refused(name, 'refinement by another metric', 'write the index that is refined alone (ix.base_index)')
  }
  return { core: at, transforms, normalized, innerMaps, outerMaps, refine }
}

/** An ERR_UNSUPPORTED about what a good file holds. */
export function refused(name: string, what: string, remedy: string): IvfError {
  return new IvfError('ERR_UNSUPPORTED', `${name} holds ${what}, which is not searched here; ${remedy}`)
}

function refinedBy(index: FaissIndex, name: string): FaissRefined['rows'] {
  if (index.kind === 'flat' || index.kind === 'pq' || index.kind === 'sq') return index
  throw refused(name, `refinement by an index of kind ${index.kind}`, "build it in Python with 'RFlat' at the end")
}

function checkTrained(core: FaissCore, transforms: readonly FaissTransform[], name: string): void {
  if (core.trained && transforms.every((step) => step.kind === 'normalize' || step.trained)) return
  throw new IvfError(
    'ERR_NOT_TRAINED',
    `${name} holds an index that is not trained yet; train it in Python (ix.train(x)) and write it again`,
  )
}
