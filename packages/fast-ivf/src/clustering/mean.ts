/** The mean of the rows (each × dim). */
export function meanOf(rows: Float32Array, dim: number): Float32Array {
  const sums = new Float64Array(dim)
  rows.forEach((value, i) => {
    sums[i % dim] = (sums[i % dim] as number) + value
  })
  return Float32Array.from(sums, (sum) => (sum * dim) / rows.length)
}
