/**
 * The true nearest among some rows, by comparing with all of those.
 *
 * @param {any} exactSearch the library's, which the section `exact` checks
 * @param {{ base: { data: Float32Array, dim: number }, metric: string }} set
 * @param {Float32Array} queries nq × dim
 * @param {readonly number[]} rows
 * @param {number} k
 */
export async function trueAmong(exactSearch, { base: { data, dim }, metric }, queries, rows, k) {
  const some = new Float32Array(rows.length * dim)
  for (const [i, row] of rows.entries()) some.set(data.subarray(row * dim, (row + 1) * dim), i * dim)
  const vectors = { data: some, dims: [rows.length, dim] }
  const n = queries.length / dim
  const { ids } = await exactSearch(vectors, { data: queries, dims: [n, dim] }, { k, metric })
  return { data: Int32Array.from(ids, (/** @type {number} */ id) => rows[id] ?? -1), dim: k, n }
}
