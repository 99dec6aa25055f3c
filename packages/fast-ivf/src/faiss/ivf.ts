import { type Cursor, formatError } from './cursor.js'
import type { FaissFlat, FaissIvf, FaissIvfHeader } from './description.js'
import { FLAT_LETTERS, readFlat } from './flat.js'
import { readLists } from './lists.js'
import { checkEqual, checkRange, readHeader, readProduct, readScalar } from './parts.js'
import { QUANTIZER_REMEDY, unsupported } from './refuse.js'

/** The record of an index of cells whose letters have been read; undefined when they are of another kind. */
export async function readIvf(cursor: Cursor, letters: string): Promise<FaissIvf | undefined> {
  if (letters === 'IwFl') return readIvfFlat(cursor)
  if (letters === 'IwPQ') return readIvfProduct(cursor)
  if (letters === 'IwSq' || letters === 'IwSQ') return readIvfScalar(cursor, letters === 'IwSq')
  return letters === 'Iwrq' ? readIvfRaBitQ(cursor) : undefined
}

async function readIvfFlat(cursor: Cursor): Promise<FaissIvf> {
  const header = await readIvfHeader(cursor)
  const codeSize = 4 * header.dim
  const lists = await readLists(cursor, header, header.nlist, codeSize)
  return { kind: 'ivf-flat', ...header, byResidual: false, codeSize, lists }
}

/** bool byResidual · u64 codeSize · product quantizer · lists */
async function readIvfProduct(cursor: Cursor): Promise<FaissIvf> {
  const header = await readIvfHeader(cursor)
  const byResidual = await cursor.bool('by_residual')
  const codeSize = await cursor.u64('the size of a code')
  const pq = await readProduct(cursor, header)
  checkEqual(cursor, 'the size of a code', codeSize, pq.codeSize)
  const lists = await readLists(cursor, header, header.nlist, codeSize)
  return { kind: 'ivf-pq', ...header, byResidual, codeSize, pq, lists }
}

/** scalar quantizer · u64 codeSize · bool byResidual, which older files lack · lists */
async function readIvfScalar(cursor: Cursor, tellsResidual: boolean): Promise<FaissIvf> {
  const header = await readIvfHeader(cursor)
  const sq = await readScalar(cursor, header)
  const codeSize = await cursor.u64('the size of a code')
  checkEqual(cursor, 'the size of a code', codeSize, sq.codeSize)
  const byResidual = tellsResidual ? await cursor.bool('by_residual') : true
  const lists = await readLists(cursor, header, header.nlist, codeSize)
  return { kind: 'ivf-sq', ...header, byResidual, codeSize, sq, lists }
}

/** u64 dim · u64 codeSize · i32 metric, of the codes · u64 codeSize · bool byResidual · u8 qb · lists */
async function readIvfRaBitQ(cursor: Cursor): Promise<FaissIvf> {
  const header = await readIvfHeader(cursor)
  checkEqual(cursor, 'the dimension of the codes', await cursor.u64('the dimension of the codes'), header.dim)
  const codeSize = Math.ceil(header.dim / 8) + 8
  checkEqual(cursor, 'the size of a code', await cursor.u64('the size of a code'), codeSize)
  const metric = await cursor.i32('the metric of the codes')
  checkEqual(cursor, 'the metric of the codes', metric, header.metric === 'l2' ? 1 : 0)
  checkEqual(cursor, 'the size of a code', await cursor.u64('the size of a code'), codeSize)
  const byResidual = await cursor.bool('by_residual')
  const qb = await cursor.u8('qb')
  const lists = await readLists(cursor, header, header.nlist, codeSize)
  return { kind: 'ivf-rabitq', ...header, byResidual, codeSize, qb, lists }
}

/** header · u64 nlist · u64 nprobe · quantizer · direct map */
async function readIvfHeader(cursor: Cursor): Promise<Omit<FaissIvfHeader, 'byResidual' | 'codeSize' | 'lists'>> {
  const header = await readHeader(cursor)
  const nlist = await cursor.u64('nlist')
  checkRange(cursor, 'nlist', nlist, 1, Number.MAX_SAFE_INTEGER)
  const nprobe = await cursor.u64('nprobe')
  const quantizer = await readQuantizer(cursor)
  checkEqual(cursor, 'the dimension of the coarse quantizer', quantizer.dim, header.dim)
  if (header.trained || header.ntotal > 0 || quantizer.ntotal > 0) {
    checkEqual(cursor, 'the number of centroids', quantizer.ntotal, nlist)
  } else if (nlist > MAX_UNTRAINED) {
    // nothing in the file vouches for the number, and lists of that length would be made
    throw formatError(cursor.name, `is not trained and says that it has ${nlist} lists`)
  }
  await passDirectMap(cursor)
  return { ...header, nlist, nprobe, quantizer }
}

const MAX_UNTRAINED = 2 ** 22

/** Flat, or a graph over flat vectors, which are all that is kept of it. */
async function readQuantizer(cursor: Cursor): Promise<FaissFlat> {
  const at = cursor.at
  const letters = await cursor.letters()
  if (FLAT_LETTERS.includes(letters)) return readFlat(cursor, letters)
  if (letters !== 'IHNf') {
    if (!/^[A-Za-z0-9]{4}$/.test(letters)) {
      throw formatError(cursor.name, `has no coarse quantizer at byte ${at}`)
    }
    throw unsupported(cursor.name, `a coarse quantizer that is not flat (${letters})`, at, QUANTIZER_REMEDY)
  }
  const { dim, ntotal } = await readHeader(cursor)
  for (const [what, size] of GRAPH) cursor.pass(await cursor.u64(`the length of ${what}`), size, what)
  cursor.pass(5, 4, 'the graph')
  const storage = await cursor.letters()
  if (!FLAT_LETTERS.includes(storage)) {
    throw formatError(cursor.name, `has no flat vectors at byte ${cursor.at - 4}, below the graph`)
  }
  const flat = await readFlat(cursor, storage)
  checkEqual(cursor, 'the dimension below the graph', flat.dim, dim)
  checkEqual(cursor, 'the number of vectors below the graph', flat.ntotal, ntotal)
  return flat
}

const GRAPH: readonly (readonly [what: string, size: number])[] = [
  ['the levels of the graph', 8],
  ['the neighbors per level', 4],
  ['the level of each vector', 4],
  ['the offsets of the neighbors', 8],
  ['the neighbors', 4],
]

/** Where each id is, which the lists tell as well: u8 kind · vec<i64> · for a hash table vec<2 × i64>. */
async function passDirectMap(cursor: Cursor): Promise<void> {
  const kind = await cursor.u8('the kind of direct map')
  if (kind > 2) {
    throw formatError(cursor.name, `says at byte ${cursor.at - 1} that the direct map is of kind ${kind}`)
  }
  cursor.pass(await cursor.u64('the length of the direct map'), 8, 'the direct map')
  if (kind === 2) cursor.pass(await cursor.u64('the length of the direct map'), 16, 'the direct map')
}
