/** Rows in the order of their cells. */
export interface RowsByCell {
  /** nlist + 1: cell c holds rows[starts[c]] … rows[starts[c + 1] − 1]. */
  readonly starts: Uint32Array
  readonly rows: Uint32Array
}

/** A counting sort: the rows of a cell keep their order. */
export function rowsByCell(labels: Uint32Array | Int32Array, nlist: number): RowsByCell {
  const starts = new Uint32Array(nlist + 1)
  for (const label of labels) starts[label + 1] = (starts[label + 1] as number) + 1
  for (let cell = 0; cell < nlist; cell++) starts[cell + 1] = (starts[cell + 1] as number) + (starts[cell] as number)
  const next = starts.slice()
  const rows = new Uint32Array(labels.length)
  labels.forEach((label, row) => {
    const at = next[label] as number
    rows[at] = row
    next[label] = at + 1
  })
  return { starts, rows }
}
