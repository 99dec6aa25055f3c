/** Queries that have visited their nearest cells, and the cells that they may visit beside. */
@unmanaged
export class Decide {
  heaps: usize // nq heaps of 2 · places, the farthest at the root
  places: u32
  wanted: u32 // the wanted-th nearest so far is the limit
  cells: usize // nq × nprobe, nearest first; out: those to visit come first
  distances: usize // nq × nprobe: bias − ⟨query, centroid⟩; out: moved with the cells
  nprobe: u32
  used: usize // nq: cells there are; out: cells to visit; 0 stays 0
  open: usize // out: nq: 1 where patience had not ended with the last cell
  limits: usize // nq: the wanted-th nearest so far: out, or as it was told before
  known: u32 // 1: limits are known, and heaps are not looked at
  norms: usize // nq squared norms of the queries, as codes see them
  lengths: usize // nq squared norms of the queries, as they are compared with centroids
  spreads: usize // per cell: mean squared distance of its vectors from its centroid
  centroids: usize // per cell: squared norm of its centroid
  bins: usize // nprobe bytes: the row of the table for each rank
  shares: usize // rows × columns
  columns: u32
  low: f32 // where the first column begins
  step: f32 // width of a column
  wave: u32 // so many are visited by all
  threshold: f32 // a cell must hold at least this share of the neighbours
  scale: f32 // what the table expects becomes recall
  tail: f32 // what is expected in cells that are not looked at, as a part of what is in those that are not visited
  form: u32 // 0: l2, 1: cosine, 2: inner product
  whole: u32 // 1: distances in the heaps are whole squares (l2)
  told: usize // out: nq × nprobe: the share that each chosen cell is expected to hold; 0: nobody asks
  expected: usize // out: nq: the recall that each query can expect; NaN where none is searched for
  scratch: usize // per lane: `wanted` floats
  scratchStride: u32
}

/** Item: a query. */
export function decideCells(record: usize, from: u32, to: u32, lane: u32): void {
  const d = changetype<Decide>(record)
  const nearest = d.scratch + <usize>lane * d.scratchStride
  for (let q = from; q < to; q++) {
    const at = (<usize>q) << 2
    const chosen = load<u32>(d.used + at)
    store<u32>(d.open + at, 0)
    if (chosen == 0) {
      store<f32>(d.expected + at, NaN)
      continue
    }
    const norm: f64 = load<f32>(d.norms + at), length: f64 = load<f32>(d.lengths + at)
    if (!d.known) store<f32>(d.limits + at, nthOf(d.heaps + ((<usize>q * d.places) << 3), d.places, d.wanted, nearest))
    const found: f64 = load<f32>(d.limits + at)
    const limit: f64 = d.form == 0 && !d.whole ? max<f64>(0, norm + 2 * found) : found
    const cells = d.cells + ((<usize>q * d.nprobe) << 2)
    const distances = d.distances + ((<usize>q * d.nprobe) << 2)
    let n: usize = 0
    let inside: f64 = 0, outside: f64 = 0
    // The first of the cells in a row that are not worth a visit.
    let run = chosen
    let open: u32 = 1
    for (let rank: u32 = 0; rank < chosen; rank++) {
      const own = (<usize>rank) << 2
      const cell = load<u32>(cells + own)
      const distance = load<f32>(distances + own)
      const share: f64 = shareOf(d, rank, nearness(d, cell, distance, length, limit))
      if (d.told) store<f32>(d.told + ((<usize>q * d.nprobe + rank) << 2), <f32>share)
      if (rank >= d.wave && share < <f64>d.threshold) {
        outside += share
        run = min(run, rank)
        if (rank + 1 - run < patienceAt(run)) continue
        open = 0
        break
      }
      run = chosen
      inside += share
      store<u32>(cells + n, cell)
      store<f32>(distances + n, distance)
      n += 4
    }
    store<u32>(d.used + at, <u32>(n >> 2))
    store<u32>(d.open + at, open)
    // Far from everything nothing is expected anywhere.
    const all = inside + outside * (1 + <f64>d.tail)
    store<f32>(d.expected + at, all > 0 ? <f32>min<f64>(1, (<f64>d.scale * inside) / all) : 0)
  }
}

/** As `patience.ts` tells. */
// @ts-ignore: decorator
@inline
function patienceAt(rank: u32): u32 {
  return 8 + (rank >> 2)
}

/** As `nearness.ts` tells. */
// @ts-ignore: decorator
@inline
function nearness(d: Decide, cell: u32, distance: f64, norm: f64, limit: f64): f64 {
  const spread: f64 = load<f32>(d.spreads + ((<usize>cell) << 2))
  if (d.form == 2) return (distance - limit) / Math.sqrt(norm * spread)
  const own: f64 = d.form == 1 ? load<f32>(d.centroids + ((<usize>cell) << 2)) : 0
  const bound: f64 = d.form == 1 ? norm + 1 + 2 * limit : limit
  const squared = max<f64>(1e-12, norm + 2 * distance + own)
  return (squared + spread - bound) / (2 * Math.sqrt(squared * spread))
}

/** As `shareAt` of `table.ts` tells. */
// @ts-ignore: decorator
@inline
function shareOf(d: Decide, rank: u32, z: f64): f64 {
  const shares = d.shares + ((<usize>load<u8>(d.bins + rank) * d.columns) << 2)
  const place = (z - <f64>d.low) / <f64>d.step - 0.5
  const last: f64 = d.columns - 1
  if (!(place > 0)) return load<f32>(shares)
  if (place >= last) return load<f32>(shares + ((<usize>(d.columns - 1)) << 2))
  const column = <u32>place
  const at = shares + ((<usize>column) << 2)
  const near: f64 = load<f32>(at), far: f64 = load<f32>(at, 4)
  return near + (far - near) * (place - <f64>column)
}

/** The n-th smallest distance of a heap; infinite when there are fewer. */
function nthOf(heap: usize, places: u32, n: u32, nearest: usize): f32 {
  if (places <= n) return places < n ? Infinity : load<f32>(heap)
  let count: u32 = 0
  const last = nearest + ((<usize>(n - 1)) << 2)
  for (let i: u32 = 0; i < places; i++) {
    const distance = load<f32>(heap + ((<usize>i) << 2))
    if (count == n && !(distance < load<f32>(last))) continue
    let at = nearest + ((<usize>(count < n ? count : n - 1)) << 2)
    if (count < n) count++
    for (; at > nearest && load<f32>(at - 4) > distance; at -= 4) store<f32>(at, load<f32>(at - 4))
    store<f32>(at, distance)
  }
  return load<f32>(last)
}
