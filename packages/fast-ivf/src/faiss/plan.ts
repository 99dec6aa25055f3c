import { IvfError } from '../errors.js'
import { squaredNorms } from '../ivf/model.js'
import type { Keep } from '../ivf/originals.js'
import type { Metric } from '../options.js'
import type { ProjectionParameters } from '../projections/projection.js'
import { composed, isIdentity, turns } from './affine.js'
import { type CoreCodes, coreCodes } from './core-codes.js'
import type { FaissIndex, FaissIvf } from './description.js'
import { QUANTIZER_REMEDY } from './refuse.js'
import { type FaissParts, refused, takeApart } from './take-apart.js'

/** What is to be made of a faiss index. */
export interface ImportPlan {
  /** Of the file. */
  readonly name: string
  readonly parts: FaissParts
  readonly metric: Metric
  /** Components of the vectors themselves. */
  readonly dim: number
  readonly nlist: number
  readonly nprobe: number
  /** nlist × components of what is encoded */
  readonly centroids: Float32Array
  readonly projection: ProjectionParameters | undefined
  readonly codes: CoreCodes
  readonly keep: Keep
  readonly rescoreFactor: number | undefined
}

/** Decides what a faiss index becomes. @throws IvfError ERR_UNSUPPORTED, ERR_NOT_TRAINED, ERR_DIM, ERR_NOT_FINITE */
export async function planImport(index: FaissIndex, name: string): Promise<ImportPlan> {
  const parts = takeApart(index, name)
  const { core, transforms } = parts
  const dim = transforms[0]?.dimIn ?? core.dim
  const codes = coreCodes(core)
  checkSizes(parts, dim, name)
  const nlist = 'lists' in core ? core.nlist : 1
  const exact = core.kind === 'flat' || core.kind === 'ivf-flat'
  const { metric, projection } = comparison(parts, dim, exact, name)
  for (const [what, numbers] of [
    ['a matrix', projection?.weight],
    ['a bias', projection?.bias],
  ] as const) {
    checkFinite(what, numbers ?? new Float32Array(0), name)
  }
  const centroids = 'lists' in core ? await centroidsOf(core, name) : new Float32Array(core.dim)
  return {
    ...{ name, parts, metric, dim, nlist, centroids, projection, codes },
    nprobe: 'lists' in core ? Math.min(core.nprobe, nlist) : 1,
    ...refinement(parts, codes, exact, projection !== undefined, name),
  }
}

/**
 * What vectors are compared by, and what is done to them first. Here cosine normalizes them, and what a projection makes
 * of them has length 1, too. A normalization before codes is a projection, though: under cosine, codes that are added
 * would be compared otherwise.
 */
function comparison(
  { core, transforms, normalized, refine }: FaissParts,
  dim: number,
  exact: boolean,
  name: string,
): Pick<ImportPlan, 'metric' | 'projection'> {
  const leading = transforms.findIndex(({ kind }) => kind !== 'normalize')
  const rest = leading < 0 ? [] : transforms.slice(leading)
  const plainly = normalized ? undefined : composed(transforms, dim, core.metric)
  const asCosine =
    normalized || (!refine && leading !== 0 && transforms.length > 0 && (!plainly || (exact && rest.length === 0)))
  if (core.metric === 'ip' && asCosine) {
    const projection = composed(rest, dim, 'cosine')
    if (projection && isIdentity(projection)) return { metric: 'cosine', projection: undefined }
    if (projection && (projection.unit || rest.every(turns))) {
      return { metric: 'cosine', projection: { ...projection, unit: true } }
    }
  } else if (plainly) return { metric: core.metric, projection: isIdentity(plainly) ? undefined : plainly }
  const remedy = 'in Python, normalize the vectors before the index and leave the NormalizationTransform out'
  throw refused(name, 'transforms that go on after a normalization', remedy)
}

/** Vectors that are stored whole need no refinement by themselves. */
function refinement(
  { refine }: FaissParts,
  codes: CoreCodes,
  exact: boolean,
  projected: boolean,
  name: string,
): Pick<ImportPlan, 'keep' | 'rescoreFactor'> {
  if (!refine) return { keep: 'none', rescoreFactor: undefined }
  const { rows, kFactor } = refine
  if (codes.kind === 'vectors' && !projected) {
    if (exact && rows.kind === 'flat') return { keep: 'none', rescoreFactor: undefined }
    const remedy = "they are as good as exact: write the index that is refined alone (ix.base_index), or use 'SQ8'"
    throw refused(name, 'refinement of vectors that are stored as floats', remedy)
  }
  return { keep: rows.kind === 'sq' && rows.sq.type === 'fp16' ? 'f16' : 'f32', rescoreFactor: kFactor }
}

/** nlist × dim. @throws IvfError ERR_UNSUPPORTED when cells are chosen by another metric, and differently */
async function centroidsOf({ quantizer, metric, nlist, dim }: FaissIvf, name: string): Promise<Float32Array> {
  const centroids = await quantizer.vectors.read(0, nlist)
  checkFinite('a centroid', centroids, name)
  if (quantizer.metric === metric || nlist === 1) return centroids
  const norms = squaredNorms(centroids, dim)
  const [least, most] = [norms.reduce((a, b) => Math.min(a, b)), norms.reduce((a, b) => Math.max(a, b))]
  // Of centroids of one length the nearest are those of the largest product.
  if (most - least <= SAME * most) return centroids
  throw refused(name, `cells that are chosen by ${quantizer.metric} for vectors by ${metric}`, QUANTIZER_REMEDY)
}

const SAME = 1e-5
const MOST_DIM = 65536
const MOST_CELLS = 1 << 24
const MOST_ROWS = 0xffffffff

function checkSizes({ core }: FaissParts, dim: number, name: string): void {
  const limits = [
    ['components', Math.max(dim, core.dim), MOST_DIM],
    ['cells', 'lists' in core ? core.nlist : 1, MOST_CELLS],
    ['vectors', core.ntotal, MOST_ROWS],
  ] as const
  for (const [what, found, most] of limits) {
    if (found <= most) continue
    throw new IvfError(
      'ERR_UNSUPPORTED',
      `${name} has ${found} ${what}, and an index here has at most ${most}; divide it`,
    )
  }
}

function checkFinite(what: string, numbers: Float32Array, name: string): void {
  const wrong = numbers.find((value) => !Number.isFinite(value))
  if (wrong === undefined) return
  throw new IvfError('ERR_NOT_FINITE', `${name} holds ${what} with ${wrong} in it; train it anew on finite vectors`)
}
