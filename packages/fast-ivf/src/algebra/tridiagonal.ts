/** A = Qᵀ·T·Q of a symmetric matrix: Q orthogonal, T tridiagonal. */
export interface Tridiagonal {
  /** n: T's diagonal. */
  diagonal: Float64Array
  /** n: what stands beside it; the last is 0. */
  beside: Float64Array
  /** n × n: Q. */
  basis: Float64Array
}

const NOTHING = 1e-200 // beside the squares of entries around 1
const PIECE = 1 << 15 // multiply-adds between two turns

/**
 * Reflections make a symmetric matrix tridiagonal (A. Householder, 1958; Golub & Van Loan, Matrix Computations, § 8.3).
 * Of the matrix (n × n, its largest entry around 1), which is overwritten, only what is on and above the diagonal is
 * read. Each step owes the rest a change of rank two; the next one makes it on the way, so that memory is walked once
 * per step.
 */
export async function tridiagonalize(matrix: Float64Array, n: number, turn: () => Promise<void>): Promise<Tridiagonal> {
  const [diagonal, beside] = [new Float64Array(n), new Float64Array(n)]
  const scales = new Float64Array(n)
  // v and w: what the last step owes, v·wᵀ + w·vᵀ; u: the next reflection; p: the rest times u.
  let [v, w] = [new Float64Array(n), new Float64Array(n)]
  let [u, p] = [new Float64Array(n), new Float64Array(n)]
  for (let k = 0; k < n; k++) {
    const row = matrix.subarray(k * n, (k + 1) * n)
    for (let j = k; j < n; j++) {
      row[j] = (row[j] as number) - (v[k] as number) * (w[j] as number) - (w[k] as number) * (v[j] as number)
    }
    diagonal[k] = row[k] as number
    if (k === n - 1) break
    const { value, scale } = reflection(row, k + 1, u)
    beside[k] = value
    scales[k] = scale
    row.set(u.subarray(k + 1), k + 1)
    p.fill(0, k + 1)
    let work = 0
    for (let i = k + 1; i < n; i++) {
      p[i] = (p[i] as number) + settle(matrix.subarray(i * n, (i + 1) * n), i, v, w, u, p)
      work += 4 * (n - i)
      if (work < PIECE) continue
      work = 0
      await turn()
    }
    let inner = 0
    for (let j = k + 1; j < n; j++) inner += (p[j] as number) * (u[j] as number)
    const half = (scale * (scale * inner)) / 2
    for (let j = k + 1; j < n; j++) p[j] = scale * (p[j] as number) - half * (u[j] as number)
    ;[v, u] = [u, v]
    ;[w, p] = [p, w]
    await turn()
  }
  return { diagonal, beside, basis: await unfold(matrix, scales, n, turn) }
}

/**
 * Fills u from `first` on, so that 1 − scale · u·uᵀ makes all of the row but its component `first` zero; that becomes
 * `value`.
 */
function reflection(row: Float64Array, first: number, u: Float64Array): { value: number; scale: number } {
  const head = row[first] as number
  let squares = 0
  for (let j = first + 1; j < row.length; j++) {
    const x = row[j] as number
    u[j] = x
    squares += x * x
  }
  if (squares < NOTHING) return { value: head, scale: 0 }
  const norm = Math.sqrt(head * head + squares)
  // Away from the head, so that nothing cancels.
  const value = head > 0 ? -norm : norm
  u[first] = head - value
  return { value, scale: 2 / (squares + (head - value) ** 2) }
}

/** Row i from the diagonal on: subtracts what is owed, adds its products with u to those of the rows below (p). */
function settle(
  row: Float64Array,
  i: number,
  v: Float64Array,
  w: Float64Array,
  u: Float64Array,
  p: Float64Array,
): number {
  const [vi, wi, ui] = [v[i] as number, w[i] as number, u[i] as number]
  const own = (row[i] as number) - 2 * vi * wi
  row[i] = own
  let sum = own * ui
  for (let j = i + 1; j < row.length; j++) {
    const x = (row[j] as number) - vi * (w[j] as number) - wi * (v[j] as number)
    row[j] = x
    sum += x * (u[j] as number)
    p[j] = (p[j] as number) + x * ui
  }
  return sum
}

/** The product of all reflections, n × n; those stand in the rows, right of the diagonal. */
async function unfold(
  reflections: Float64Array,
  scales: Float64Array,
  n: number,
  turn: () => Promise<void>,
): Promise<Float64Array> {
  const basis = new Float64Array(n * n)
  for (let i = 0; i < n; i++) basis[i * n + i] = 1
  let work = 0
  // From the last, which moves few components, to the first.
  for (let k = n - 2; k >= 0; k--) {
    const scale = scales[k] as number
    if (scale === 0) continue
    const u = reflections.subarray(k * n, (k + 1) * n)
    for (let i = k + 1; i < n; i++) {
      reflect(basis.subarray(i * n, (i + 1) * n), u, k + 1, scale)
      work += 2 * (n - k)
      if (work < PIECE) continue
      work = 0
      await turn()
    }
  }
  return basis
}

function reflect(row: Float64Array, u: Float64Array, first: number, scale: number): void {
  let sum = 0
  for (let j = first; j < row.length; j++) sum += (row[j] as number) * (u[j] as number)
  sum *= scale
  for (let j = first; j < row.length; j++) row[j] = (row[j] as number) - sum * (u[j] as number)
}
