/** What rotation and scalar codes are, in plain code. */
import type { Levels } from '../../src/quantizers/scalar/levels.js'
import type { Machine } from '../kernels/machine.js'
import { numbers } from '../kernels/machine.js'

const f = Math.fround

export const DIMS = [1, 3, 31, 32, 33, 96, 100, 128, 200, 256, 768] as const
export const BITS = [1, 2, 4, 8] as const

/** Rounds of signs, the Hadamard transform of a block, each 16 of it as a transposed square, and the two halves. */
export function rotated(row: ArrayLike<number>, signs: Float32Array): number[] {
  const width = signs.length / 4
  let v = Array.from({ length: width }, (_, i) => row[i] ?? 0)
  const span = 2 ** Math.floor(Math.log2(width))
  for (let round = 0; round < 4; round++) {
    v = v.map((value, i) => value * (signs[round * width + i] as number))
    const first = round % 2 === 0 ? 0 : width - span
    const block = hadamard(v.slice(first, first + span))
    block.forEach((_, i) => {
      v[first + i] = block[(i & ~15) + (i % 4) * 4 + ((i >> 2) & 3)] as number
    })
    if (span === width) continue
    const [low, high] = [v.slice(0, width / 2), v.slice(width / 2)]
    v = [...low.map((x, i) => x + (high[i] as number)), ...low.map((x, i) => x - (high[i] as number))]
  }
  return v
}

function hadamard(v: number[]): number[] {
  if (v.length === 1) return v
  const half = v.length / 2
  const low = hadamard(v.slice(0, half))
  const high = hadamard(v.slice(half))
  return [...low.map((x, i) => x + (high[i] as number)), ...low.map((x, i) => x - (high[i] as number))]
}

/** A code row taken apart. */
export interface Code {
  /** Values as they are packed. */
  values: number[]
  /** What they stand for. */
  x: number[]
  add: number
  scale: number
  sigma: number
  sum: number | undefined
}

export interface Encoding {
  bits: number
  halfNorm: boolean
  dropZero: boolean
}

/** The code of a rotated row, bit by bit as the kernel computes it. */
export function encoded(row: Float32Array, centroid: Float32Array, { levels, thresholds }: Levels, e: Encoding): Code {
  const width = row.length
  if (e.dropZero && row.every((value) => value === 0)) {
    const none = new Array<number>(width).fill(0)
    const x = none.map(() => (e.bits === 8 ? 0 : (levels[0] as number)))
    return { values: none, x, add: Infinity, scale: 0, sigma: 0, sum: e.bits > 1 ? 0 : undefined }
  }
  const r = row.map((value, i) => value - (centroid[i] as number))
  const size = sizeOf(r, e.bits)
  const t = r.map((value) => value * (size > 0 ? f(1 / size) : 0))
  const half = 2 ** (e.bits - 1)
  const values = [...t].map((value) => {
    if (e.bits === 1) return value > 0 ? 1 : 0
    if (e.bits === 8) return roundEven(value)
    const larger = thresholds.slice(half).filter((threshold) => Math.abs(value) > threshold).length
    return value < 0 ? half - 1 - larger : half + larger
  })
  const x = values.map((value) => (e.bits === 8 ? value : (levels[value] as number)))
  const [xt, xc] = [
    sum(t.map((value, i) => value * (x[i] as number))),
    sum(centroid.map((c, i) => c * (x[i] as number))),
  ]
  const [tt, tc] = [sum(t.map((value) => value * value)), sum(t.map((value, i) => value * (centroid[i] as number)))]
  const xx = x.reduce((all, value) => all + value * value, 0)
  const scale = xt > 0 ? (size * tt) / xt : 0
  const spread = xt > 0 ? Math.max(0, (xx * tt) / (xt * xt) - 1) : 0
  const add = scale * xc + (e.halfNorm ? 0.5 * size * size * tt : -size * tc)
  return {
    values,
    x,
    add: f(Math.min(Math.max(add, -3.4028234663852886e38), 3.4028234663852886e38)),
    scale: f(scale),
    sigma: f(size * Math.sqrt((tt * spread) / (width - 1))),
    sum: e.bits > 1 ? x.reduce((all, value) => all + value, 0) : undefined,
  }
}

function sizeOf(r: Float32Array, bits: number): number {
  const widest = r.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  if (bits === 8) return widest > f(1e-30) ? widest / 127 : 0
  const squares = sum(r.map((value) => value * value))
  if (squares > f(1e-30) && squares < f(1e30)) return Math.sqrt(squares / r.length)
  if (!(widest > f(1e-30))) return 0
  const parts = r.map((value) => value * f(1 / widest))
  return widest * Math.sqrt(sum(parts.map((value) => value * value)) / r.length)
}

/** The kernels' order: four lanes, sixteen numbers at a time. */
export function sum(terms: Float32Array): number {
  const lanes = new Float32Array(4)
  const at = (i: number): number => terms[i] as number
  for (let i = 0; i < terms.length; i += 16) {
    lanes.forEach((lane, j) => {
      const k = i + j
      lanes[j] = lane + f(f(at(k) + at(k + 4)) + f(at(k + 8) + at(k + 12)))
    })
  }
  const [a, b, c, d] = lanes as unknown as [number, number, number, number]
  return f(f(a + b) + f(c + d))
}

export function roundEven(value: number): number {
  const low = Math.floor(value)
  const rest = value - low
  return (rest > 0.5 || (rest === 0.5 && low % 2 !== 0) ? low + 1 : low) + 0
}

/** Takes a code row apart: component i at bits i · b … of its packed part. */
export function unpacked(bytes: Uint8Array, width: number, bits: number, levels: Int8Array): Code {
  const values = Array.from({ length: width }, (_, i) => {
    if (bits === 8) return ((bytes[i] as number) << 24) >> 24
    return ((bytes[(i * bits) >> 3] as number) >> ((i * bits) & 7)) & (2 ** bits - 1)
  })
  const view = new DataView(bytes.buffer, bytes.byteOffset + (width * bits) / 8)
  const [add = 0, scale = 0, sigma = 0] = [0, 4, 8].map((at) => view.getFloat32(at, true))
  const x = values.map((value) => (bits === 8 ? value : (levels[value] as number)))
  return { values, x, add, scale, sigma, sum: bits > 1 ? view.getFloat32(12, true) : undefined }
}

/** Rows turned by the kernel, count × width. */
export function rotateRows(m: Machine, rows: Float32Array, dim: number, signs: Float32Array, block = 64): Float32Array {
  const [width, count] = [signs.length / 4, rows.length / dim]
  const out = m.room(count * width)
  const fields = {
    rows: m.put(rows),
    dim,
    width,
    count,
    block,
    signs: m.put(signs),
    origin: 0,
    out,
    scratch: 0,
    scratchStride: 0,
  }
  m.run('rotateRows', m.record('Rotate', fields), Math.ceil(count / block))
  return m.floats(out, count * width)
}

export interface Encoded {
  /** count × codeSize. */
  bytes: Uint8Array
  codes: Code[]
}

/** Rotated rows encoded by the kernel, in blocks, by lane 1. */
export function encodeRows(
  m: Machine,
  rows: Float32Array,
  cells: readonly number[],
  centroids: Float32Array,
  levels: Levels,
  e: Encoding,
  block = 64,
): Encoded {
  const [count, width] = [cells.length, rows.length / Math.max(1, cells.length)]
  const codeSize = (width * e.bits) / 8 + (e.bits === 1 ? 12 : 16)
  const out = m.room((count * codeSize) / 4)
  const scratchStride = width * 5
  const fields = {
    rows: m.put(rows),
    cells: m.putInts(cells),
    centroids: m.put(centroids),
    width,
    bits: e.bits,
    levels: m.putInts(new Uint32Array(levels.levels.buffer)),
    thresholds: m.put(levels.thresholds),
    count,
    block,
    codeSize,
    halfNorm: +e.halfNorm,
    dropZero: +e.dropZero,
    out,
    scratch: m.room((scratchStride * 2) / 4),
    scratchStride,
  }
  m.run('encodeScalar', m.record('EncodeScalar', fields), Math.ceil(count / block), 1)
  const bytes = new Uint8Array(m.memory.buffer, out, count * codeSize).slice()
  const codes = cells.map((_, i) => unpacked(bytes.subarray(i * codeSize), width, e.bits, levels.levels))
  return { bytes, codes }
}

/** Normally distributed numbers (Box, Muller). */
export function normals(length: number, seed: number): Float32Array {
  const next = numbers(seed)
  for (let i = 0; i < 20; i++) next() // small seeds start alike
  const even = (): number => (next() + 0.5) / 2 ** 32
  return Float32Array.from({ length }, () => Math.sqrt(-2 * Math.log(even())) * Math.cos(2 * Math.PI * even()))
}

export function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let all = 0
  for (let i = 0; i < a.length; i++) all += (a[i] as number) * (b[i] as number)
  return all
}

export function norm(a: ArrayLike<number>): number {
  return Math.sqrt(inner(a, a))
}

export function minus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - (b[i] as number))
}
