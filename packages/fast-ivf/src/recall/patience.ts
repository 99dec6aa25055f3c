/**
 * So many cells in a row, from this rank on, that are not worth a visit, and none farther away is looked at: the farther
 * out, the more of them.
 */
export function patienceAt(rank: number): number {
  return 8 + (rank >> 2)
}

/** Of cells in their order, each with the first threshold (a step) at which it is worth a visit: what patience leaves. */
export interface Followed {
  /** The first step at which each cell is visited. */
  readonly enters: Int32Array
  /** How many cells are looked at, at each step. */
  readonly looked: Int32Array
}

/** Writes what becomes of `worth` when patience ends; `steps`: never. */
export function follow(worth: Int32Array, steps: number, { enters, looked }: Followed): void {
  const ranks = worth.length
  looked.fill(ranks)
  // The least of a window of ranks that only moves forward: places whose values rise.
  const places = new Int32Array(ranks)
  let [head, tail, start, end, reached] = [0, 0, 0, 0, 0]
  for (let rank = 0; rank < ranks; rank++) {
    for (let stop = start + patienceAt(start); stop <= rank; stop = start + patienceAt(start)) {
      for (; end < stop; end++) {
        while (tail > head && (worth[places[tail - 1] as number] as number) >= (worth[end] as number)) tail--
        places[tail++] = end
      }
      while ((places[head] as number) < start) head++
      const least = worth[places[head] as number] as number
      // At steps before that nothing of the window is visited.
      if (least > reached) looked.fill(stop, reached, least)
      reached = Math.max(reached, least)
      start++
    }
    enters[rank] = Math.min(steps, Math.max(worth[rank] as number, reached))
  }
}
