import { decodeProduct, decodeScalar, splitRaBitQ } from '../../src/faiss/codes.js'
import type {
  FaissIndex,
  FaissIvf,
  FaissIvfRaBitQ,
  FaissMetric,
  FaissTransform,
  InvertedList,
} from '../../src/faiss/description.js'

/** An answer, or what may be one: smaller distances are nearer by l2, larger ones by ip, as in faiss. */
export interface Found {
  readonly id: bigint
  readonly distance: number
}

/** All that a plain reading of faiss's definitions compares with the query, nearest first. */
export async function evaluate(index: FaissIndex, query: Float32Array, k: number): Promise<Found[]> {
  switch (index.kind) {
    case 'flat':
    case 'pq':
    case 'sq': {
      const rows = await decodeRows(index, 0, index.ntotal)
      return nearest(index.metric, query, rows, (row) => BigInt(row))
    }
    case 'pre-transform': {
      const transformed = index.transforms.reduce(transform, query)
      return evaluate(index.index, transformed, k)
    }
    case 'id-map': {
      const ids = await index.ids.read(0, index.ntotal)
      return (await evaluate(index.index, query, k)).map(({ id, distance }) => ({ id: ids[Number(id)]!, distance }))
    }
    case 'refine': {
      const candidates = (await evaluate(index.base, query, k)).slice(0, Math.floor(k * index.kFactor))
      const all = new Map((await evaluate(index.refine, query, k)).map((found) => [found.id, found]))
      return candidates.map(({ id }) => all.get(id)!).sort(byDistance(index.metric))
    }
    default:
      return evaluateCells(index, query)
  }
}

async function evaluateCells(index: FaissIvf, query: Float32Array): Promise<Found[]> {
  const { dim, metric, nlist, quantizer, lists } = index
  const centroids = await quantizer.vectors.read(0, nlist)
  const cells = nearest(quantizer.metric, query, centroids, BigInt).slice(0, index.nprobe)
  const found: Found[] = []
  for (const { id } of cells) {
    const cell = Number(id)
    const list = await lists.read(cell)
    const centroid = centroids.subarray(cell * dim, (cell + 1) * dim)
    if (index.kind === 'ivf-rabitq') {
      found.push(...estimate(index, list, query, centroid))
      continue
    }
    const rows = decodeList(index, list)
    if (index.byResidual) for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! + centroid[i % dim]!
    found.push(...nearest(metric, query, rows, (row) => list.ids[row]!))
  }
  return found.sort(byDistance(metric))
}

function decodeList(index: Exclude<FaissIvf, FaissIvfRaBitQ>, { codes, ids }: InvertedList): Float32Array {
  if (index.kind === 'ivf-pq') return decodeProduct(index.pq, codes, ids.length)
  return index.kind === 'ivf-sq' ? decodeScalar(index.sq, codes, ids.length) : new Float32Array(codes.slice().buffer)
}

/** With a query that is not rounded (qb = 0). */
function estimate(
  { dim, metric }: FaissIvfRaBitQ,
  { codes, ids }: InvertedList,
  query: Float32Array,
  centroid: Float32Array,
): Found[] {
  const { signs, add, multiplier } = splitRaBitQ(dim, codes, ids.length)
  const rest = query.map((value, i) => value - centroid[i]!)
  return Array.from(ids, (id, row) => {
    let dot = 0
    for (let i = 0; i < dim; i++) dot += rest[i]! * signs[row * dim + i]!
    const distance = add[row]! + product(rest, rest) - (2 * multiplier[row]! * dot) / Math.sqrt(dim)
    return { id, distance: metric === 'l2' ? Math.max(0, distance) : (product(query, query) - distance) / 2 }
  })
}

async function decodeRows(
  index: Extract<FaissIndex, { kind: 'flat' | 'pq' | 'sq' }>,
  from: number,
  to: number,
): Promise<Float32Array> {
  if (index.kind === 'flat') return index.vectors.read(from, to)
  const codes = await index.codes.read(from, to)
  return index.kind === 'pq' ? decodeProduct(index.pq, codes, to - from) : decodeScalar(index.sq, codes, to - from)
}

function transform(x: Float32Array, step: FaissTransform): Float32Array {
  if (step.kind === 'center') return x.map((value, i) => value - step.mean[i]!)
  if (step.kind === 'normalize') return x.map((value) => value / Math.sqrt(product(x, x)))
  const { matrix, dimIn, bias } = step
  return Float32Array.from({ length: step.dimOut }, (_, i) => {
    return product(matrix.subarray(i * dimIn, (i + 1) * dimIn), x) + (bias?.[i] ?? 0)
  })
}

function nearest(metric: FaissMetric, query: Float32Array, rows: Float32Array, idOf: (row: number) => bigint): Found[] {
  const dim = query.length
  return Array.from({ length: rows.length / dim }, (_, row) => {
    const x = rows.subarray(row * dim, (row + 1) * dim)
    const rest = query.map((value, i) => value - x[i]!)
    return { id: idOf(row), distance: metric === 'l2' ? product(rest, rest) : product(query, x) }
  }).sort(byDistance(metric))
}

function product(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function byDistance(metric: FaissMetric): (a: Found, b: Found) => number {
  return metric === 'l2' ? (a, b) => a.distance - b.distance : (a, b) => b.distance - a.distance
}
