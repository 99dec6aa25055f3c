/** dim × dim */
export function transposed(matrix: Float32Array, dim: number): Float32Array {
  const out = new Float32Array(matrix.length)
  for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) out[j * dim + i] = matrix[i * dim + j] as number
  return out
}
