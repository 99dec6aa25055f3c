/**
 * Our own counting, so that the library does not mark its own work; the same for every peer.
 * recall: |found ∩ true first k| / k, averaged. recall1: share of queries whose true nearest is within the first k.
 *
 * @param {ArrayLike<number>} found nq × k
 * @param {number} k
 * @param {{ data: ArrayLike<number>, dim: number, n: number }} truth nq × width, nearest first
 * @param {number} [nq] queries answered, when not all were asked
 */
export function recalls(found, k, truth, nq = truth.n) {
  let hits = 0
  let firsts = 0
  for (let q = 0; q < nq; q++) {
    const answers = new Set()
    for (let j = 0; j < k; j++) answers.add(found[q * k + j])
    for (let j = 0; j < k; j++) if (answers.has(truth.data[q * truth.dim + j])) hits++
    if (answers.has(truth.data[q * truth.dim])) firsts++
  }
  return { recall: round(hits / (nq * k)), recall1: round(firsts / nq) }
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 1e4) / 1e4
}
