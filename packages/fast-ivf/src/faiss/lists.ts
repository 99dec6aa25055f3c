import { checkInteger } from '../errors.js'
import { type Cursor, formatError, ownBuffer, readBytes } from './cursor.js'
import type { FaissHeader, FaissRows, InvertedLists } from './description.js'
import { checkEqual } from './parts.js'
import { ON_DISK_REMEDY, refuseRecord, unsupported } from './refuse.js'

const ID_BYTES = 8

/**
 * The lists that begin where the cursor is: 'il00', none, or 'ilar': u64 nlist · u64 codeSize · sizes, then codes and
 * ids of each list without gaps, so that the sizes tell where each is.
 */
export async function readLists(
  cursor: Cursor,
  { ntotal }: FaissHeader,
  nlist: number,
  codeSize: number,
): Promise<InvertedLists> {
  const { name, source } = cursor
  const sizes = await readSizes(cursor, ntotal, nlist, codeSize)
  const rowBytes = codeSize + ID_BYTES
  const start = cursor.pass(ntotal, rowBytes, 'the lists')
  const starts = new Float64Array(nlist)
  for (let list = 0, at = start; list < nlist; list++) {
    starts[list] = at
    at += (sizes[list] as number) * rowBytes
  }
  return {
    sizes,
    async read(list) {
      checkInteger('list', list, 0, nlist - 1)
      const from = starts[list] as number
      const size = sizes[list] as number
      const bytes = await readBytes(source, from, from + size * rowBytes, name)
      const codes = bytes.subarray(0, size * codeSize)
      return { codes, ids: new BigInt64Array(ownBuffer(bytes.subarray(size * codeSize))) }
    },
  }
}

/** `count` rows of `size` bytes that begin at `start`. */
export function storedRows<T>(
  { source, name }: Cursor,
  start: number,
  count: number,
  size: number,
  make: (bytes: Uint8Array) => T,
): FaissRows<T> {
  return {
    count,
    async read(from, to) {
      checkInteger('to', to, 0, count)
      checkInteger('from', from, 0, to)
      return make(await readBytes(source, start + from * size, start + to * size, name))
    },
  }
}

/** How long each list is: together ntotal. */
async function readSizes(cursor: Cursor, ntotal: number, nlist: number, codeSize: number): Promise<Float64Array> {
  const at = cursor.at
  const letters = await cursor.letters()
  if (letters === 'il00') {
    if (ntotal === 0) return new Float64Array(nlist)
    throw unsupported(
      cursor.name,
      `an index without its lists (il00, ${ntotal} vectors)`,
      at,
      'they lie elsewhere: in Python, read it as it was meant to be read and write it again with its lists',
    )
  }
  if (letters !== 'ilar') throw refuseLists(cursor, letters, at)
  checkEqual(cursor, 'the number of lists', await cursor.u64('the number of lists'), nlist)
  checkEqual(cursor, 'the size of a code in the lists', await cursor.u64('the size of a code'), codeSize)
  const kind = await cursor.letters()
  if (kind !== 'full' && kind !== 'sprs') throw refuseRecord(cursor.name, kind, cursor.at - 4)
  const sizes = kind === 'full' ? await readAll(cursor, nlist) : await readPairs(cursor, nlist)
  let sum = 0
  for (const size of sizes) sum += size
  if (sum === ntotal) return sizes
  throw formatError(cursor.name, `has lists of ${sum} vectors in all at byte ${at} and says that it has ${ntotal}`)
}

async function readAll(cursor: Cursor, nlist: number): Promise<Float64Array> {
  checkEqual(cursor, 'the number of sizes', await cursor.u64('the number of sizes'), nlist)
  return Float64Array.from(await cursor.longs(nlist, 'the sizes of the lists'), (size) => checkSize(cursor, size))
}

/** Number and size of the lists that are not empty, in the order of their numbers. */
async function readPairs(cursor: Cursor, nlist: number): Promise<Float64Array> {
  const count = await cursor.u64('the number of sizes')
  if (count % 2 !== 0) throw formatError(cursor.name, `has half a pair of list and size before byte ${cursor.at}`)
  const pairs = await cursor.longs(count, 'the sizes of the lists')
  const sizes = new Float64Array(nlist)
  for (let i = 0, before = -1n; i < count; i += 2) {
    const list = pairs[i] as bigint
    if (list <= before || list >= nlist) {
      throw formatError(cursor.name, `tells before byte ${cursor.at} the size of list ${list} after that of ${before}`)
    }
    sizes[Number(list)] = checkSize(cursor, pairs[i + 1] as bigint)
    before = list
  }
  return sizes
}

/** So that sums stay whole numbers, whatever the file says: no list is longer than the file. */
function checkSize(cursor: Cursor, size: bigint): number {
  if (size >= 0n && size <= cursor.source.size) return Number(size)
  throw formatError(cursor.name, `says before byte ${cursor.at} that a list has ${size} vectors`)
}

function refuseLists(cursor: Cursor, letters: string, at: number): Error {
  const { name } = cursor
  if (letters === 'ilod')
    return unsupported(name, 'OnDiskInvertedLists (ilod), which lie in another file', at, ON_DISK_REMEDY)
  const block = letters === 'ilbl' && 'BlockInvertedLists (ilbl)'
  const panorama = /^ilp[n2]$/.test(letters) && `ArrayInvertedListsPanorama (${letters})`
  const known = block || panorama
  if (!known) return refuseRecord(name, letters, at)
  return unsupported(name, known, at, "build it again in Python without 'fs' or 'Panorama' in its spec")
}
