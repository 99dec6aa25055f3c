import { products } from '../clustering/nearest.js'
import type { Engine } from '../engine/engine.js'
import type { RunOptions } from '../engine/executor.js'
import type { Panels } from '../engine/panels.js'
import { placeColumns } from './columns.js'

const CHUNK = 2048 // rows of one inner product: long sums of 32-bit floats lose too much
const GROUPS = 4 // of components, where the outcome is symmetric: 5/8 of the work
const PIECE = 1 << 17 // numbers between two turns

/** Rows that are multiplied at a time: few enough that what lies around them stays small, too. */
export function productRows(dim: number): number {
  return Math.min(CHUNK, Math.max(256, Math.floor((1 << 21) / dim)))
}

/** Xᵀ·Y, dim × dim: the sum of the outer products of rows x with rows y; x and y: count × dim. */
export async function crossProducts(
  engine: Engine,
  x: Float32Array,
  y: Float32Array,
  dim: number,
  options: RunOptions = {},
): Promise<Float64Array> {
  const sums = new Float64Array(dim * dim)
  const turn = engine.pace(options.signal)
  const count = x.length / dim
  const chunk = productRows(dim)
  for (let from = 0; from < count; from += chunk) {
    const [first, end] = [from * dim, Math.min(from + chunk, count) * dim]
    await addProducts(engine, sums, x.subarray(first, end), y.subarray(first, end), dim, turn, options)
  }
  return sums
}

/** Adds Xᵀ·X to the sums (dim × dim), on and above the diagonal only. rows: count × dim, at most `productRows`. */
export function addSquare(
  engine: Engine,
  sums: Float64Array,
  rows: Float32Array,
  dim: number,
  turn: () => Promise<void>,
  options: RunOptions = {},
): Promise<void> {
  return addProducts(engine, sums, rows, rows, dim, turn, options)
}

async function addProducts(
  engine: Engine,
  sums: Float64Array,
  x: Float32Array,
  y: Float32Array,
  dim: number,
  turn: () => Promise<void>,
  options: RunOptions,
): Promise<void> {
  const length = x.length / dim
  const group = x === y ? Math.ceil(dim / GROUPS / 16) * 16 : dim
  await engine.frame(async (scratch) => {
    const out = scratch.alloc(group * dim * 4)
    const rows = scratch.alloc(x.byteLength)
    const panels = placeColumns(engine, (bytes) => scratch.alloc(bytes), y, length, dim)
    await turn()
    await transposeInto(engine, rows, x, dim, turn)
    for (let first = 0; first < dim; first += group) {
      const [count, width] = [Math.min(group, dim - first), x === y ? dim - first : dim]
      const own = { rows: rows + first * length * 4, count }
      await products(engine, dropped(panels, x === y ? first : 0), own, width, out, options)
      const piece = Math.max(1, Math.floor(PIECE / width))
      for (let from = 0; from < count; from += piece) {
        const found = engine.floats(out, count * width)
        for (let i = from; i < Math.min(from + piece, count); i++) {
          const at = (first + i) * dim + dim - width
          for (let j = 0; j < width; j++) sums[at + j] = (sums[at + j] as number) + (found[i * width + j] as number)
        }
        await turn()
      }
    }
  })
}

/** The vectors from `first` on, a multiple of 16. */
function dropped(panels: Panels, first: number): Panels {
  return { ...panels, count: panels.count - first, panels: panels.panels + first * panels.dim * 4 }
}

/** Writes rows (length × dim) as dim × length. */
async function transposeInto(
  engine: Engine,
  at: number,
  rows: Float32Array,
  dim: number,
  turn: () => Promise<void>,
): Promise<void> {
  const length = rows.length / dim
  for (let first = 0; first < length; first += 16) {
    const target = engine.floats(at, rows.length)
    const end = Math.min(first + 16, length) // a line of the cache
    for (let j = 0; j < dim; j++) {
      for (let i = first; i < end; i++) target[j * length + i] = rows[i * dim + j] as number
    }
    await turn()
  }
}
