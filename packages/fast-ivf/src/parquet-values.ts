import { IvfError } from './errors.js'
import { elements, type TypedArray } from './formats/dtypes.js'
import { formatError } from './formats/vector-file.js'
import type { ListDtype } from './parquet-columns.js'

/** The numbers of a data page. @throws IvfError ERR_FORMAT, ERR_UNSUPPORTED */
export function decodeValues(
  bytes: Uint8Array,
  count: number,
  encoding: string,
  dtype: ListDtype,
  dictionary: TypedArray | undefined,
  file: string,
): TypedArray {
  if (count === 0) return elements[dtype].make(0)
  if (encoding === 'PLAIN') return plainValues(bytes, count, dtype, file)
  if (encoding === 'BYTE_STREAM_SPLIT')
    return plainValues(together(bytes, elements[dtype].size, count), count, dtype, file)
  if (encoding === 'RLE_DICTIONARY' || encoding === 'PLAIN_DICTIONARY') {
    const [width = 0] = bytes
    const places = runs(bytes.subarray(1), width, new Uint32Array(count), file)
    const values = elements[dtype].make(count)
    for (let i = 0; i < count; i++) {
      const value = dictionary?.[places[i] as number]
      if (value === undefined) throw formatError(file, 'points outside of a dictionary of numbers; it is damaged')
      values[i] = value
    }
    return values
  }
  throw new IvfError(
    'ERR_UNSUPPORTED',
    `${file} encodes its vectors as ${encoding}; write it as PLAIN or with a dictionary`,
  )
}

/** Numbers one after another. @throws IvfError ERR_FORMAT */
export function plainValues(bytes: Uint8Array, count: number, dtype: ListDtype, file: string): TypedArray {
  const size = count * elements[dtype].size
  if (size <= bytes.length) return elements[dtype].decode(bytes.subarray(0, size))
  throw formatError(file, `holds ${bytes.length} bytes of ${count} numbers of type ${dtype}; it is damaged`)
}

/**
 * Small whole numbers, `out.length` of `width` bits each: runs of one, or packed by eights, each behind a number that
 * tells which and how many.
 * @throws IvfError ERR_FORMAT
 */
export function runs<T extends Uint8Array | Uint32Array>(bytes: Uint8Array, width: number, out: T, file: string): T {
  if (width === 0) return out
  const cut = (): IvfError => formatError(file, 'has levels or places that end early; it is damaged')
  if (width > 32) throw cut()
  let at = 0
  for (let done = 0; done < out.length; ) {
    let head = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 28) throw cut()
      head += (byte & 127) * 2 ** shift
      if (byte < 128) break
    }
    const length = Math.floor(head / 2)
    // packed ones come by eights; more than that is more than there are
    if (length * (head % 2 === 0 ? 1 : 8) > out.length - done + SPARE) throw cut()
    if (head % 2 === 0) {
      const end = Math.min(out.length, done + length)
      const step = Math.ceil(width / 8)
      if (at + step > bytes.length) throw cut()
      let value = 0
      for (let i = 0; i < step; i++) value += (bytes[at + i] as number) * 2 ** (8 * i)
      out.fill(value, done, end)
      at += step
      done = end
      continue
    }
    const end = Math.min(out.length, done + length * 8)
    if (at + Math.ceil(((end - done) * width) / 8) > bytes.length) throw cut()
    for (let bit = at * 8; done < end; done++, bit += width) out[done] = bits(bytes, bit, width)
    at += length * width
  }
  return out
}

/** Writers may fill the last run up. */
const SPARE = 512

function bits(bytes: Uint8Array, from: number, width: number): number {
  let value = 0
  for (let got = 0; got < width; ) {
    const [byte, low] = [(from + got) >> 3, (from + got) & 7]
    const take = Math.min(8 - low, width - got)
    value += (((bytes[byte] as number) >> low) & ((1 << take) - 1)) * 2 ** got
    got += take
  }
  return value
}

/** All first bytes, all second ones, … as numbers again. */
function together(bytes: Uint8Array, size: number, count: number): Uint8Array {
  if (bytes.length < count * size) return bytes // too short, as will be told
  const out = new Uint8Array(count * size)
  for (let i = 0; i < size; i++) for (let k = 0; k < count; k++) out[k * size + i] = bytes[i * count + k] as number
  return out
}
