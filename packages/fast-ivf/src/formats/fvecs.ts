import type { ByteSource } from '../storage/source.js'
import { type Dtype, decode, elements } from './dtypes.js'
import type { Format } from './format.js'
import { formatError, type Rows, readBytes } from './vector-file.js'

/** The format of the TEXMEX sets: every row begins with its dim as a 32-bit integer. */
export const fvecs: Format = vecsFormat('fvecs', 'float32')
export const bvecs: Format = vecsFormat('bvecs', 'uint8')
export const ivecs: Format = vecsFormat('ivecs', 'int32')

function vecsFormat(format: string, dtype: Dtype): Format {
  return {
    name: format,
    extensions: [format],
    dtypes: [dtype],
    canBeEmpty: false,
    open: (source, name) => openVecs(source, name, format, dtype),
    encoder: ({ dim }) => ({
      rows(values, from, rows) {
        const { size, encode } = elements[dtype]
        const numbers = encode(values, from, from + rows * dim)
        const stride = 4 + dim * size
        const out = new Uint8Array(rows * stride)
        const view = new DataView(out.buffer)
        for (let i = 0; i < rows; i++) {
          view.setInt32(i * stride, dim, true)
          out.set(numbers.subarray(i * dim * size, (i + 1) * dim * size), i * stride + 4)
        }
        return out
      },
    }),
  }
}

async function openVecs(source: ByteSource, name: string, format: string, dtype: Dtype): Promise<Rows> {
  const { size } = elements[dtype]
  if (source.size < 4) {
    throw formatError(name, `has ${source.size} bytes; an ${format} file has rows, and each begins with 4: its dim`)
  }
  const head = await readBytes(source, 0, 4, name)
  const dim = new DataView(head.buffer, head.byteOffset).getInt32(0, true)
  const stride = 4 + dim * size
  if (dim < 1 || stride > source.size) {
    throw formatError(
      name,
      `has ${source.size} bytes and says that its first row has dim ${dim} (${stride} bytes as ${format}); ` +
        `it was cut short, or is not ${format}: name its format as { format: 'fbin' }`,
    )
  }
  const count = Math.floor(source.size / stride)

  /** Rows with the dims in front of them taken out, within the same bytes. */
  async function compact(from: number, to: number): Promise<Uint8Array> {
    const bytes = await readBytes(source, from * stride, to * stride, name)
    const view = new DataView(bytes.buffer, bytes.byteOffset)
    for (let i = 0; i < to - from; i++) {
      const found = view.getInt32(i * stride, true)
      if (found !== dim) {
        throw formatError(
          name,
          `has a row ${from + i} of dim ${found} at byte ${(from + i) * stride}, the rows before have ${dim}; ` +
            'all rows need the same dim: is the file damaged?',
        )
      }
      bytes.copyWithin(i * dim * size, i * stride + 4, (i + 1) * stride)
    }
    return bytes.subarray(0, (to - from) * dim * size)
  }

  if (source.size % stride !== 0) {
    // a row of another dim explains it better than the size does; looked for at the start only, to answer soon
    await compact(0, Math.min(count, Math.ceil(PROBE_BYTES / stride)))
    throw formatError(
      name,
      `has ${source.size} bytes, which is no multiple of ${stride} (its first row says dim ${dim}): ` +
        `${source.size % stride} bytes follow row ${count - 1}; it was cut short, copy it again`,
    )
  }

  return {
    format,
    dtype,
    count,
    dim,
    rowBytes: stride,
    read: async (from, to) =>
      decode(dtype, await compact(from, to), (index) => `${name}, row ${from + Math.floor(index / dim)}`),
  }
}

const PROBE_BYTES = 16 * 2 ** 20
