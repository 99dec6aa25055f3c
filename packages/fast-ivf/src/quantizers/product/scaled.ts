import type { Engine } from '../../engine/engine.js'
import type { RunOptions } from '../../engine/executor.js'
import type { Metric } from '../../options.js'
import { type CodedRows, codeSize, type PlacedCodebooks } from './encode.js'

/**
 * Codes of signs with a length of their own (J. Gao, C. Long, "RaBitQ", SIGMOD 2024, as faiss has it): a vector is
 * c + scale · s, where s is 1 or −1 per component and scale = ‖x − c‖² / Σ|x − c|, so that ⟨x − c, scale · s⟩ is
 * ‖x − c‖². A code row is the packed signs, what is added, and the scale.
 */

type Books = Pick<PlacedCodebooks, 'm' | 'bits' | 'width'>

/** Writes both factors of rows whose codes are there. A distance is add + near − scale · ⟨query, s⟩. */
export async function scaleRows(
  engine: Engine,
  { m, bits, width }: Books,
  { rows, count, cells, centroids, codes }: CodedRows,
  metric: Metric,
  { signal }: RunOptions,
): Promise<void> {
  const dim = m * width
  const size = codeSize(m, bits, 2)
  const pace = engine.pace(signal)
  for (let row = 0; row < count; row++) {
    if (row % STEP === 0) await pace()
    const x = engine.floats(rows + row * dim * 4, dim)
    const code = new Uint8Array(engine.memory.buffer, codes + row * size, size)
    const centroid = centroids ? centroidOf(engine, centroids, cells, row, dim) : undefined
    let [squares, sizes, offset, length] = [0, 0, 0, 0]
    for (let i = 0; i < dim; i++) {
      const c = centroid ? (centroid[i] as number) : 0
      const rest = (x[i] as number) - c
      squares += rest * rest
      sizes += Math.abs(rest)
      offset += ((code[i >> 3] as number) >> (i & 7)) & 1 ? c : -c
      length += c * rest
    }
    const scale = sizes > 0 ? squares / sizes : 0
    const factors = engine.floats(codes + (row + 1) * size - 8, 2)
    // Under cosine a zero row is never an answer, which the kernel has seen.
    const never = metric === 'cosine' && factors[1] === Number.POSITIVE_INFINITY
    const add = scale * offset + (metric === 'l2' ? squares / 2 : -length)
    factors[0] = never ? Number.POSITIVE_INFINITY : add
    factors[1] = scale
  }
}

/** Makes of the signs (count × dim) the vectors that the code rows stand for. */
export async function multiplyRows(
  engine: Engine,
  { m, bits, width }: Books,
  { rows, count, cells, centroids, codes }: CodedRows,
  { signal }: RunOptions,
): Promise<void> {
  const dim = m * width
  const size = codeSize(m, bits, 2)
  const pace = engine.pace(signal)
  for (let row = 0; row < count; row++) {
    if (row % STEP === 0) await pace()
    const out = engine.floats(rows + row * dim * 4, dim)
    const centroid = centroids ? centroidOf(engine, centroids, cells, row, dim) : undefined
    const scale = engine.floats(codes + (row + 1) * size - 4, 1)[0] as number
    for (let i = 0; i < dim; i++) out[i] = scale * (out[i] as number) + (centroid ? (centroid[i] as number) : 0)
  }
}

/** Rows of a fraction of a millisecond. */
const STEP = 128

function centroidOf(engine: Engine, centroids: number, cells: number, row: number, dim: number): Float32Array {
  const cell = engine.ints(cells + row * 4, 1)[0] as number
  return engine.floats(centroids + cell * dim * 4, dim)
}
