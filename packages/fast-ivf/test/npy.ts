import { readFileSync } from 'node:fs'

/** The numbers of a plain .npy file of f4, f8, u1, i4 or i8; for fixtures only. */
export function readNpy(url: URL): {
  data: Float32Array | Float64Array | Int32Array | number[]
  dims: [number, number]
} {
  const file = readFileSync(url)
  const headerEnd = 10 + file.readUInt16LE(8)
  const header = file.toString('latin1', 10, headerEnd)
  const dtype = /'descr': '[<|](\w\d)'/.exec(header)?.[1]
  const shape =
    /\(([\d, ]+)\)/
      .exec(header)?.[1]
      ?.split(',')
      .filter((n) => n.trim())
      .map(Number) ?? []
  const bytes = file.buffer.slice(file.byteOffset + headerEnd, file.byteOffset + file.length)
  const dims: [number, number] = [shape[0] ?? 0, shape[1] ?? 1]
  if (dtype === 'f4') return { data: new Float32Array(bytes), dims }
  if (dtype === 'f8') return { data: new Float64Array(bytes), dims }
  if (dtype === 'i4') return { data: new Int32Array(bytes), dims }
  if (dtype === 'i8') return { data: Array.from(new BigInt64Array(bytes), Number), dims }
  if (dtype === 'u1') {
    const all = new Uint8Array(bytes)
    const [rows, columns] = dims
    const byColumn = header.includes("'fortran_order': True")
    return {
      data: Array.from(all, (value, i) =>
        byColumn ? (all[(i % columns) * rows + Math.floor(i / columns)] as number) : value,
      ),
      dims,
    }
  }
  throw new Error(`no fixture has dtype ${header}`)
}
