import { readBatches } from './clustering/batches.js'
import type { Engine, Scratch } from './engine/engine.js'
import { chunkRows, loadRows } from './engine/load.js'
import { isBatches, type Matrix, toMatrix, type VectorBatches, type Vectors } from './engine/vectors.js'
import { checkInteger, checkOneOf, IvfError } from './errors.js'
import type { ExactSearchOptions } from './exact.js'
import { allPairs, placeSearching } from './ivf/all-pairs.js'
import { finishSearch } from './ivf/finish.js'
import { beginSearch, scan } from './ivf/scan.js'
import type { Metric } from './options.js'
import { createFlat } from './quantizers/flat/flat.js'
import { SearchResult } from './result.js'
import { createEngine } from './runtime.js'

/** What `exact.ts` tells of. */
export async function compareAll(
  vectors: Vectors | VectorBatches,
  queries: Vectors,
  options: ExactSearchOptions = {},
): Promise<SearchResult> {
  const { signal, onProgress } = options
  const metric = checkOneOf('metric', options.metric ?? 'cosine', ['cosine', 'ip', 'l2'])
  const k = checkInteger('k', options.k ?? 10, 1, 0xffffff)
  signal?.throwIfAborted()
  const engine = await createEngine(options)
  try {
    const dim = options.dim ?? 0
    // Whichever is not a flat array tells the dim.
    const first = dim || isBatches(vectors) || ArrayBuffer.isView(vectors) ? undefined : toMatrix(vectors, 0, 'vectors')
    const matrix = toMatrix(queries, dim || (first?.dim ?? 0), 'queries')
    const whole = first ?? (isBatches(vectors) ? undefined : toMatrix(vectors, matrix.dim, 'vectors'))
    const result = new SearchResult(matrix.rows, k, { vectors: 0, cells: 0, rescored: 0 })
    const perQuery = matrix.dim * 4 + k * 8 * engine.lanes(Number.POSITIVE_INFINITY)
    const block = Math.max(64, Math.floor(QUERY_BYTES / perQuery))
    if (!whole && matrix.rows > block) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `${matrix.rows} queries are more than one pass over batches can hold (${block}); give the vectors as one array, or search the queries in parts`,
      )
    }
    const batches = whole ? [whole] : readBatches(vectors as VectorBatches, matrix.dim, signal)
    const source = { batches, rows: whole?.rows ?? Number.POSITIVE_INFINITY }
    let scored = 0
    for (let from = 0; from < matrix.rows; from += block) {
      const part = rowsOf(matrix, from, Math.min(from + block, matrix.rows))
      scored += await engine.frame((scratch) =>
        searchBlock(engine, scratch, source, part, { metric, k, signal }, result, from, (done) =>
          onProgress?.({
            phase: 'search',
            done: scored + done,
            total: whole ? whole.rows * matrix.rows : scored + done,
          }),
        ),
      )
    }
    Object.assign(result.work, { vectors: scored })
    return metric === 'l2' ? refine(result, matrix, whole) : result
  } finally {
    engine.close()
  }
}

const QUERY_BYTES = 256 << 20

interface BlockSettings {
  metric: Metric
  k: number
  signal: AbortSignal | undefined
}

/** The vectors: an array, or batches that are read once; the number of rows where it is known, else infinite. */
interface Source {
  batches: Iterable<Matrix> | AsyncIterable<Matrix>
  rows: number
}

/** Returns the number of pairs scored. */
async function searchBlock(
  engine: Engine,
  scratch: Scratch,
  source: Source,
  queries: Matrix,
  { metric, k, signal }: BlockSettings,
  result: SearchResult,
  first: number,
  onScored: (pairs: number) => void,
): Promise<number> {
  const { rows: nq, dim } = queries
  const normalize = metric === 'cosine'
  const at = scratch.alloc(nq * dim * 4)
  const norms = scratch.alloc(nq * 4)
  await loadRows(engine, queries, 0, nq, at, { normalize, norms, name: 'queries', signal })
  const searching = placeSearching(scratch, metric, { norms, nq })
  const chunk = chunkRows(dim)
  const rows = scratch.alloc(chunk * dim * 4)
  const quantizer = createFlat(engine, dim, metric)
  const codes = quantizer.alloc((bytes) => scratch.alloc(bytes), chunk)
  const search = await beginSearch(scratch, {
    ...{ metric, dim, quantizer, exact: true, nq, queries: at, norms },
    prepared: await quantizer.prepare(scratch, at, nq, { signal }),
    k: Math.max(1, Math.min(k, source.rows)),
    cost: source.rows * nq * dim,
  })
  let seen = 0
  for await (const matrix of source.batches) {
    for (let from = 0; from < matrix.rows; from += chunk) {
      const to = Math.min(from + chunk, matrix.rows)
      await loadRows(engine, matrix, from, to, rows, { normalize, name: 'vectors', signal })
      await quantizer.write(codes, rows, 0, to - from, { signal })
      const store = { codes, originals: undefined, rows: 0, mask: 0, slot: seen }
      await scan(search, allPairs(store, dim, [0, to - from], searching), { signal })
      seen += to - from
      onScored(seen * nq)
    }
  }
  if (seen === 0) throw new IvfError('ERR_EMPTY', 'there are no vectors to search; give at least one')
  await finishSearch(search, [], { mode: 'compared' }, result, first, { signal })
  return seen * nq
}

function rowsOf(matrix: Matrix, first: number, last: number): Matrix {
  return {
    rows: last - first,
    dim: matrix.dim,
    copy: (from, to, target) => matrix.copy(first + from, first + to, target),
  }
}

/**
 * Turns ½‖x‖² − ⟨q, x⟩ into ‖q − x‖²: from the vectors themselves where they are at hand, so that nothing is lost to
 * cancellation and an equal vector is at distance 0.
 */
function refine(result: SearchResult, queries: Matrix, vectors: Matrix | undefined): SearchResult {
  const { k } = result
  const query = new Float32Array(queries.dim)
  const row = new Float32Array(queries.dim)
  for (let q = 0; q < result.nq; q++) {
    queries.copy(q, q + 1, query)
    const norm = query.reduce((sum, x) => sum + x * x, 0)
    const matches = result.of(q).map(({ id, score }) => {
      if (!vectors) return { id, score: Math.max(0, norm + 2 * score) }
      vectors.copy(id, id + 1, row)
      return { id, score: row.reduce((sum, x, i) => sum + (x - (query[i] as number)) ** 2, 0) }
    })
    matches.sort((a, b) => a.score - b.score || a.id - b.id)
    matches.forEach(({ id, score }, i) => {
      result.ids[q * k + i] = id
      result.scores[q * k + i] = score
    })
  }
  return result
}
