import { bytesOf, joinBytes } from '../storage/bytes.js'
import { memorySink, type Sink, type WriteTarget, writeWhole } from '../storage/sink.js'
import { checkListed, checkWritable } from './check.js'
import type {
  FaissHeader,
  FaissIndex,
  FaissIvf,
  FaissPreTransform,
  FaissRows,
  FaissTransform,
  ProductQuantizer,
  ScalarQuantizer,
} from './description.js'
import { SCALAR_TYPES } from './parts.js'
import { counted, f32, i32, letters, u8, u64 } from './put.js'

export interface FaissWriteOptions {
  signal?: AbortSignal | undefined
}

/**
 * Writes the file of an index, which faiss opens: 1.7 does, and RaBitQ needs 1.11. Rows and lists are asked for once,
 * in order, and not kept; a path is replaced only once everything is written.
 * @throws IvfError ERR_ARGUMENT when parts do not agree, ERR_NOT_FOUND, ERR_UNSUPPORTED; the signal's reason; what rows
 *   and lists throw
 */
export async function writeFaiss(
  target: WriteTarget,
  index: FaissIndex,
  options: FaissWriteOptions = {},
): Promise<{ bytes: number }> {
  checkWritable(index)
  options.signal?.throwIfAborted()
  return writeWhole(target, {}, async (sink) => {
    const out = openOutput(sink, options.signal)
    await writeIndex(out, index)
    return { bytes: out.bytes }
  })
}

/** The bytes of the file of an index. @throws as writeFaiss */
export async function toFaissBytes(index: FaissIndex, options: FaissWriteOptions = {}): Promise<Uint8Array> {
  checkWritable(index)
  const sink = memorySink()
  await writeIndex(openOutput(sink, options.signal), index)
  return sink.bytes()
}

interface Output {
  readonly bytes: number
  put(...parts: readonly Uint8Array[]): Promise<void>
}

function openOutput(sink: Sink, signal: AbortSignal | undefined): Output {
  let bytes = 0
  return {
    get bytes() {
      return bytes
    },
    async put(...parts) {
      signal?.throwIfAborted()
      const length = parts.reduce((sum, part) => sum + part.length, 0)
      bytes += length
      if (length <= SMALL_BYTES) await sink.write(joinBytes(parts, length))
      else for (const part of parts) await sink.write(part)
    },
  }
}

/** Up to here parts are joined: a stream would make a chunk of each. */
const SMALL_BYTES = 2 ** 16
/** How much is asked of rows at a time. */
const STEP_BYTES = 8 * 2 ** 20

async function writeIndex(out: Output, index: FaissIndex): Promise<void> {
  switch (index.kind) {
    case 'flat': {
      const { dim, metric, ntotal } = index
      await out.put(letters(metric === 'l2' ? 'IxF2' : 'IxFI'), header(index), u64(ntotal * dim))
      return writeRows(out, index.vectors, dim * 4, 'vectors')
    }
    case 'pq': {
      await out.put(letters('IxPq'), header(index), ...product(index.pq), u64(index.ntotal * index.pq.codeSize))
      await writeRows(out, index.codes, index.pq.codeSize, 'codes')
      // searched by distance: type 0, no signs, and a threshold that no code reaches, as faiss has it
      return out.put(i32(0), u8(0), i32(index.pq.m * index.pq.nbits + 1))
    }
    case 'sq': {
      await out.put(letters('IxSQ'), header(index), ...scalar(index.sq), u64(index.ntotal * index.sq.codeSize))
      return writeRows(out, index.codes, index.sq.codeSize, 'codes')
    }
    case 'pre-transform':
      return writePreTransform(out, index)
    case 'id-map': {
      await out.put(letters('IxMp'), header(index))
      await writeIndex(out, index.index)
      await out.put(u64(index.ntotal))
      return writeRows(out, index.ids, 8, 'ids')
    }
    case 'refine': {
      await out.put(letters('IxRF'), header(index))
      await writeIndex(out, index.base)
      await writeIndex(out, index.refine)
      return out.put(f32(index.kFactor))
    }
    default:
      return writeIvf(out, index)
  }
}

async function writeIvf(out: Output, index: FaissIvf): Promise<void> {
  await out.put(letters(IVF_LETTERS[index.kind]), header(index), u64(index.nlist), u64(index.nprobe))
  await writeIndex(out, index.quantizer)
  // no direct map
  await out.put(u8(0), u64(0), ...ivfFields(index))
  await writeLists(out, index)
}

const IVF_LETTERS: Readonly<Record<FaissIvf['kind'], string>> = {
  ...{ 'ivf-flat': 'IwFl', 'ivf-pq': 'IwPQ', 'ivf-sq': 'IwSq', 'ivf-rabitq': 'Iwrq' },
}

function ivfFields(index: FaissIvf): Uint8Array[] {
  const byResidual = u8(index.byResidual ? 1 : 0)
  const codeSize = u64(index.codeSize)
  if (index.kind === 'ivf-pq') return [byResidual, codeSize, ...product(index.pq)]
  if (index.kind === 'ivf-sq') return [...scalar(index.sq), codeSize, byResidual]
  if (index.kind === 'ivf-flat') return []
  return [u64(index.dim), codeSize, i32(metricNumber(index)), codeSize, byResidual, u8(index.qb)]
}

/** Sizes first; as pairs when at most half of the lists have vectors, as faiss does. */
async function writeLists(out: Output, { nlist, codeSize, lists }: FaissIvf): Promise<void> {
  const filled: number[] = []
  lists.sizes.forEach((size, list) => {
    if (size > 0) filled.push(list)
  })
  const full = filled.length > Math.floor(nlist / 2)
  const numbers = full ? Array.from(lists.sizes) : filled.flatMap((list) => [list, lists.sizes[list] as number])
  const sizes = BigInt64Array.from(numbers, BigInt)
  await out.put(letters('ilar'), u64(nlist), u64(codeSize), letters(full ? 'full' : 'sprs'), ...counted(sizes))
  for (const list of filled) {
    const { codes, ids } = await lists.read(list)
    const size = lists.sizes[list] as number
    checkListed(`codes of list ${list}`, codes.length, size * codeSize)
    checkListed(`ids of list ${list}`, ids.length, size)
    await out.put(codes, bytesOf(ids))
  }
}

async function writePreTransform(out: Output, index: FaissPreTransform): Promise<void> {
  await out.put(letters('IxPT'), header(index), i32(index.transforms.length))
  for (const transform of index.transforms) await out.put(...transformFields(transform))
  await writeIndex(out, index.index)
}

function transformFields(transform: FaissTransform): Uint8Array[] {
  const trained = transform.kind === 'normalize' || transform.trained
  const tail = [i32(transform.dimIn), i32(transform.dimOut), u8(trained ? 1 : 0)]
  if (transform.kind === 'normalize') return [letters('VNrm'), f32(2), ...tail]
  if (transform.kind === 'center') return [letters('VCnt'), ...counted(transform.mean), ...tail]
  const { matrix, bias } = transform
  return [letters('LTra'), u8(bias ? 1 : 0), ...counted(matrix), ...counted(bias ?? new Float32Array(0)), ...tail]
}

async function writeRows(
  out: Output,
  rows: FaissRows<Float32Array | Uint8Array | BigInt64Array>,
  rowBytes: number,
  what: string,
): Promise<void> {
  const step = Math.max(1, Math.floor(STEP_BYTES / rowBytes))
  for (let from = 0; from < rows.count; from += step) {
    const to = Math.min(from + step, rows.count)
    const bytes = bytesOf(await rows.read(from, to))
    checkListed(`bytes of ${what} ${from} to ${to}`, bytes.length, (to - from) * rowBytes)
    await out.put(bytes)
  }
}

/** Two numbers in the middle are not used; faiss writes 2^20. */
function header(index: FaissHeader): Uint8Array {
  const { dim, ntotal, trained } = index
  const parts = [i32(dim), u64(ntotal), u64(2 ** 20), u64(2 ** 20), u8(trained ? 1 : 0), i32(metricNumber(index))]
  return joinBytes(parts, 33)
}

function metricNumber({ metric }: FaissHeader): number {
  return metric === 'l2' ? 1 : 0
}

function product({ dim, m, nbits, codebooks }: ProductQuantizer): Uint8Array[] {
  return [u64(dim), u64(m), u64(nbits), ...counted(codebooks)]
}

/** The range came from minimum and maximum (0) as far as faiss knows. */
function scalar({ dim, type, codeSize, range }: ScalarQuantizer): Uint8Array[] {
  return [i32(SCALAR_TYPES.indexOf(type)), i32(0), f32(0), u64(dim), u64(codeSize), ...counted(range)]
}
