/**
 * What each kernel is to compute, in plain code. Numbers are 32-bit floats after every operation, in the kernels'
 * order where it matters; sums are exact for small integers, which is what makes comparing bits possible.
 */

const f = Math.fround

/** Rows × dim, row-major. */
export interface Table {
  rows: Float32Array
  dim: number
}

/** One answer: a distance and the slot (or label, or id) it belongs to. */
export interface Near {
  distance: number
  slot: number
}

export function rowOf({ rows, dim }: Table, i: number): Float32Array {
  return rows.subarray(i * dim, (i + 1) * dim)
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return f(sum)
}

/** count × width inner products. */
export function products(rows: Table, columns: Table, count: number, width: number): Float32Array {
  return Float32Array.from({ length: count * width }, (_, i) =>
    dot(rowOf(rows, Math.floor(i / width)), rowOf(columns, i % width)),
  )
}

/** The k nearest of the slots from … to: smaller distances first, of equals the smaller slot; infinite ones are none. */
export function nearest(
  query: Float32Array,
  table: Table,
  bias: Float32Array,
  k: number,
  from: number,
  to: number,
): Near[] {
  const all: Near[] = []
  for (let slot = from; slot < to; slot++) {
    const distance = f((bias[slot] as number) - dot(query, rowOf(table, slot)))
    if (distance < Number.POSITIVE_INFINITY) all.push({ distance, slot })
  }
  return sorted(all).slice(0, k)
}

export function sorted(list: Near[]): Near[] {
  return [...list].sort((a, b) => a.distance - b.distance || a.slot - b.slot)
}

/** The first of the nearest centroids; 0 when there is none. */
export function assigned(query: Float32Array, centroids: Table, bias: Float32Array, count: number): Near {
  return nearest(query, centroids, bias, 1, 0, count)[0] ?? { distance: Number.POSITIVE_INFINITY, slot: 0 }
}

/** Adds sign × row to the sum of each row's label. */
export function addToSums(
  sums: Table,
  rows: Table,
  indices: readonly number[],
  labels: readonly number[],
  sign: number,
): void {
  indices.forEach((index, i) => {
    const sum = rowOf(sums, labels[i] as number)
    const row = rowOf(rows, index)
    for (let k = 0; k < sums.dim; k++) sum[k] = f((sum[k] as number) + f(sign * (row[k] as number)))
  })
}

export interface MeanSettings {
  countOffset: number
  normalize: boolean
  normOffset: number
  halfNorm: boolean
}

/** Moves each row to the mean of its sum; returns the biases. One without members stays. */
export function means(rows: Table, sums: Table, counts: Float32Array, settings: MeanSettings): Float32Array {
  return counts.map((count, c) => {
    const row = rowOf(rows, c)
    if (count > 0) {
      const sum = rowOf(sums, c)
      let scale = f(1 / f(count + f(settings.countOffset)))
      if (settings.normalize) {
        const norm = f(f(Math.sqrt(dot(sum, sum))) * scale)
        const divisor = f(norm + f(settings.normOffset))
        if (divisor > 0) scale = f(scale / divisor)
      }
      for (let k = 0; k < rows.dim; k++) row[k] = f((sum[k] as number) * scale)
    }
    return settings.halfNorm ? f(dot(row, row) * 0.5) : 0
  })
}

/** Normalizes in place; returns squared norms (undefined for a bad row) as they are told. */
export function prepare(table: Table, count: number, normalize: boolean): (number | undefined)[] {
  return Array.from({ length: count }, (_, i) => {
    const row = rowOf(table, i)
    const norm = dot(row, row)
    if (!(norm < Number.POSITIVE_INFINITY)) return undefined
    if (!normalize || norm === 0) return norm
    const scale = f(1 / f(Math.sqrt(norm)))
    for (let k = 0; k < row.length; k++) row[k] = f((row[k] as number) * scale)
    return 1
  })
}

/** Where component k of slot `slot` lies in panels of 8. */
export function inPanels(slot: number, k: number, dim: number): number {
  return Math.floor(slot / 8) * dim * 8 + k * 8 + (slot % 8)
}

/** The rows as panels, `npanels` of them, the rest zero. */
export function panelsOf({ rows, dim }: Table, npanels: number): Float32Array {
  const panels = new Float32Array(npanels * 8 * dim)
  rows.forEach((value, i) => {
    panels[inPanels(Math.floor(i / dim), i % dim, dim)] = value
  })
  return panels
}

/** The bias that a stored row has. */
export function biasOf(row: Float32Array, halfNorm: boolean, dropZero: boolean): number {
  const norm = dot(row, row)
  if (dropZero && norm === 0) return Number.POSITIVE_INFINITY
  return halfNorm ? f(norm * 0.5) : 0
}

export function squaredDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
  return f(sum)
}
