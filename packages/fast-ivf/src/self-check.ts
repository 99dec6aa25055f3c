import type { Kernel } from './engine/executor.js'
import { writeRecord } from './engine/layout.js'

const DIM = 61
const ROWS = 12
const COLUMNS = 48
const LONG_ENOUGH = 40 // ms: until V8 has replaced its first, plain code

/**
 * Whether the product kernel gives the exact products of small integers, before and after V8 has optimized it.
 * (Integers, because then every order of additions has the same answer.)
 */
export function selfCheck(exports: WebAssembly.Exports, memory: WebAssembly.Memory): boolean {
  memory.grow(2)
  const products = exports.products as Kernel
  const [rows, panels, out, scratch, record] = [65536, 80000, 100000, 112000, 65472] as const
  const x = new Float32Array(memory.buffer, rows, ROWS * DIM).map(() => 0)
  const y = new Float32Array(COLUMNS * DIM)
  for (let i = 0; i < x.length; i++) x[i] = ((i * 7919) % 31) - 15
  for (let i = 0; i < y.length; i++) y[i] = ((i * 104729) % 29) - 14
  new Float32Array(memory.buffer, rows, x.length).set(x)
  const packed = new Float32Array(memory.buffer, panels, y.length)
  for (let row = 0; row < COLUMNS; row++) {
    for (let k = 0; k < DIM; k++) packed[(row >> 3) * DIM * 8 + k * 8 + (row & 7)] = y[row * DIM + k] ?? 0
  }
  writeRecord(memory.buffer, record, 'Products', {
    rows,
    dim: DIM,
    count: ROWS,
    block: ROWS,
    group: 4,
    panels,
    npanels: COLUMNS / 8,
    width: COLUMNS,
    out,
    scratch,
    scratchStride: 0,
  })
  const end = performance.now() + LONG_ENOUGH
  do {
    for (let i = 0; i < 100; i++) products(record, 0, 1, 0)
    if (!exact(new Float32Array(memory.buffer, out, ROWS * COLUMNS), x, y)) return false
  } while (performance.now() < end)
  return true
}

function exact(found: Float32Array, x: Float32Array, y: Float32Array): boolean {
  return found.every((value, i) => {
    const row = Math.floor(i / COLUMNS) * DIM
    const column = (i % COLUMNS) * DIM
    let sum = 0
    for (let k = 0; k < DIM; k++) sum += (x[row + k] ?? 0) * (y[column + k] ?? 0)
    return sum === value
  })
}
