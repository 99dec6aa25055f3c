/**
 * A mixture of uneven clusters made with nothing but integer arithmetic, +, −, × and √, which IEEE 754 defines to the
 * bit: the same file on every machine, so that the work counted over it can be compared exactly. Also the stand-in for
 * synth where there is no numpy.
 *
 * @param {{ n: number, dim: number, clusters: number, noise: number, seed: number }} options
 * @returns {Float32Array} n × dim unit vectors
 */
export function mixture({ n, dim, clusters, noise, seed }) {
  const random = generator(seed)
  const spectrum = Float64Array.from({ length: dim }, (_, i) => 1 / Math.sqrt(i + 1))
  const centers = Float64Array.from({ length: clusters * dim }, (_, i) => bell(random) * (spectrum[i % dim] ?? 0))
  const out = new Float32Array(n * dim)
  const row = new Float64Array(dim)
  for (let at = 0; at < n; at++) {
    const center = Math.floor(random() * random() * clusters) * dim // the product of two makes the low numbers crowded
    let squares = 0
    for (let i = 0; i < dim; i++) {
      const value = (centers[center + i] ?? 0) + noise * (spectrum[i] ?? 0) * bell(random)
      row[i] = value
      squares += value * value
    }
    const norm = Math.sqrt(squares)
    for (let i = 0; i < dim; i++) out[at * dim + i] = (row[i] ?? 0) / norm
  }
  return out
}

/** Variance 1, and near enough to a normal: the sum of three uniforms. @param {() => number} random */
function bell(random) {
  return (random() + random() + random() - 1.5) * 2
}

/** Marsaglia's xorshift on 32 bits, as numbers from 0 up to 1. @param {number} seed */
function generator(seed) {
  let state = seed | 0 || 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4294967296
  }
}
