/** Plain 64-bit algebra that the library's is compared with. */

/** xᵀ·y; x and y: count × dim. */
export function crossOf(x: ArrayLike<number>, y: ArrayLike<number>, dim: number): Float64Array {
  const sums = new Float64Array(dim * dim)
  for (let from = 0; from < x.length; from += dim) {
    for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) sums[i * dim + j]! += x[from + i]! * y[from + j]!
  }
  return sums
}

/**
 * All eigenvalues of a symmetric matrix, largest first: plane rotations make one entry after the other zero (C. Jacobi,
 * 1846), which has nothing in common with what it judges.
 */
export function eigenvaluesOf(matrix: ArrayLike<number>, dim: number): number[] {
  const a = Float64Array.from(matrix)
  const size = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let round = 0; round < 60; round++) {
    let off = 0
    for (let i = 0; i < dim; i++) {
      for (let j = i + 1; j < dim; j++) {
        const b = a[i * dim + j]!
        off = Math.max(off, Math.abs(b))
        if (b === 0) continue
        const angle = Math.atan2(2 * b, a[i * dim + i]! - a[j * dim + j]!) / 2
        const [c, s] = [Math.cos(angle), Math.sin(angle)]
        for (let k = 0; k < dim; k++) {
          const [x, y] = [a[i * dim + k]!, a[j * dim + k]!]
          a[i * dim + k] = c * x + s * y
          a[j * dim + k] = c * y - s * x
        }
        for (let k = 0; k < dim; k++) {
          const [x, y] = [a[k * dim + i]!, a[k * dim + j]!]
          a[k * dim + i] = c * x + s * y
          a[k * dim + j] = c * y - s * x
        }
      }
    }
    if (off <= size * 1e-15) break
  }
  return Array.from({ length: dim }, (_, i) => a[i * dim + i]!).sort((a, b) => b - a)
}

/** A symmetric matrix of these eigenvalues: their diagonal, turned by a few reflections of a seed. */
export function withEigenvalues(values: ArrayLike<number>, numbers: () => number): Float64Array {
  const dim = values.length
  const a = new Float64Array(dim * dim)
  for (let i = 0; i < dim; i++) a[i * dim + i] = values[i]!
  for (let round = 0; round < 5; round++) {
    const u = Float64Array.from({ length: dim }, numbers)
    const scale = 2 / u.reduce((sum, value) => sum + value * value, 0)
    const p = Float64Array.from({ length: dim }, (_, i) => scale * dot(a.subarray(i * dim, (i + 1) * dim), u))
    const half = (scale * dot(p, u)) / 2
    p.forEach((value, i) => {
      p[i] = value - half * u[i]!
    })
    for (let i = 0; i < dim; i++) for (let j = 0; j < dim; j++) a[i * dim + j]! -= u[i]! * p[j]! + p[i]! * u[j]!
  }
  for (let i = 0; i < dim; i++) for (let j = 0; j < i; j++) a[i * dim + j] = a[j * dim + i]!
  return a
}

/** The largest entry of |rows · rowsᵀ − 1|; rows: count × dim. */
export function unlikeOrthonormal(rows: Float32Array, dim: number): number {
  let worst = 0
  for (let i = 0; i < rows.length; i += dim) {
    for (let j = 0; j <= i; j += dim) {
      const product = dot(rows.subarray(i, i + dim), rows.subarray(j, j + dim))
      worst = Math.max(worst, Math.abs(product - (i === j ? 1 : 0)))
    }
  }
  return worst
}

/** matrix · vector. */
export function times(matrix: Float64Array, vector: ArrayLike<number>): Float64Array {
  const dim = vector.length
  return Float64Array.from({ length: dim }, (_, i) => dot(matrix.subarray(i * dim, (i + 1) * dim), vector))
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}
