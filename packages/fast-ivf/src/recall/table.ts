/** What share of its true k nearest a query has in a cell, by the cell's rank and how near it seems. */
export interface Table {
  /** Where the first bin of nearness begins. */
  readonly low: number
  /** Width of a bin. */
  readonly step: number
  /** Bins of ranks × BINS; falls with the rank and with the distance. */
  readonly shares: Float32Array
}

export const BINS = 40
/** Pseudo-counts by which a rare bin leans on what its neighbours in rank say. */
const LEANS = 4
const PASSES = 30
/** Of the neighbours, those with this much of them outside are told by the first and last bin. */
const OUTSIDE = 0.002

/** The bin of each rank below `ranks`: the first four alone, then three to two octaves. */
export function rankBins(ranks: number): Uint8Array {
  return Uint8Array.from({ length: ranks }, (_, rank) => (rank < 4 ? rank : Math.floor(4 + 1.5 * Math.log2(rank / 4))))
}

/** The bin of a nearness; what is not finite is nearest of all. */
export function binOf({ low, step }: Pick<Table, 'low' | 'step'>, z: number): number {
  const bin = ((z - low) / step) | 0
  return bin < 0 ? 0 : bin < BINS ? bin : BINS - 1
}

/** The share at a rank (its row of the table) and a nearness: between the middles of two bins, between theirs. */
export function shareAt({ low, step, shares }: Table, row: number, z: number): number {
  const place = (z - low) / step - 0.5
  const first = row * BINS
  if (!(place > 0)) return shares[first] as number
  if (place >= BINS - 1) return shares[first + BINS - 1] as number
  const bin = Math.floor(place)
  const near = shares[first + bin] as number
  return near + ((shares[first + bin + 1] as number) - near) * (place - bin)
}

/** A cell of a query that calibration has looked at: its rank, its nearness, what share of the neighbours it holds. */
export type Sighting = readonly [rank: number, z: number, share: number]

/** Learns the table of what was seen; `each` tells all sightings, and is asked twice. */
export function fitTable(ranks: number, each: (tell: (...seen: Sighting) => void) => void): Table {
  const range = rangeOf(each)
  const bins = rankBins(ranks)
  const rows = (bins.at(-1) ?? 0) + 1
  const [sums, counts] = [new Float64Array(rows * BINS), new Float64Array(rows * BINS)]
  each((rank, z, share) => {
    const at = (bins[rank] as number) * BINS + binOf(range, z)
    sums[at] = (sums[at] as number) + share
    counts[at] = (counts[at] as number) + 1
  })
  const shares = new Float64Array(rows * BINS)
  for (let bin = 0; bin < BINS; bin++) {
    let [sum, count] = [0, 0]
    for (let row = 0; row < rows; row++) {
      sum += sums[row * BINS + bin] as number
      count += counts[row * BINS + bin] as number
    }
    const mean = sum / Math.max(1, count)
    for (let row = 0; row < rows; row++) {
      const at = row * BINS + bin
      shares[at] = ((sums[at] as number) + LEANS * mean) / ((counts[at] as number) + LEANS)
    }
  }
  fallBothWays(shares, counts, rows)
  return { ...range, shares: Float32Array.from(shares) }
}

/**
 * Makes a table fall with row and bin, as near to what it was as can be in the sense of weighted squares: one way after
 * the other, each time with what it took away the last time put back (R. Dykstra, T. Robertson, "An Algorithm for
 * Isotonic Regression for Two or More Independent Variables", 1982).
 */
function fallBothWays(shares: Float64Array, weights: Float64Array, rows: number): void {
  const ways = [
    () => {
      for (let row = 0; row < rows; row++) fall(shares, weights, row * BINS, 1, BINS)
    },
    () => {
      for (let bin = 0; bin < BINS; bin++) fall(shares, weights, bin, BINS, rows)
    },
  ].map((run) => ({ run, taken: new Float64Array(shares.length) }))
  for (let pass = 0; pass < PASSES; pass++) {
    for (const { run, taken } of ways) {
      for (let at = 0; at < shares.length; at++) taken[at] = shares[at] = (shares[at] as number) + (taken[at] as number)
      run()
      for (let at = 0; at < shares.length; at++) taken[at] = (taken[at] as number) - (shares[at] as number)
    }
  }
  // What is still missing after so many passes.
  for (let at = 0; at < shares.length; at++) {
    const above = at < BINS ? Number.POSITIVE_INFINITY : (shares[at - BINS] as number)
    const before = at % BINS === 0 ? Number.POSITIVE_INFINITY : (shares[at - 1] as number)
    shares[at] = Math.min(shares[at] as number, above, before)
  }
}

/** Where the neighbours are: bins elsewhere would tell nothing. */
function rangeOf(each: Parameters<typeof fitTable>[1]): { low: number; step: number } {
  const found: [z: number, share: number][] = []
  let all = 0
  each((_, z, share) => {
    if (share === 0 || !Number.isFinite(z)) return
    found.push([z, share])
    all += share
  })
  found.sort(([a], [b]) => a - b)
  const at = (part: number): number => {
    let seen = 0
    for (const [z, share] of found) {
      seen += share
      if (seen >= part * all) return z
    }
    return found.at(-1)?.[0] ?? 0
  }
  const [low, high] = [at(OUTSIDE), at(1 - OUTSIDE / 2)]
  const width = Math.max(1e-6, high - low)
  // The last bins lie beyond almost all neighbours: there shares are small, and there a high recall is decided.
  return { low: Math.fround(low), step: Math.fround((1.15 * width) / BINS) }
}

/** Makes a line of values fall, as near to them as can be in the sense of weighted squares (pool adjacent violators). */
export function fall(values: Float64Array, weights: Float64Array, first: number, stride: number, count: number): void {
  const pools: { value: number; weight: number; size: number }[] = []
  for (let i = 0; i < count; i++) {
    const at = first + i * stride
    let pool = { value: values[at] as number, weight: (weights[at] as number) + 1e-3, size: 1 }
    for (let last = pools.at(-1); last && last.value < pool.value; last = pools.at(-1)) {
      pools.pop()
      const weight = last.weight + pool.weight
      const value = (last.value * last.weight + pool.value * pool.weight) / weight
      pool = { value, weight, size: last.size + pool.size }
    }
    pools.push(pool)
  }
  let i = 0
  for (const { value, size } of pools) for (let j = 0; j < size; j++) values[first + i++ * stride] = value
}
