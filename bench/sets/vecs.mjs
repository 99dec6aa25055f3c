import { closeSync, openSync, readSync, statSync, writeFileSync } from 'node:fs'

const kinds = { fbin: Float32Array, u8bin: Uint8Array, i8bin: Int8Array, ibin: Int32Array }

/**
 * Reads the first `rows` rows of a .fbin, .u8bin, .i8bin or .ibin: int32 n, int32 d, then the values. A reader of our
 * own, so that peers do not depend on the library and nothing is copied on the way.
 *
 * @param {string} path
 * @param {number} [rows]
 */
export function readVecs(path, rows = Number.POSITIVE_INFINITY) {
  const kind = kinds[/** @type {keyof typeof kinds} */ (path.split('.').at(-1))]
  if (!kind) throw new Error(`${path}: not a file of vectors this reader knows`)
  const file = openSync(path, 'r')
  try {
    const head = new Int32Array(2)
    readSync(file, head, 0, 8, 0)
    const [count = 0, dim = 0] = head
    const n = Math.min(count, rows)
    const data = new kind(n * dim)
    if (statSync(path).size < 8 + count * dim * data.BYTES_PER_ELEMENT) throw new Error(`${path} is cut short`)
    const bytes = new Uint8Array(data.buffer)
    for (let at = 0; at < bytes.length; ) at += readSync(file, bytes, at, Math.min(bytes.length - at, 2 ** 30), 8 + at)
    return { data, n, dim }
  } finally {
    closeSync(file)
  }
}

/** Rows and components of such a file. @param {string} path */
export function shapeOf(path) {
  const head = new Int32Array(2)
  const file = openSync(path, 'r')
  readSync(file, head, 0, 8, 0)
  closeSync(file)
  return { n: head[0] ?? 0, dim: head[1] ?? 0 }
}

/**
 * @param {string} path
 * @param {Float32Array | Int32Array | Uint8Array} data rows × dim
 * @param {number} dim
 */
export function writeVecs(path, data, dim) {
  const head = Buffer.from(new Int32Array([data.length / dim, dim]).buffer)
  writeFileSync(path, Buffer.concat([head, Buffer.from(data.buffer, data.byteOffset, data.byteLength)]))
}
