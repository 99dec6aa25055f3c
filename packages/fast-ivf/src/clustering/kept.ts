import { checkInteger, IvfError } from '../errors.js'
import { type RowsByCell, rowsByCell } from './group.js'

/** Vectors of one call of `add`. */
export interface Part {
  rows: number
  /** rows × dim */
  vectors: Float32Array
  /** spaces × rows */
  labels: Int32Array
}

/** The vectors added, with their labels, in the order they came. */
export class KeptVectors {
  readonly #dim: number
  readonly #spaces: number
  readonly #parts: Part[] = []
  /** First row of each part. */
  readonly #starts: number[] = []
  #cells: RowsByCell | undefined
  #rows = 0

  constructor(dim: number, spaces: number) {
    this.#dim = dim
    this.#spaces = spaces
  }

  get rows(): number {
    return this.#rows
  }

  push(parts: Part[]): void {
    for (const part of parts) {
      if (part.rows === 0) continue
      this.#starts.push(this.#rows)
      this.#parts.push(part)
      this.#rows += part.rows
    }
    this.#cells = undefined
  }

  /** spaces × rows */
  labels(): Int32Array {
    const all = new Int32Array(this.#spaces * this.#rows)
    this.#parts.forEach(({ rows, labels }, i) => {
      for (let s = 0; s < this.#spaces; s++)
        all.set(labels.subarray(s * rows, (s + 1) * rows), s * this.#rows + (this.#starts[i] as number))
    })
    return all
  }

  /** Rows from … to, row-major. */
  slice(from: number, to: number): Float32Array {
    const out = new Float32Array((to - from) * this.#dim)
    for (let at = from; at < to; ) {
      const { vectors, row, rows } = this.#find(at)
      const count = Math.min(to - at, rows - row)
      out.set(vectors.subarray(row * this.#dim, (row + count) * this.#dim), (at - from) * this.#dim)
      at += count
    }
    return out
  }

  /** ids.length × dim @throws IvfError ERR_ARGUMENT, ERR_EMPTY */
  get(ids: ArrayLike<number>): Float32Array {
    if (ids.length > 0 && this.#rows === 0)
      throw new IvfError('ERR_EMPTY', 'there are no vectors here; call and await add(vectors) first')
    const out = new Float32Array(ids.length * this.#dim)
    for (let i = 0; i < ids.length; i++) {
      const { vectors, row } = this.#find(checkInteger('id', ids[i], 0, this.#rows - 1))
      out.set(vectors.subarray(row * this.#dim, (row + 1) * this.#dim), i * this.#dim)
    }
    return out
  }

  /** Row numbers of a cell's vectors, rising; of the first space. */
  members(cell: number, numCells: number): Uint32Array {
    this.#cells ??= rowsByCell(this.labels().subarray(0, this.#rows), numCells)
    const { starts, rows } = this.#cells
    return rows.slice(starts[cell], starts[cell + 1])
  }

  /** The part that holds a row, and the row's place in it. */
  #find(at: number): { vectors: Float32Array; rows: number; row: number } {
    let [low, high] = [0, this.#parts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((this.#starts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    const { vectors, rows } = this.#parts[low] as Part
    return { vectors, rows, row: at - (this.#starts[low] as number) }
  }
}
