/** Bits of a component of a scalar code. */
export type ScalarBits = 1 | 2 | 4 | 8

export interface Levels {
  /** What each value of a component stands for, ascending, the largest 127 (±1 for one bit); 16 places. */
  readonly levels: Int8Array<ArrayBuffer>
  /** Between which values a component changes, in standard deviations, ascending: 2^bits − 1. */
  readonly thresholds: Float32Array<ArrayBuffer>
}

/**
 * The levels of 1, 2, 3 and 4 bits; with 8 bits a value is its own level and there are none.
 * Thresholds lie midway between the whole levels: those err less than the ones midway between the exact levels (for
 * 4 bits .09801 against .09811, and .09794 if levels were not rounded, as √(1 − cos²) / cos).
 */
export function scalarLevels(bits: number): Levels {
  const levels = new Int8Array(16)
  if (bits === 8) return { levels, thresholds: new Float32Array(0) }
  const exact = lloydMax(bits).levels
  const top = exact.at(-1) as number
  levels.set(bits === 1 ? [-1, 1] : exact.map((level) => Math.round((level * 127) / top)))
  // Rounded, so that the last bit of an exponential, which engines of JavaScript need not agree on, tells nothing.
  const unit = Math.round((top / 127) * 65536) / 65536
  const thresholds = Float32Array.from({ length: 2 ** bits - 1 }, (_, i) => {
    return (((levels[i] as number) + (levels[i + 1] as number)) / 2) * unit
  })
  return { levels, thresholds }
}

/** The 2^bits levels (ascending) of least squared error for N(0, 1), and the thresholds between them. */
export function lloydMax(bits: number): { levels: number[]; thresholds: number[] } {
  // Of the positive half; the other mirrors it.
  const half = 2 ** (bits - 1)
  let levels = Array.from({ length: half }, (_, i) => (3 * (i + 0.5)) / half)
  for (let change = 1; change > 1e-10; ) {
    const means = meansBetween(midpoints([-(levels[0] as number), ...levels]))
    change = Math.max(...means.map((mean, i) => Math.abs(mean - (levels[i] as number))))
    levels = means
  }
  const all = [...levels.map((level) => -level).reverse(), ...levels]
  return { levels: all, thresholds: midpoints(all) }
}

/** The mean of N(0, 1) from each limit to the next; the last reaches to infinity. */
function meansBetween(limits: number[]): number[] {
  return limits.map((limit, i) => {
    const next = limits[i + 1]
    const mass = (next === undefined ? 0.5 : massTo(next)) - massTo(limit)
    return (density(limit) - (next === undefined ? 0 : density(next))) / mass
  })
}

function midpoints(values: number[]): number[] {
  return values.slice(1).map((value, i) => (value + (values[i] as number)) / 2)
}

function density(x: number): number {
  return Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
}

/** The mass of N(0, 1) from 0 to x ≥ 0: φ(x) · (x + x³/3 + x⁵/15 + …). */
function massTo(x: number): number {
  let term = x
  let sum = x
  for (let n = 3; term > 1e-17 * sum; n += 2) {
    term *= (x * x) / n
    sum += term
  }
  return density(x) * sum
}
