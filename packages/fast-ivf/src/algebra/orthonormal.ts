import { seeded } from '../clustering/random.js'
import { IvfError } from '../errors.js'

/** Part of a row's length that is left of it when nothing but rounding is. */
const VANISHED = 1e-6
/** Part that must be left for one pass to be exact enough. */
const KEPT = 0.7
const PIECE = 1 << 15 // multiply-adds between two turns

/**
 * Makes rows (count × dim, count ≤ dim) orthonormal, each with its part along the rows before it taken away, in 64
 * bits: Gram and Schmidt's way, a second time where the first took much (L. Giraud, J. Langou, M. Rozložník, J. van
 * den Eshof, "Rounding error analysis of the classical Gram–Schmidt", 2005: twice is enough). A row that depends on
 * those before it, so that nothing is left, is replaced by a direction drawn at random.
 *
 * @throws IvfError ERR_DIM with more rows than components
 */
export async function orthonormalRows(
  rows: Float32Array,
  dim: number,
  seed: number,
  turn: () => Promise<void>,
): Promise<Float32Array> {
  const count = rows.length / dim
  if (count > dim) {
    throw new IvfError('ERR_DIM', `${count} rows of ${dim} components cannot be orthogonal; give at most ${dim}`)
  }
  const random = seeded(seed)
  const found = new Float32Array(rows.length)
  const basis = new Float64Array(rows.length)
  for (let i = 0; i < count; i++) {
    const row = basis.subarray(i * dim, (i + 1) * dim)
    row.set(rows.subarray(i * dim, (i + 1) * dim))
    let before = lengthOf(row)
    let floor = before * VANISHED
    while (true) {
      await clear(row, basis, i, dim, turn)
      const after = lengthOf(row)
      if (!(after > floor)) {
        for (let k = 0; k < dim; k++) row[k] = random.below(1 << 24) / (1 << 23) - 1
        before = lengthOf(row)
        floor = before * VANISHED
        continue
      }
      if (after > before * KEPT) {
        for (let k = 0; k < dim; k++) row[k] = (row[k] as number) / after
        break
      }
      before = after
    }
    found.set(row, i * dim)
    await turn()
  }
  return found
}

/** Takes from a row what it has along the first `count` rows of the basis, four at a time. */
async function clear(
  row: Float64Array,
  basis: Float64Array,
  count: number,
  dim: number,
  turn: () => Promise<void>,
): Promise<void> {
  let work = 0
  for (let first = 0; first < count; first += 4) {
    if (first + 4 <= count) clearFour(row, basis.subarray(first * dim, (first + 4) * dim))
    else for (let i = first; i < count; i++) clearOne(row, basis.subarray(i * dim, (i + 1) * dim))
    work += 8 * dim
    if (work < PIECE) continue
    work = 0
    await turn()
  }
}

function clearOne(row: Float64Array, unit: Float64Array): void {
  const dim = row.length
  let sum = 0
  for (let k = 0; k < dim; k++) sum += (row[k] as number) * (unit[k] as number)
  for (let k = 0; k < dim; k++) row[k] = (row[k] as number) - sum * (unit[k] as number)
}

function clearFour(row: Float64Array, units: Float64Array): void {
  const dim = row.length
  const [a, b] = [units.subarray(0, dim), units.subarray(dim, 2 * dim)]
  const [c, d] = [units.subarray(2 * dim, 3 * dim), units.subarray(3 * dim)]
  let [p, q, r, s] = [0, 0, 0, 0]
  for (let k = 0; k < dim; k++) {
    const x = row[k] as number
    p += x * (a[k] as number)
    q += x * (b[k] as number)
    r += x * (c[k] as number)
    s += x * (d[k] as number)
  }
  for (let k = 0; k < dim; k++) {
    const near = p * (a[k] as number) + q * (b[k] as number)
    row[k] = (row[k] as number) - near - (r * (c[k] as number) + s * (d[k] as number))
  }
}

function lengthOf(row: Float64Array): number {
  let squares = 0
  for (let k = 0; k < row.length; k++) squares += (row[k] as number) ** 2
  return Math.sqrt(squares)
}
