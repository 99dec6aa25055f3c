import type { Kernel } from './engine/executor.js'
import { writeRecord } from './engine/layout.js'

const LONG_ENOUGH = 40 // ms: until V8 has replaced its first, plain code
const HEAP = 16

/**
 * Whether the kernels that V8 widens give the exact products of small integers, before and after it has optimized
 * them. (Integers, because then every order of additions has the same answer.)
 */
export function selfCheck(exports: WebAssembly.Exports, memory: WebAssembly.Memory): boolean {
  memory.grow(2)
  const checks = [productsCheck(exports, memory), bytesCheck(exports, memory)]
  return checks.every((check) => {
    const end = performance.now() + LONG_ENOUGH
    do {
      if (!check()) return false
    } while (performance.now() < end)
    return true
  })
}

/** Products of rows with panels of 32-bit floats. */
function productsCheck(exports: WebAssembly.Exports, memory: WebAssembly.Memory): () => boolean {
  const [dim, count, columns] = [61, 12, 48] as const
  const products = exports.products as Kernel
  const [rows, panels, out, scratch, record] = [65536, 80000, 100000, 112000, 65280] as const
  const x = Float32Array.from({ length: count * dim }, (_, i) => ((i * 7919) % 31) - 15)
  const y = Float32Array.from({ length: columns * dim }, (_, i) => ((i * 104729) % 29) - 14)
  new Float32Array(memory.buffer, rows, x.length).set(x)
  const packed = new Float32Array(memory.buffer, panels, y.length)
  for (let row = 0; row < columns; row++) {
    for (let k = 0; k < dim; k++) packed[(row >> 3) * dim * 8 + k * 8 + (row & 7)] = y[row * dim + k] ?? 0
  }
  const fields = { rows, dim, count, block: count, group: 4, panels, npanels: columns / 8, width: columns, out }
  writeRecord(memory.buffer, record, 'Products', { ...fields, scratch, scratchStride: 0 })
  return () => {
    for (let i = 0; i < 100; i++) products(record, 0, 1, 0)
    return new Float32Array(memory.buffer, out, count * columns).every(
      (value, i) => value === dot(x, y, Math.floor(i / columns), i % columns, dim),
    )
  }
}

/** Sums of 8-bit codes with the bytes of queries, as distances in heaps. */
function bytesCheck(exports: WebAssembly.Exports, memory: WebAssembly.Memory): () => boolean {
  const [dim, nq, count] = [96, 5, 32] as const
  const scan = exports.scanQuads as Kernel
  const [visit, record, numbers, tables, codes, factors, heaps, scratch] = [
    ...[65400, 65100, 65500, 130000, 131000, 140000, 142000, 143008],
  ] as const as [number, number, number, number, number, number, number, number]
  const x = Float32Array.from({ length: count * dim }, (_, i) => ((i * 7919) % 251) - 125)
  const q = Float32Array.from({ length: nq * dim }, (_, i) => ((i * 104729) % 125) - 62)
  const bytes = new Int8Array(memory.buffer)
  x.forEach((value, i) => {
    const [slot, k] = [Math.floor(i / dim), i % dim]
    bytes[codes + (k >> 2) * 128 + slot * 4 + (k & 3)] = value
  })
  q.forEach((value, i) => {
    bytes[tables + i] = value + 64
  })
  new Uint32Array(memory.buffer, numbers, nq).set(Uint32Array.from({ length: nq }, (_, i) => i))
  // add 0, scale 1, sigma 0, sum of the levels
  const floats = new Float32Array(memory.buffer, factors, 4 * count).fill(0)
  for (let slot = 0; slot < count; slot++) {
    floats[count + slot] = 1
    floats[3 * count + slot] = x.subarray(slot * dim, (slot + 1) * dim).reduce((sum, value) => sum + value, 0)
  }
  const none = { originals: 0, mask: 0, near: 0, share: 0, apart: 0, homes: 0, owns: 0 }
  const visited = { slot: 0, from: 0, to: count, queries: numbers, count: nq, stride: count }
  writeRecord(memory.buffer, visit, 'Visit', { codes, factors, ...none, ...visited })
  const table = { tables, tableSize: dim, units: 0, dim, bits: 8, levels: 0, group: 4, nfactors: 4 }
  const packed = Math.ceil((160 + 2 * nq * dim) / 64) * 64
  const room = { heaps, heapStride: 0, scratch, scratchStride: 0, packed, products: count * nq * 4 }
  const unused = {
    limits: 0,
    epsilon: 0,
    queries: 0,
    vectorDim: dim,
    kept: 0,
    squared: 0,
    compared: 0,
    seeds: 0,
    masked: 0,
    norms: 0,
    visited: 0,
    visitedStride: 0,
  }
  writeRecord(memory.buffer, record, 'Scan', { visits: visit, ...table, k: HEAP, ...room, ...unused })
  return () => {
    for (let i = 0; i < 50; i++) {
      new Float32Array(memory.buffer, heaps, nq * HEAP * 2).fill(Number.POSITIVE_INFINITY)
      scan(record, 0, 1, 0)
    }
    for (let query = 0; query < nq; query++) {
      const found = new Float32Array(memory.buffer, heaps + query * HEAP * 8, HEAP)
      const slots = new Uint32Array(memory.buffer, heaps + query * HEAP * 8 + HEAP * 4, HEAP)
      if (!found.every((d, i) => d === -dot(q, x, query, slots[i] ?? 0, dim))) return false
    }
    return true
  }
}

function dot(x: Float32Array, y: Float32Array, row: number, column: number, dim: number): number {
  let sum = 0
  for (let k = 0; k < dim; k++) sum += (x[row * dim + k] ?? 0) * (y[column * dim + k] ?? 0)
  return sum
}
