/** Of a batch so many rows are neighbours of one: an eighth. */
const NEIGHBOURS = 1 / 8
const STEPS = 40
/** Rows that are looked at. */
const ROWS = 64

/**
 * What likenesses (count × count, a row's own very low) must be multiplied by, so that on the mean an eighth of the rows
 * count as neighbours of one: the exponential of the entropy of their shares, as stochastic neighbor embedding has it.
 */
export function sharpnessOf(likenesses: Float32Array, count: number): number {
  const wanted = Math.log(Math.max(1, count * NEIGHBOURS))
  let [low, high] = [1e-6, 1e6]
  for (let step = 0; step < STEPS && high / low > 1.01; step++) {
    const middle = Math.sqrt(low * high)
    if (meanEntropy(likenesses, count, middle) > wanted) low = middle
    else high = middle
  }
  return Math.sqrt(low * high)
}

function meanEntropy(likenesses: Float32Array, count: number, sharpness: number): number {
  let entropy = 0
  const rows = Math.min(ROWS, count)
  for (let i = 0; i < rows; i++) {
    const at = Math.floor((i * count) / rows) * count
    const row = likenesses.subarray(at, at + count)
    const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY)
    let [sum, weighted] = [0, 0]
    for (const value of row) {
      const exponent = sharpness * (value - most)
      const share = Math.exp(exponent)
      sum += share
      if (share > 0) weighted += share * exponent
    }
    entropy += Math.log(sum) - weighted / sum
  }
  return entropy / rows
}
