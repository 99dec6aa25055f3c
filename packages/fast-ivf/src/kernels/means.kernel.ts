import { dot, packPanel } from './rows.kernel'

@unmanaged
export class Sums {
  rows: usize // × dim, row-major
  indices: usize // count: which rows, or 0: all in order
  labels: usize // count
  count: u32
  dim: u32
  sign: f32 // 1 adds, −1 takes away
  width: u32 // components per item
  sums: usize // out: centroids × dim
}

/** Item: `width` components. Adds each row to the sum of its label, always in the order of the rows. */
export function addToSums(record: usize, from: u32, to: u32, lane: u32): void {
  const s = changetype<Sums>(record)
  const sign = f32x4.splat(s.sign)
  for (let item = from; item < to; item++) {
    const low = item * s.width
    const width = (<usize>min(s.width, s.dim - low)) << 2
    for (let i: u32 = 0; i < s.count; i++) {
      const index = s.indices ? load<u32>(s.indices + ((<usize>i) << 2)) : i
      const row = s.rows + ((<usize>index * s.dim + low) << 2)
      const sum = s.sums + ((<usize>load<u32>(s.labels + ((<usize>i) << 2)) * s.dim + low) << 2)
      let j: usize = 0
      for (; j + 16 <= width; j += 16) v128.store(sum + j, f32x4.add(v128.load(sum + j), f32x4.mul(sign, v128.load(row + j))))
      for (; j < width; j += 4) store<f32>(sum + j, load<f32>(sum + j) + s.sign * load<f32>(row + j))
    }
  }
}

@unmanaged
export class Means {
  sums: usize // count × dim
  counts: usize // count, f32
  count: u32
  dim: u32
  countOffset: f32 // added to each count before dividing
  normalize: u32 // 1: divide by (norm + normOffset)
  normOffset: f32
  halfNorm: u32 // 1: bias is half the squared norm, else 0
  rows: usize // out: count rounded up to 8 × dim, row-major
  panels: usize // out
  bias: usize // out: count
}

/** Item: a panel of 8 centroids, each the mean of its sum, as rows and as a panel. One without members stays where it is. */
export function means(record: usize, from: u32, to: u32, lane: u32): void {
  const m = changetype<Means>(record)
  const bytes = (<usize>m.dim) << 2
  for (let panel = from; panel < to; panel++) {
    const first = panel << 3
    for (let c = first; c < min(first + 8, m.count); c++) mean(m, c)
    packPanel(m.rows + bytes * first, m.dim, m.panels + ((<usize>panel * m.dim) << 5))
  }
}

function mean(m: Means, c: u32): void {
  const dim = m.dim
  const row = m.rows + ((<usize>c * dim) << 2)
  const count = load<f32>(m.counts + ((<usize>c) << 2))
  if (count > 0) {
    const sum = m.sums + ((<usize>c * dim) << 2)
    let scale: f32 = 1 / (count + m.countOffset)
    if (m.normalize) {
      const norm = sqrt(dot(sum, sum, dim)) * scale
      if (norm + m.normOffset > 0) scale /= norm + m.normOffset
    }
    const factor = f32x4.splat(scale)
    let i: usize = 0
    for (; i + 16 <= (<usize>dim) << 2; i += 16) v128.store(row + i, f32x4.mul(v128.load(sum + i), factor))
    for (; i < (<usize>dim) << 2; i += 4) store<f32>(row + i, load<f32>(sum + i) * scale)
  }
  store<f32>(m.bias + ((<usize>c) << 2), m.halfNorm ? dot(row, row, dim) * 0.5 : 0)
}
