import { IvfError } from '../errors.js'
import type { Contents } from '../ivf/contents.js'
import type { Model } from '../ivf/model.js'
import type { ProjectionParameters } from '../projections/projection.js'
import type { ExportPlan } from './describe.js'
import type { FaissFlat, FaissIvf, FaissTransform, InvertedLists } from './description.js'
import { flatCodes, sameCodes, scalarCodes, type WrittenCodes } from './stored-codes.js'
import { cellSizes, faissId, type SegmentSlots, type StoredOrder, slotsOfCell } from './stored-order.js'
import { codedVectors, givenVectors, joinVectors } from './stored-vectors.js'

/** An index of vectors or codes, and what is done to vectors before it. */
export interface DescribedCore {
  readonly index: FaissFlat | FaissIvf
  readonly transforms: readonly FaissTransform[]
  /** Its ids are positions, not the vectors' own. */
  readonly numbered: boolean
}

/** Vectors that are read at a time, in bytes. */
const CHUNK = 8 << 20

/** What faiss is told of cells and codes. @throws IvfError ERR_UNSUPPORTED */
export async function describeCore(contents: Contents, order: StoredOrder, plan: ExportPlan): Promise<DescribedCore> {
  const { model } = contents
  const { nlist } = model
  const space = spaceOf(model, plan)
  const { width, transforms, centroids } = space
  const codes = await writtenCodes(contents, space, plan)
  const metric = model.metric === 'l2' ? 'l2' : 'ip'
  const header = { dim: width, metric, ntotal: order.count, trained: true } as const
  if (nlist === 1 && codes.kind === 'ivf-flat') {
    const vectors = {
      count: order.count,
      read: async (from: number, to: number) => joinVectors(order.placesOf(from, to), (to - from) * width, space.read),
    }
    return { index: { kind: 'flat', ...header, vectors }, transforms, numbered: true }
  }
  const { encode, ...told } = codes
  const quantizer: FaissFlat = { kind: 'flat', ...header, ntotal: nlist, vectors: rowsOf(centroids, nlist, width) }
  const lists = listsOf(contents, order, codes, width, plan)
  const index: FaissIvf = { ...header, ...told, nlist, nprobe: plan.nprobe, quantizer, lists }
  return { index, transforms, numbered: plan.numbered }
}

/** What cells and codes are of. */
interface Space {
  readonly width: number
  readonly transforms: readonly FaissTransform[]
  /** nlist × width */
  readonly centroids: Float32Array
  read(part: SegmentSlots): Promise<Float32Array>
}

function spaceOf(model: Model, { as, signal }: ExportPlan): Space {
  const { projection, dim, width, rows, keep, quantizer } = model
  if (projection && !projection.beforeCells) {
    if (as !== undefined && keep !== 'none') {
      return { width: dim, transforms: [], centroids: rows, read: (part) => givenVectors(model, part, { signal }) }
    }
    const { word } = projection.place.parameters
    const remedy =
      keep === 'none'
        ? `build it with ${word} before the cells, or with keep 'f32' to write the vectors themselves`
        : `give as: 'flat' or 'sq8', which write the vectors that are kept, or build it with ${word} before the cells`
    throw new IvfError(
      'ERR_UNSUPPORTED',
      `faiss projects before the cells, and ${word} comes after them here; ${remedy}`,
    )
  }
  const transforms = projection ? projectionTransforms(projection.place.parameters) : []
  const read = (part: SegmentSlots): Promise<Float32Array> => codedVectors(model, part, { signal })
  const rotation = quantizer.learned.tensors.find(({ name }) => name === 'rotation')?.data
  if (!rotation || as !== undefined) return { width, transforms, centroids: rows, read }
  const turn: FaissTransform = { ...linear, dimIn: width, dimOut: width, matrix: rotation, bias: undefined }
  return { width, transforms: [...transforms, turn], centroids: turned(rows, rotation, width), read }
}

async function writtenCodes(contents: Contents, space: Space, { as, signal }: ExportPlan): Promise<WrittenCodes> {
  const { model } = contents
  const { width, centroids, read } = space
  if (as === 'flat' || (as === undefined && model.quantizer.exact)) return flatCodes(width, read)
  const same = as === undefined ? sameCodes(model, centroids, { signal }) : undefined
  return same ?? scalarCodes(centroids, width, piecesOf(contents, width), read)
}

function* piecesOf(contents: Contents, width: number): Generator<{ part: SegmentSlots; cell: number }> {
  for (let cell = 0; cell < contents.model.nlist; cell++) {
    for (const { segment, slots } of slotsOfCell(contents, cell)) {
      for (const some of chunks(slots, width)) yield { part: { segment, slots: some }, cell }
    }
  }
}

function* chunks(slots: Uint32Array, width: number): Generator<Uint32Array> {
  const most = Math.max(1, Math.floor(CHUNK / (width * 4)))
  for (let from = 0; from < slots.length; from += most) yield slots.subarray(from, from + most)
}

function listsOf(
  contents: Contents,
  order: StoredOrder,
  { codeSize, encode }: WrittenCodes,
  width: number,
  { numbered, signal, onProgress }: ExportPlan,
): InvertedLists {
  const sizes = cellSizes(contents)
  const total = order.count * codeSize
  let done = 0
  return {
    sizes,
    async read(cell) {
      const size = sizes[cell] as number
      const codes = new Uint8Array(size * codeSize)
      const ids = new BigInt64Array(size)
      let at = 0
      for (const { segment, slots } of slotsOfCell(contents, cell)) {
        for (const some of chunks(slots, width)) {
          signal?.throwIfAborted()
          const part = { segment, slots: some }
          codes.set(await encode(part, cell), at * codeSize)
          for (const position of order.positionsOf(part)) {
            ids[at++] = numbered ? BigInt(position) : faissId(order.idOf(position))
          }
        }
      }
      done += codes.length
      onProgress?.({ phase: 'save', done, total })
      return { codes, ids }
    },
  }
}

const linear = { kind: 'linear', trained: true } as const

/** An affine map, and division by the norm. */
function projectionTransforms({ dim, width, weight, bias, unit, metric }: ProjectionParameters): FaissTransform[] {
  const matrix = weight ?? (width < dim ? firstComponents(dim, width) : undefined)
  const found: FaissTransform[] = []
  if (matrix) found.push({ ...linear, dimIn: dim, dimOut: width, matrix, bias })
  else if (bias) {
    found.push({ kind: 'center', dimIn: dim, dimOut: dim, trained: true, mean: bias.map((value) => 0 - value) })
  }
  if (unit || metric === 'cosine') found.push({ kind: 'normalize', dimIn: width, dimOut: width })
  return found
}

function firstComponents(dim: number, width: number): Float32Array {
  return Float32Array.from({ length: width * dim }, (_, at) => (at % dim === Math.floor(at / dim) ? 1 : 0))
}

/** rows: count × width; rotation: width × width */
function turned(rows: Float32Array, rotation: Float32Array, width: number): Float32Array {
  return Float32Array.from(rows, (_, at) => {
    const row = at - (at % width)
    let sum = 0
    for (let t = 0; t < width; t++) sum += (rotation[(at % width) * width + t] as number) * (rows[row + t] as number)
    return sum
  })
}

function rowsOf(values: Float32Array, count: number, width: number): FaissFlat['vectors'] {
  return { count, read: async (from, to) => values.slice(from * width, to * width) }
}
