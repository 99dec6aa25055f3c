import type { Rows } from '../projections/learned/reference.js'
import type { Machine } from './machine.js'
import { inPanels } from './reference.js'

/** The columns of count × width numbers in panels of eight, each count × 8. */
export function columnsOf(rows: Float32Array, count: number, width: number): Float32Array {
  const columns = new Float32Array(count * width)
  rows.forEach((value, i) => {
    columns[inPanels(i % width, Math.floor(i / width), count)] = value
  })
  return columns
}

export function putColumns(m: Machine, rows: Float32Array, count: number, width: number): number {
  return m.put(columnsOf(rows, count, width))
}

export function rowsOf(data: Float32Array, width: number): Rows {
  return Array.from({ length: data.length / width }, (_, i) => [...data.subarray(i * width, (i + 1) * width)])
}

/** Each number within `gap`, of large ones within that share. */
export function expectClose(found: Float32Array, expected: readonly number[], gap: number): void {
  if (found.length !== expected.length) throw new Error(`${found.length} numbers, not ${expected.length}`)
  for (const [i, value] of expected.entries()) {
    if (Math.abs(found[i]! - value) <= gap * Math.max(1, Math.abs(value))) continue
    throw new Error(`number ${i} of ${expected.length} is ${found[i]}, not ${value}`)
  }
}
