import type { Tridiagonal } from './tridiagonal.js'

const EPSILON = 2 ** -53
const SWEEPS = 64 // per eigenvalue; two are usual
const PIECE = 1 << 15 // numbers between two turns

/**
 * Makes a tridiagonal matrix diagonal by plane rotations: sweeps with Wilkinson's shift, which is never formed (J.
 * Francis, 1961; Golub & Van Loan, Matrix Computations, § 8.3). Afterwards `diagonal` holds the eigenvalues, in no
 * order, and the rows of `basis` the eigenvectors.
 */
export async function diagonalize(
  { diagonal: d, beside: e, basis }: Tridiagonal,
  turn: () => Promise<void>,
): Promise<void> {
  const n = d.length
  let size = 0
  for (let i = 0; i < n; i++) size = Math.max(size, Math.abs(d[i] as number) + Math.abs(e[i] as number))
  // As exact as the matrix is: errors are relative to the largest eigenvalue.
  const nothing = size * EPSILON
  const [cosines, sines] = [new Float64Array(n), new Float64Array(n)]
  let end = n - 1
  let sweeps = 0
  while (end > 0) {
    if (Math.abs(e[end - 1] as number) <= nothing || sweeps === SWEEPS) {
      e[--end] = 0
      sweeps = 0
      continue
    }
    let start = end - 1
    while (start > 0 && Math.abs(e[start - 1] as number) > nothing) start--
    sweep(d, e, start, end, cosines, sines)
    sweeps++
    let work = 0
    for (let i = start; i < end; i += 2) {
      if (i + 1 < end) turnThree(basis, n, i, cosines, sines)
      else turnTwo(basis, n, i, cosines[i] as number, sines[i] as number)
      work += 2 * n
      if (work < PIECE) continue
      work = 0
      await turn()
    }
    await turn()
  }
}

/** One step on the rows start … end, which nothing separates: a bulge beside the three diagonals is chased out. */
function sweep(
  d: Float64Array,
  e: Float64Array,
  start: number,
  end: number,
  cosines: Float64Array,
  sines: Float64Array,
): void {
  let x = (d[start] as number) - shift(d[end - 1] as number, e[end - 1] as number, d[end] as number)
  let bulge = e[start] as number
  for (let i = start; i < end; i++) {
    const length = Math.sqrt(x * x + bulge * bulge)
    const [cosine, sine] = length > 0 ? [x / length, bulge / length] : [1, 0]
    if (i > start) e[i - 1] = length
    const [a, b, c] = [d[i] as number, e[i] as number, d[i + 1] as number]
    const moved = sine * (sine * (c - a) + 2 * cosine * b)
    d[i] = a + moved
    d[i + 1] = c - moved
    x = cosine * sine * (c - a) + (cosine * cosine - sine * sine) * b
    e[i] = x
    if (i + 1 < end) {
      bulge = sine * (e[i + 1] as number)
      e[i + 1] = cosine * (e[i + 1] as number)
    }
    cosines[i] = cosine
    sines[i] = sine
  }
}

/** The eigenvalue of [[a, b], [b, c]] that is nearer to c. */
function shift(a: number, b: number, c: number): number {
  const half = (a - c) / 2
  const root = Math.sqrt(half * half + b * b)
  return c - (b * b) / (half < 0 ? half - root : half + root)
}

/** Rows i and i + 1 become cosine · rowᵢ + sine · rowᵢ₊₁ and cosine · rowᵢ₊₁ − sine · rowᵢ. */
function turnTwo(basis: Float64Array, n: number, i: number, cosine: number, sine: number): void {
  for (let j = i * n; j < (i + 1) * n; j++) {
    const x = basis[j] as number
    const y = basis[j + n] as number
    basis[j] = cosine * x + sine * y
    basis[j + n] = cosine * y - sine * x
  }
}

/** Rows i and i + 1, then i + 1 and i + 2: the row between is in registers. */
function turnThree(basis: Float64Array, n: number, i: number, cosines: Float64Array, sines: Float64Array): void {
  const cosine = cosines[i] as number
  const sine = sines[i] as number
  const nextCosine = cosines[i + 1] as number
  const nextSine = sines[i + 1] as number
  for (let j = i * n; j < (i + 1) * n; j++) {
    const x = basis[j] as number
    const y = basis[j + n] as number
    const z = basis[j + 2 * n] as number
    const between = cosine * y - sine * x
    basis[j] = cosine * x + sine * y
    basis[j + n] = nextCosine * between + nextSine * z
    basis[j + 2 * n] = nextCosine * z - nextSine * between
  }
}
