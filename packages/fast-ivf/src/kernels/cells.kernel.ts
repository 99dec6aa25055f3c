import { dot } from './rows.kernel'

/** Queries and the cells that each visits. */
@unmanaged
export class CellPairs {
  queries: usize // nq × dim
  dim: u32
  cells: usize // nq × nprobe
  nprobe: u32
  centroids: usize // × dim, row-major
  bias: usize // per centroid; or 0
  out: usize // nq × nprobe: bias − ⟨query, centroid⟩
}

/** Item: a query, compared with the centroids of its cells. */
export function compareCells(record: usize, from: u32, to: u32, lane: u32): void {
  const c = changetype<CellPairs>(record)
  for (let q = from; q < to; q++) {
    const query = c.queries + ((<usize>q * c.dim) << 2)
    for (let rank: u32 = 0; rank < c.nprobe; rank++) {
      const at = (<usize>(q * c.nprobe + rank)) << 2
      const cell = load<u32>(c.cells + at)
      const bias: f32 = c.bias ? load<f32>(c.bias + ((<usize>cell) << 2)) : 0
      store<f32>(c.out + at, bias - dot(query, c.centroids + ((<usize>cell * c.dim) << 2), c.dim))
    }
  }
}
