import { exactSearch, FastIVF, recall } from 'fast-ivf'

/** Does the library find here what plain code finds? */
export interface SelfCheck {
  ok: boolean
  detail: string
  seconds: number
}

const [ROWS, DIM, QUERIES, K] = [2000, 24, 500, 10] // enough work that threads take part
const COMPARED = 20 // queries that plain arithmetic answers too
const ENOUGH = 0.999 // recall; two answers as near as makes no difference may change places

/** Searches a small index and compares with exact search, and that with plain arithmetic. */
export async function selfCheck(signal: AbortSignal): Promise<SelfCheck> {
  const start = performance.now()
  const vectors = randoms(ROWS * DIM, 1)
  const queries = randoms(QUERIES * DIM, 2)
  const index = new FastIVF(DIM, { nlist: 8, metric: 'l2' })
  let problem: string | undefined
  try {
    await index.train(vectors, { signal })
    const found = await index.search(queries, { k: K, nprobe: 8, ratioThreshold: 0, signal })
    const exact = await exactSearch(vectors, queries, { k: K, metric: 'l2', dim: DIM, signal })
    const share = recall(found, exact, K)
    const error = largestError(exact.scores, vectors, queries)
    if (!(error < 1e-4)) problem = `exact search is off by ${error} in a distance`
    else if (share < ENOUGH) problem = `the index found ${share} of the true answers`
  } catch (error) {
    signal.throwIfAborted()
    problem = String(error)
  } finally {
    await index.close()
  }
  const what = `${QUERIES} queries of ${ROWS} × ${DIM} in 8 cells, against exact search and plain arithmetic`
  return { ok: problem === undefined, detail: problem ?? what, seconds: (performance.now() - start) / 1000 }
}

/** scores: QUERIES × K squared distances, nearest first; the first COMPARED are looked at. */
function largestError(scores: Float32Array, vectors: Float32Array, queries: Float32Array): number {
  let largest = 0
  for (let q = 0; q < COMPARED; q++) {
    const distances = Float64Array.from({ length: ROWS }, (_, row) => {
      let sum = 0
      for (let i = 0; i < DIM; i++) sum += ((vectors[row * DIM + i] ?? 0) - (queries[q * DIM + i] ?? 0)) ** 2
      return sum
    }).sort()
    for (let i = 0; i < K; i++) largest = Math.max(largest, Math.abs((scores[q * K + i] ?? 0) - (distances[i] ?? 0)))
  }
  return largest
}

/** Numbers from -1 to 1, the same for the same seed. */
function randoms(length: number, seed: number): Float32Array {
  let state = seed
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  })
}
