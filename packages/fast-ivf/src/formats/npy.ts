import type { ByteSource } from '../storage/source.js'
import { type Dtype, decode, dtypeNames, elements, swapBytes, type TypedArray } from './dtypes.js'
import type { Encoder, Format, Layout } from './format.js'
import { NPY_HEADER_BYTES, npyHeader, parseNpyHeader } from './npy-header.js'
import { formatError, type Rows, readBytes } from './vector-file.js'

/** NumPy's own format: a header that tells dtype, order and shape, then the numbers. */
export const npy: Format = {
  name: 'npy',
  extensions: ['npy'],
  dtypes: dtypeNames,
  canBeEmpty: true,
  recognizes: (head) => MAGIC.every((byte, i) => head[i] === byte),
  open: openNpy,
  encoder: npyEncoder,
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** Longer headers belong to records of hundreds of fields, or to nothing. */
const MAX_HEADER = 65536

export async function openNpy(source: ByteSource, name: string): Promise<Rows> {
  const { text, start } = await readHeader(source, name)
  const { descr, fortran, shape } = parseNpyHeader(text, name)
  const { dtype, swap } = dtypeOfDescr(descr, name)
  const [count, dim] = rowsAndDim(shape, name)
  const { size } = elements[dtype]
  const expected = start + count * dim * size
  if (source.size !== expected) {
    throw formatError(
      name,
      `has ${source.size} bytes, its header (shape ${count} × ${dim}, ${dtype}) asks for ${expected}; ` +
        (source.size < expected ? 'it was cut short, copy it again' : 'write it again with numpy.save'),
    )
  }

  async function numbers(from: number, to: number, row: (index: number) => number): Promise<TypedArray> {
    const bytes = await readBytes(source, start + from * size, start + to * size, name)
    if (swap) swapBytes(bytes, size)
    return decode(dtype, bytes, (index) => `${name}, row ${row(index)}`)
  }

  const byRows = (from: number, to: number): Promise<TypedArray> =>
    numbers(from * dim, to * dim, (index) => from + Math.floor(index / dim))

  /** Column by column, as Fortran order has them: one read for all rows, else one for each column's part. */
  async function byColumns(from: number, to: number): Promise<TypedArray> {
    const rows = to - from
    const whole = rows === count ? await numbers(0, count * dim, (index) => index % count) : undefined
    const out = elements[dtype].make(rows * dim)
    for (let j = 0; j < dim; j++) {
      const column = whole ?? (await numbers(j * count + from, j * count + to, (index) => from + index))
      const first = whole ? j * count : 0
      for (let i = 0; i < rows; i++) out[i * dim + j] = column[first + i] as number
    }
    return out
  }

  const inMemory = elements[dtype].make(0).BYTES_PER_ELEMENT
  const read = fortran && count > 1 && dim > 1 ? byColumns : byRows
  return { format: 'npy', dtype, count, dim, rowBytes: dim * Math.max(size, inMemory), read }
}

export function npyEncoder({ dtype, dim }: Layout): Encoder {
  const { npy: code, size, encode } = elements[dtype]
  return {
    header: (count) => npyHeader(`${size === 1 ? '|' : '<'}${code}`, [count, dim]),
    rows: (values, from, rows) => encode(values, from, from + rows * dim),
  }
}

/** Bytes of the npy file of so many rows. */
export function npyBytes(count: number, { dim, dtype }: Layout): number {
  return NPY_HEADER_BYTES + count * dim * elements[dtype].size
}

async function readHeader(source: ByteSource, name: string): Promise<{ text: string; start: number }> {
  const head = await readBytes(source, 0, Math.min(12, source.size), name)
  if (!MAGIC.every((byte, i) => head[i] === byte)) {
    throw formatError(
      name,
      `is no npy file: it does not begin with "\\x93NUMPY"; name its format as { format: 'fbin' }`,
    )
  }
  const version = head[6] ?? 0
  const wide = version > 1
  if (head.length < (wide ? 12 : 10)) throw formatError(name, `ends within its header, after ${head.length} bytes`)
  if (version < 1 || version > 3) {
    throw formatError(name, `is of npy version ${version}; versions 1 to 3 are known, write it again with numpy.save`)
  }
  const view = new DataView(head.buffer, head.byteOffset)
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true)
  const from = wide ? 12 : 10
  if (length > MAX_HEADER || from + length > source.size) {
    throw formatError(
      name,
      `says its header has ${length} bytes, the file has ${source.size}; it is cut short or damaged`,
    )
  }
  const bytes = await readBytes(source, from, from + length, name)
  return { text: new TextDecoder(version === 3 ? 'utf-8' : 'latin1').decode(bytes), start: from + length }
}

function dtypeOfDescr(descr: string, name: string): { dtype: Dtype; swap: boolean } {
  const [, order, code] = /^([<>|=]?)(\w+)$/.exec(descr) ?? []
  const dtype = dtypeNames.find((candidate) => elements[candidate].npy === code)
  if (dtype) return { dtype, swap: order === '>' }
  throw formatError(
    name,
    `holds '${descr}'; ${dtypeNames.join(', ')} can be read: convert it with array.astype('float32')`,
  )
}

/** A vector alone is one row, as np.atleast_2d has it: what np.save makes of one embedding. */
function rowsAndDim(shape: readonly number[], name: string): [count: number, dim: number] {
  const [count, dim] = shape.length === 1 ? [1, shape[0] as number] : (shape as [number, number])
  if (shape.length < 1 || shape.length > 2) {
    const remedy = shape.length === 0 ? 'array.reshape(1, -1)' : 'array.reshape(len(array), -1)'
    throw formatError(name, `has shape (${shape.join(', ')}); rows × dim is needed: save ${remedy} instead`)
  }
  if (dim === 0) throw formatError(name, `has shape (${shape.join(', ')}): vectors without numbers; save rows × dim`)
  return [count, dim]
}
