import { IvfError } from '../errors.js'
import { isByteSource, nameOf, openSource, type SourceInput } from '../storage/source.js'
import { type Cursor, formatError, openCursor, ownBuffer } from './cursor.js'
import type { FaissHeader, FaissIndex, FaissRows, FaissTransform } from './description.js'
import { FLAT_LETTERS, readFlat } from './flat.js'
import { readIvf } from './ivf.js'
import { storedRows } from './lists.js'
import { checkEqual, checkRange, readHeader, readProduct, readScalar } from './parts.js'
import { refuseRecord } from './refuse.js'
import { readTransform } from './transforms.js'

/** An open faiss file: rows and lists are read from it when asked for, until it is closed. */
export interface FaissFile {
  readonly index: FaissIndex
  close(): Promise<void>
}

/**
 * Opens a file that faiss wrote: flat, IVF (flat, PQ, SQ, RaBitQ of 1 bit), PQ and SQ indexes, by L2 or inner product,
 * with transforms before them, ids of their own and refinement. Everything but rows and lists is read and checked. A
 * ByteSource given by the caller stays the caller's to close.
 * @throws IvfError ERR_FORMAT when it is damaged, ERR_UNSUPPORTED when it holds what is not read, saying what to do;
 *   ERR_NOT_FOUND, ERR_ARGUMENT, ERR_MEMORY
 */
export async function readFaiss(input: SourceInput): Promise<FaissFile> {
  const source = await openSource(input)
  const name = nameOf(input) ?? 'the file'
  let closed = false
  const close = async (): Promise<void> => {
    closed = true
    if (!isByteSource(input)) await source.close()
  }
  try {
    const cursor = openCursor(
      {
        size: source.size,
        async read(from, to) {
          if (closed) throw new IvfError('ERR_CLOSED', `${name} was closed; open it again to read it`)
          return source.read(from, to)
        },
        close,
      },
      name,
    )
    const index = await readIndex(cursor, 0)
    if (cursor.remaining === 0) return { index, close }
    throw formatError(name, `goes on after its index ends at byte ${cursor.at}, for ${cursor.remaining} bytes`)
  } catch (error) {
    await close()
    throw error
  }
}

const MAX_NESTING = 50
const MAX_TRANSFORMS = 1000

/** letters · what they stand for */
async function readIndex(cursor: Cursor, depth: number): Promise<FaissIndex> {
  if (depth > MAX_NESTING) {
    throw formatError(cursor.name, `has more than ${MAX_NESTING} indexes within each other at byte ${cursor.at}`)
  }
  const at = cursor.at
  const letters = await cursor.letters()
  if (FLAT_LETTERS.includes(letters)) return readFlat(cursor, letters)
  if (letters === 'IxPq') return readProductIndex(cursor)
  if (letters === 'IxSQ') return readScalarIndex(cursor)
  if (letters === 'IxPT') return readPreTransform(cursor, depth)
  if (letters === 'IxMp' || letters === 'IxM2') return readIdMap(cursor, depth)
  if (letters === 'IxRF') return readRefine(cursor, depth)
  const ivf = await readIvf(cursor, letters)
  if (ivf) return ivf
  throw refuseRecord(cursor.name, letters, at)
}

/** header · product quantizer · vec<u8> codes · i32 search type, bool signs, i32 threshold: of ways to search */
async function readProductIndex(cursor: Cursor): Promise<FaissIndex> {
  const header = await readHeader(cursor)
  const pq = await readProduct(cursor, header)
  const codes = await readCodes(cursor, header, pq.codeSize)
  await cursor.i32('the search type')
  await cursor.bool('encode_signs')
  await cursor.i32('the polysemous threshold')
  return { kind: 'pq', ...header, pq, codes }
}

/** header · scalar quantizer · vec<u8> codes */
async function readScalarIndex(cursor: Cursor): Promise<FaissIndex> {
  const header = await readHeader(cursor)
  const sq = await readScalar(cursor, header)
  return { kind: 'sq', ...header, sq, codes: await readCodes(cursor, header, sq.codeSize) }
}

async function readCodes(cursor: Cursor, { ntotal }: FaissHeader, size: number): Promise<FaissRows<Uint8Array>> {
  const count = await cursor.u64('the number of bytes of codes')
  const start = cursor.pass(ntotal, size, 'the codes')
  checkEqual(cursor, 'the number of bytes of codes', count, ntotal * size)
  return storedRows(cursor, start, ntotal, size, (bytes) => bytes)
}

/** header · i32 count · transforms · index */
async function readPreTransform(cursor: Cursor, depth: number): Promise<FaissIndex> {
  const header = await readHeader(cursor)
  const count = await cursor.i32('the number of transforms')
  checkRange(cursor, 'the number of transforms', count, 0, MAX_TRANSFORMS)
  const transforms: FaissTransform[] = []
  let dim = header.dim
  for (let i = 0; i < count; i++) {
    const transform = await readTransform(cursor)
    checkEqual(cursor, 'the dimension before a transform', transform.dimIn, dim)
    dim = transform.dimOut
    transforms.push(transform)
  }
  const index = await readPart(cursor, depth, { dim, ntotal: header.ntotal })
  return { kind: 'pre-transform', ...header, transforms, index }
}

/** header · index · vec<i64> ids */
async function readIdMap(cursor: Cursor, depth: number): Promise<FaissIndex> {
  const header = await readHeader(cursor)
  const { ntotal } = header
  const index = await readPart(cursor, depth, header)
  const count = await cursor.u64('the number of ids')
  checkEqual(cursor, 'the number of ids', count, ntotal)
  const start = cursor.pass(ntotal, 8, 'the ids')
  const ids = storedRows(cursor, start, ntotal, 8, (bytes) => new BigInt64Array(ownBuffer(bytes)))
  return { kind: 'id-map', ...header, index, ids }
}

/** header · index · index · f32 kFactor */
async function readRefine(cursor: Cursor, depth: number): Promise<FaissIndex> {
  const header = await readHeader(cursor)
  const base = await readPart(cursor, depth, header)
  const refine = await readPart(cursor, depth, header)
  const kFactor = await cursor.f32('k_factor')
  checkRange(cursor, 'k_factor', kFactor, 1, 1000)
  return { kind: 'refine', ...header, base, refine, kFactor }
}

/** An index within another, which must agree with it. */
async function readPart(
  cursor: Cursor,
  depth: number,
  { dim, ntotal }: Pick<FaissHeader, 'dim' | 'ntotal'>,
): Promise<FaissIndex> {
  const index = await readIndex(cursor, depth + 1)
  checkEqual(cursor, 'the dimension of an index within another', index.dim, dim)
  checkEqual(cursor, 'the number of vectors of an index within another', index.ntotal, ntotal)
  return index
}
