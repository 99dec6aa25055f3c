import { checkInteger, checkNumber, checkOneOf, IvfError, show } from '../errors.js'
import type {
  FaissFlat,
  FaissHeader,
  FaissIndex,
  FaissIvf,
  FaissPreTransform,
  FaissTransform,
  ProductQuantizer,
  ScalarQuantizer,
} from './description.js'
import { rangeLength, SCALAR_TYPES, scalarCodeSize } from './parts.js'

/** That the parts of an index agree, so that what is written can be read. @throws IvfError ERR_ARGUMENT */
export function checkWritable(index: FaissIndex): void {
  const { dim, ntotal } = index
  checkInteger('dim', dim, 1, 2 ** 20)
  checkInteger('ntotal', ntotal, 0)
  checkOneOf('metric', index.metric, ['l2', 'ip'])
  switch (index.kind) {
    case 'flat':
      checkListed('vectors', index.vectors.count, ntotal)
      break
    case 'pq':
      checkProduct(index.pq, index)
      checkListed('codes', index.codes.count, ntotal)
      break
    case 'sq':
      checkScalar(index.sq, index)
      checkListed('codes', index.codes.count, ntotal)
      break
    case 'pre-transform':
      checkPreTransform(index)
      break
    case 'id-map':
      checkListed('ids', index.ids.count, ntotal)
      checkPart(index.index, index)
      break
    case 'refine':
      checkNumber('kFactor', index.kFactor, 1, 1000)
      checkPart(index.base, index)
      checkPart(index.refine, index)
      break
    default:
      checkIvf(index)
  }
}

/** That there is as much as is needed. @throws IvfError ERR_ARGUMENT */
export function checkListed(what: string, found: number, needed: number): void {
  if (found === needed) return
  throw new IvfError('ERR_ARGUMENT', `there are ${show(found)} ${what}; ${needed} are needed: make the parts agree`)
}

function checkIvf(index: FaissIvf): void {
  const { dim, nlist, quantizer, lists, ntotal, trained } = index
  checkInteger('nlist', nlist, 1)
  checkInteger('nprobe', index.nprobe, 1)
  checkOneOf('the kind of the coarse quantizer', quantizer.kind satisfies FaissFlat['kind'], ['flat'])
  checkWritable(quantizer)
  checkListed('components of a centroid', quantizer.dim, dim)
  if (trained || ntotal > 0 || quantizer.ntotal > 0) checkListed('centroids', quantizer.ntotal, nlist)
  checkListed('sizes of lists', lists.sizes.length, nlist)
  let sum = 0
  for (const size of lists.sizes) sum += checkInteger('the size of a list', size, 0)
  checkListed('vectors in the lists', sum, ntotal)
  checkListed('bytes in a code', index.codeSize, codeSizeOf(index))
  if (index.kind === 'ivf-flat' && index.byResidual) {
    throw new IvfError('ERR_ARGUMENT', 'byResidual is true; faiss stores flat vectors as they are: pass false')
  }
}

function codeSizeOf(index: FaissIvf): number {
  if (index.kind === 'ivf-flat') return index.dim * 4
  if (index.kind === 'ivf-rabitq') {
    checkInteger('qb', index.qb, 0, 8)
    return Math.ceil(index.dim / 8) + 8
  }
  if (index.kind === 'ivf-pq') checkProduct(index.pq, index)
  else checkScalar(index.sq, index)
  return index.kind === 'ivf-pq' ? index.pq.codeSize : index.sq.codeSize
}

function checkProduct({ dim, m, nbits, codeSize, codebooks }: ProductQuantizer, header: FaissHeader): void {
  checkListed('components in the product quantizer', dim, header.dim)
  checkInteger('m', m, 1, dim)
  checkListed('components left over by subvectors of equal length', dim % m, 0)
  checkInteger('nbits', nbits, 1, 16)
  checkListed('bytes in a product code', codeSize, Math.ceil((m * nbits) / 8))
  if (header.trained || codebooks.length > 0)
    checkListed('numbers in the codebooks', codebooks.length, dim * 2 ** nbits)
}

function checkScalar({ dim, type, codeSize, range }: ScalarQuantizer, header: FaissHeader): void {
  checkOneOf('type', type, SCALAR_TYPES)
  checkListed('components in the scalar quantizer', dim, header.dim)
  checkListed('bytes in a scalar code', codeSize, scalarCodeSize(type, dim))
  if (header.trained || range.length > 0) checkListed('numbers in the range', range.length, rangeLength(type, dim))
}

function checkPreTransform(index: FaissPreTransform): void {
  checkInteger('the number of transforms', index.transforms.length, 0, 1000)
  let { dim } = index
  for (const transform of index.transforms) {
    checkListed('components before a transform', transform.dimIn, dim)
    checkTransform(transform)
    dim = transform.dimOut
  }
  checkPart(index.index, { dim, ntotal: index.ntotal })
}

function checkTransform(transform: FaissTransform): void {
  const { kind, dimIn, dimOut } = transform
  if (kind !== 'linear') checkListed(`components after ${kind}`, dimOut, dimIn)
  if (kind === 'normalize' || !transform.trained) return
  if (kind === 'center') {
    checkListed('numbers in the mean', transform.mean.length, dimOut)
    return
  }
  checkListed('numbers in the matrix', transform.matrix.length, dimIn * dimOut)
  if (transform.bias) checkListed('numbers in the bias', transform.bias.length, dimOut)
}

function checkPart(part: FaissIndex, { dim, ntotal }: Pick<FaissHeader, 'dim' | 'ntotal'>): void {
  checkWritable(part)
  checkListed('components in an index within another', part.dim, dim)
  checkListed('vectors in an index within another', part.ntotal, ntotal)
}
