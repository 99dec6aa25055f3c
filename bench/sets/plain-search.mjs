/**
 * The true nearest by plain loops in double precision, in nobody's debt: neither the library's nor a peer's. Ties go to
 * the smaller row.
 *
 * @param {Float32Array} base n × dim unit vectors
 * @param {Float32Array} queries nq × dim
 * @param {number} dim
 * @param {number} k
 * @returns {Int32Array} nq × k rows, nearest first
 */
export function plainSearch(base, queries, dim, k) {
  const n = base.length / dim
  const nq = queries.length / dim
  const ids = new Int32Array(nq * k)
  const scores = new Float64Array(n)
  const order = new Int32Array(n)
  for (let q = 0; q < nq; q++) {
    for (let row = 0; row < n; row++) scores[row] = dot(base, row * dim, queries, q * dim, dim)
    const least = kthLargest(scores, k)
    let kept = 0
    for (let row = 0; row < n; row++) if ((scores[row] ?? 0) >= least) order[kept++] = row
    const best = order.slice(0, kept).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b)
    ids.set(best.subarray(0, k), q * k)
  }
  return ids
}

/** @param {Float32Array} a @param {number} at @param {Float32Array} b @param {number} bt @param {number} dim */
function dot(a, at, b, bt, dim) {
  let s0 = 0
  let s1 = 0
  let i = 0
  for (; i + 1 < dim; i += 2) {
    s0 += /** @type {number} */ (a[at + i]) * /** @type {number} */ (b[bt + i])
    s1 += /** @type {number} */ (a[at + i + 1]) * /** @type {number} */ (b[bt + i + 1])
  }
  if (i < dim) s0 += /** @type {number} */ (a[at + i]) * /** @type {number} */ (b[bt + i])
  return s0 + s1
}

/** @param {Float64Array} scores @param {number} k */
function kthLargest(scores, k) {
  return /** @type {number} */ (scores.slice().sort()[Math.max(0, scores.length - k)])
}
