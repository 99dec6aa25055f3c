import type { Engine } from '../engine/engine.js'
import { wordsFor } from '../ivf/bits.js'
import type { Model } from '../ivf/model.js'
import { allocOriginals } from '../ivf/originals.js'
import { bytesOf } from '../storage/bytes.js'
import type { TensorInfo } from '../storage/safetensors.js'
import { readInto } from '../storage/source.js'
import { hashOf } from './checks.js'
import { damagedPart, type IndexFile, placeOf, readSmall } from './file.js'
import { idBytes } from './ids.js'
import { codesShape, damaged, names, originalsShape, type SegmentName } from './layout.js'
import { piecesOf } from './pieces.js'

/** A part of a segment: rows in pieces, each with its check. */
export interface Section {
  readonly place: TensorInfo
  readonly rowBytes: number
  readonly pieces: Uint32Array
  readonly checks: BigUint64Array
}

/** Where the cells of a segment are in a file, and what proves them right. */
export interface Directory {
  readonly s: SegmentName
  readonly count: number
  readonly starts: Uint32Array
  /** A bit per slot, set where its vector is there; undefined: all are. */
  readonly mask: Uint32Array | undefined
  readonly codes: Section
  readonly originals: Section | undefined
  /** Of a cell: its bytes in the file, and their check. */
  readonly ids: { readonly place: TensorInfo; readonly starts: Float64Array; readonly checks: BigUint64Array }
}

/** What tells how wide the parts of a segment are. */
export interface SegmentShape extends Pick<Model, 'nlist' | 'keep' | 'dim'> {
  readonly quantizer: Pick<Model['quantizer'], 'codeSize' | 'exact'>
}

/** Reads where a segment's cells are. @throws IvfError ERR_FORMAT */
export async function readDirectory(
  engine: Engine,
  model: SegmentShape,
  file: IndexFile,
  s: SegmentName,
): Promise<Directory> {
  const { nlist, quantizer, keep, dim } = model
  const { codeSize, exact } = quantizer
  const tensor = (part: string): string => names.segment(s, part)
  const read = async (part: string, dtype: string, shape: readonly number[]): Promise<ArrayBuffer> =>
    readSmall(engine, file, tensor(part), placeOf(file, tensor(part), dtype, shape))
  const starts = new Uint32Array(await read('starts', 'U32', [nlist + 1]))
  const count = starts[nlist] as number
  if (starts[0] !== 0 || starts.some((start, i) => i > 0 && start < (starts[i - 1] as number))) {
    throw damaged(file.name, `has cells that do not follow each other in segment ${s}`)
  }
  const bits = file.tensors.has(tensor('mask')) ? await read('mask', 'U8', [(count + 7) >> 3]) : undefined
  const mask = bits && new Uint32Array(wordsFor(count))
  if (mask && bits) bytesOf(mask).set(new Uint8Array(bits))
  const place = placeOf(file, tensor('codes'), ...codesShape(count, codeSize, exact))
  const form = allocOriginals(() => 0, keep, dim, 0)
  const kept = form && placeOf(file, tensor('originals'), ...originalsShape(form, count, dim))
  const strings = idBytes(file.header.ids) === 0
  const idShape = idBytes(file.header.ids) === 4 ? 'U32' : 'I64'
  const idInfo = file.tensors.get(tensor('ids'))
  const idPlace = placeOf(file, tensor('ids'), strings ? 'U8' : idShape, strings ? (idInfo?.shape ?? []) : [count])
  const idStarts = strings
    ? Float64Array.from(new BigUint64Array(await read('ids.starts', 'U64', [nlist + 1])), Number)
    : Float64Array.from(starts, (start) => start * idBytes(file.header.ids))
  checkIdStarts(idStarts, starts, idPlace, file.name, s)
  const coded = piecesOf(starts, codeSize)
  const pieces = form && piecesOf(starts, form.rowBytes)
  const sizes = [coded.length - 1, pieces ? pieces.length - 1 : 0, nlist] as const
  const checks = await readChecks(engine, file, tensor('checks'), sizes[0] + sizes[1] + sizes[2] + 1)
  return {
    ...{ s, count, starts, mask },
    codes: { place, rowBytes: codeSize, pieces: coded, checks: checks.subarray(0, sizes[0]) },
    originals:
      form && kept && pieces
        ? { place: kept, rowBytes: form.rowBytes, pieces, checks: checks.subarray(sizes[0], sizes[0] + sizes[1]) }
        : undefined,
    ids: { place: idPlace, starts: idStarts, checks: checks.subarray(sizes[0] + sizes[1], -1) },
  }
}

function checkIdStarts(ids: Float64Array, starts: Uint32Array, place: TensorInfo, name: string, s: SegmentName): void {
  const right = ids[0] === 0 && ids.at(-1) === place.to - place.from
  if (right && ids.every((at, i) => i === 0 || at - (ids[i - 1] as number) >= 4 * cellSize(starts, i - 1))) return
  throw damaged(name, `has ids that do not fill segment ${s}`)
}

function cellSize(starts: Uint32Array, cell: number): number {
  return (starts[cell + 1] as number) - (starts[cell] as number)
}

/** The last number is the check of the others. */
async function readChecks(engine: Engine, file: IndexFile, tensor: string, count: number): Promise<BigUint64Array> {
  const { from, to } = placeOf(file, tensor, 'U64', [count])
  const checks = new BigUint64Array((to - from) / 8)
  await readInto(file.source, from, bytesOf(checks))
  const own = await hashOf(engine, bytesOf(checks.subarray(0, -1)), {})
  if (own !== checks[count - 1]) throw damagedPart(file.name, `'${tensor}'`)
  return checks
}
