/** Plain code for what the clustering computes with kernels: in 64 bits, and as slow as it is simple. */

export interface ReferenceSettings {
  numCentroids: number
  subspaces: number
  historySize: number
  maxSteps: number
  tol: number
  minMaxRatioThreshold: number
  metric: 'cosine' | 'l2'
}

export interface ReferenceOutcome {
  /** subspaces × numCentroids × (dim / subspaces) */
  centroids: number[]
  history: number[]
  /** How often half of a centroid was moved onto another. */
  equalized: number
}

type Row = number[]
interface Space {
  sums: Row[]
  counts: number[]
  centroids: Row[]
}

const EPSILON = 1e-5

/** The original's mini-batch k-means over batches of rows. */
export function referenceMiniBatch(batches: Row[][], settings: ReferenceSettings): ReferenceOutcome {
  const { numCentroids, subspaces, historySize, maxSteps, tol, metric } = settings
  const queue = batches.map((batch) =>
    batch.map((row) => cut(row, subspaces).map((part) => (metric === 'cosine' ? unit(part) : part))),
  )
  const spaces: Space[] = Array.from({ length: subspaces }, () => ({ sums: [], counts: [], centroids: [] }))
  const centroidOf = (sum: Row, count: number): Row => {
    const mean = sum.map((x) => x / (count + (subspaces > 1 ? EPSILON : 0)))
    return metric === 'cosine' ? mean.map((x) => x / (norm(mean) + EPSILON)) : mean
  }
  while ((spaces[0] as Space).sums.length < numCentroids) {
    const batch = queue.shift()
    if (!batch) throw new Error('too few vectors')
    for (const row of batch.slice(0, numCentroids - (spaces[0] as Space).sums.length)) {
      spaces.forEach(({ sums, counts, centroids }, s) => {
        sums.push([...(row[s] as Row)])
        counts.push(1)
        centroids.push(centroidOf(row[s] as Row, 1))
      })
    }
  }
  const kept: { batch: Row[][]; labels: number[][] }[] = []
  const history: number[] = []
  let [ema, equalized] = [1, 0]
  for (let step = 0; step < maxSteps; step++) {
    const batch = queue.shift()
    if (!batch) break
    const labels = label(batch, spaces, metric)
    contribute(batch, labels, spaces, 1)
    kept.push({ batch, labels })
    if (kept.length > historySize) {
      const last = kept.shift() as { batch: Row[][]; labels: number[][] }
      const now = label(last.batch, spaces, metric)
      const changed = now.flatMap((row, i) => row.map((cell, s) => Number(cell !== last.labels[i]?.[s])))
      ema = 0.95 * ema + (0.05 * changed.reduce((sum, x) => sum + x, 0)) / changed.length
      history.push(ema)
      if (ema < tol) break
      contribute(last.batch, last.labels, spaces, -1)
      contribute(last.batch, now, spaces, 1)
    }
    for (const space of spaces) {
      if (equalize(space, settings.minMaxRatioThreshold)) equalized++
      space.centroids = space.centroids.map((old, c) =>
        (space.counts[c] as number) > 0 ? centroidOf(space.sums[c] as Row, space.counts[c] as number) : old,
      )
    }
  }
  return { centroids: spaces.flatMap(({ centroids }) => centroids.flat()), history, equalized }
}

/** Lloyd's k-means from the first rows until `iterations` have passed; returns the mean squared distance (l2). */
export function referenceLloyd(rows: Row[], numCentroids: number, iterations: number): number {
  let centroids = rows.slice(0, numCentroids).map((row) => [...row])
  for (let i = 0; i < iterations; i++) {
    const labels = rows.map((row) => nearest(row, centroids, 'l2'))
    const sums = centroids.map((row) => row.map(() => 0))
    const counts = centroids.map(() => 0)
    rows.forEach((row, r) => {
      const cell = labels[r] as number
      counts[cell] = (counts[cell] as number) + 1
      addTo(sums[cell] as Row, row, 1)
    })
    centroids = centroids.map((old, c) => (counts[c] ? (sums[c] as Row).map((x) => x / (counts[c] as number)) : old))
  }
  return meanDistance(rows, centroids)
}

/** Mean squared distance to the nearest centroid. */
export function meanDistance(rows: Row[], centroids: Row[]): number {
  return (
    rows.reduce((sum, row) => sum + squaredDistance(row, centroids[nearest(row, centroids, 'l2')] as Row), 0) /
    rows.length
  )
}

/** The nearest centroid; of equals the first. */
export function nearest(row: Row, centroids: Row[], metric: 'cosine' | 'l2'): number {
  let [best, at] = [Number.POSITIVE_INFINITY, 0]
  for (let c = 0; c < centroids.length; c++) {
    const distance = metric === 'cosine' ? -dot(row, centroids[c] as Row) : squaredDistance(row, centroids[c] as Row)
    if (distance < best) [best, at] = [distance, c]
  }
  return at
}

/** Row-major numbers as rows. */
export function rowsOf(flat: ArrayLike<number>, dim: number): Row[] {
  return Array.from({ length: flat.length / dim }, (_, i) =>
    Array.from({ length: dim }, (_, k) => flat[i * dim + k] as number),
  )
}

export function unit(row: Row): Row {
  const length = norm(row)
  return length > 0 ? row.map((x) => x / length) : row
}

export function dot(a: Row, b: Row): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

export function squaredDistance(a: Row, b: Row): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2
  return sum
}

export function cut(row: Row, parts: number): Row[] {
  const width = row.length / parts
  return Array.from({ length: parts }, (_, s) => row.slice(s * width, (s + 1) * width))
}

export function norm(row: Row): number {
  return Math.sqrt(dot(row, row))
}

/** rows × subspaces */
function label(batch: Row[][], spaces: Space[], metric: 'cosine' | 'l2'): number[][] {
  return batch.map((parts) => parts.map((part, s) => nearest(part, (spaces[s] as Space).centroids, metric)))
}

function contribute(batch: Row[][], labels: number[][], spaces: Space[], sign: 1 | -1): void {
  batch.forEach((parts, i) => {
    parts.forEach((part, s) => {
      const { sums, counts } = spaces[s] as Space
      const cell = labels[i]?.[s] as number
      addTo(sums[cell] as Row, part, sign)
      counts[cell] = (counts[cell] as number) + sign
    })
  })
}

function equalize({ sums, counts }: Space, threshold: number): boolean {
  const [small, large] = [counts.indexOf(Math.min(...counts)), counts.indexOf(Math.max(...counts))]
  if (small === large || (counts[small] as number) / (counts[large] as number) > threshold) return false
  const half = (sums[large] as Row).map((x) => x / 2)
  sums[large] = half
  addTo(sums[small] as Row, half, 1)
  counts[large] = (counts[large] as number) / 2
  counts[small] = (counts[small] as number) + (counts[large] as number)
  return true
}

function addTo(sum: Row, row: Row, sign: 1 | -1): void {
  for (let i = 0; i < row.length; i++) sum[i] = (sum[i] as number) + sign * (row[i] as number)
}
