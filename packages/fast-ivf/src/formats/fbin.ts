import { IvfError } from '../errors.js'
import type { ByteSource } from '../storage/source.js'
import { type Dtype, decode, elements } from './dtypes.js'
import type { Format } from './format.js'
import { formatError, type Rows, readBytes } from './vector-file.js'

/** The format of the big-ann benchmarks: count and dim as 32-bit integers, then the rows. */
export const fbin: Format = binFormat('fbin', 'float32')
export const u8bin: Format = binFormat('u8bin', 'uint8')
export const i8bin: Format = binFormat('i8bin', 'int8')
export const ibin: Format = binFormat('ibin', 'int32')

function binFormat(format: string, dtype: Dtype): Format {
  return {
    name: format,
    extensions: [format],
    dtypes: [dtype],
    canBeEmpty: true,
    open: (source, name) => openBin(source, name, format, dtype),
    encoder: ({ dim, name }) => ({
      header(count) {
        if (count >= 2 ** 31 || dim >= 2 ** 31) {
          throw new IvfError(
            'ERR_UNSUPPORTED',
            `${name} would get ${count} × ${dim}, ${format} files hold fewer than 2^31; write npy`,
          )
        }
        return new Uint8Array(Int32Array.of(count, dim).buffer)
      },
      rows: (values, from, rows) => elements[dtype].encode(values, from, from + rows * dim),
    }),
  }
}

async function openBin(source: ByteSource, name: string, format: string, dtype: Dtype): Promise<Rows> {
  const { size } = elements[dtype]
  if (source.size < 8) {
    throw formatError(
      name,
      `has ${source.size} bytes; an ${format} file begins with 8: count and dim. It was cut short`,
    )
  }
  const head = await readBytes(source, 0, 8, name)
  const view = new DataView(head.buffer, head.byteOffset)
  const count = view.getUint32(0, true)
  const dim = view.getUint32(4, true)
  const expected = 8 + count * dim * size
  if (dim === 0 || source.size !== expected) {
    throw formatError(
      name,
      `says ${count} × ${dim} (${expected} bytes as ${format}) and has ${source.size} bytes; ` +
        `it was cut short, or is not ${format}: name its format as { format: 'fvecs' }`,
    )
  }
  return {
    format,
    dtype,
    count,
    dim,
    rowBytes: dim * size,
    async read(from, to) {
      const bytes = await readBytes(source, 8 + from * dim * size, 8 + to * dim * size, name)
      return decode(dtype, bytes, (index) => `${name}, row ${from + Math.floor(index / dim)}`)
    },
  }
}
