import type { Engine } from '../engine/engine.js'

const NOWHERE = 0xffffffff
/** A list by row number is smaller than a map unless rows are so many times fewer than numbers. */
const SPARSE = 16

/** Where the rows of a segment are: found out when it is first asked for. */
export class Places {
  readonly #engine: Engine
  readonly #rows: number
  readonly #count: number
  #slotOf: ((row: number) => number | undefined) | undefined

  /** `rows`: address of the row number of each of `count` slots. */
  constructor(engine: Engine, rows: number, count: number) {
    this.#engine = engine
    this.#rows = rows
    this.#count = count
  }

  slotOf(row: number): number | undefined {
    this.#slotOf ??= this.#find()
    return this.#slotOf(row)
  }

  #find(): (row: number) => number | undefined {
    const rows = this.#engine.ints(this.#rows, this.#count)
    let [first, last] = [NOWHERE, 0]
    for (const row of rows) {
      if (row < first) first = row
      if (row > last) last = row
    }
    if (last - first > SPARSE * this.#count) {
      const slots = new Map(Array.from(rows, (row, slot) => [row, slot]))
      return (row) => slots.get(row)
    }
    const slots = new Uint32Array(this.#count === 0 ? 0 : last - first + 1).fill(NOWHERE)
    rows.forEach((row, slot) => {
      slots[row - first] = slot
    })
    return (row) => {
      const slot = slots[row - first]
      return slot === undefined || slot === NOWHERE ? undefined : slot
    }
  }
}
