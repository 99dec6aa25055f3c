import { checkInteger, IvfError } from '../errors.js'

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
  #cells: { starts: Uint32Array; rows: Uint32Array } | undefined
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
    this.#cells ??= groupByCell(this.labels().subarray(0, this.#rows), numCells)
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

/** A counting sort: rows of cell c are rows[starts[c]] … rows[starts[c + 1] − 1]. */
function groupByCell(labels: Int32Array, numCells: number): { starts: Uint32Array; rows: Uint32Array } {
  const starts = new Uint32Array(numCells + 1)
  for (const label of labels) starts[label + 1] = (starts[label + 1] as number) + 1
  for (let cell = 0; cell < numCells; cell++) starts[cell + 1] = (starts[cell + 1] as number) + (starts[cell] as number)
  const next = starts.slice()
  const rows = new Uint32Array(labels.length)
  labels.forEach((label, row) => {
    const at = next[label] as number
    rows[at] = row
    next[label] = at + 1
  })
  return { starts, rows }
}
