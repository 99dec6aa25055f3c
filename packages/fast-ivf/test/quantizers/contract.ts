/** A segment of any quantizer, and the distances that its scan must find, by their definition. */
import { afterAll, expect } from 'vitest'
import type { Engine } from '../../src/engine/engine.js'
import { toMatrix } from '../../src/engine/vectors.js'
import type { Match, Metric } from '../../src/index.js'
import { createModel } from '../../src/ivf/make-model.js'
import type { Model } from '../../src/ivf/model.js'
import type { Segment } from '../../src/ivf/segment.js'
import { createEngine } from '../../src/runtime.js'
import { parseSpec } from '../../src/spec.js'
import { mixture } from '../mixture.js'

export const DIM = 48
export const NLIST = 5
export const COUNT = 700
const sample = mixture(1500, DIM, 1)
const centroids = mixture(NLIST, DIM, 4)
/** With a zero row, and equal ones. */
export const vectors: Float32Array = mixture(COUNT, DIM, 2)
export const ZERO_ROW = 3
vectors.fill(0, ZERO_ROW * DIM, (ZERO_ROW + 1) * DIM)
for (const row of [5, 6, 7]) vectors.copyWithin(row * DIM, 8 * DIM, 9 * DIM)
export const queries: Float32Array = mixture(9, DIM, 3)

interface Trained {
  engine: Engine
  model: Model
}
const trained = new Map<string, Promise<Trained>>()
afterAll(async () => {
  for (const each of trained.values()) {
    const { engine, model } = await each
    model.held.release()
    expect(engine.bytes).toBe(0)
    engine.close()
  }
})

/** Works with the model of a word (`SQ4`, or `OPQ12,PQ12x4`); nothing may be left of it afterwards. */
export async function withModel(
  word: string,
  metric: Metric,
  work: (engine: Engine, model: Model) => Promise<void>,
): Promise<void> {
  const name = `${word} by ${metric}`
  const one = trained.get(name) ?? train(word, metric)
  trained.set(name, one)
  const { engine, model } = await one
  const { bytes } = engine
  await work(engine, model)
  expect(engine.bytes).toBe(bytes)
}

async function train(word: string, metric: Metric): Promise<Trained> {
  const engine = await createEngine({ threads: 0 })
  const [plain, opq] = word.split(',').reverse()
  const { quantizer } = parseSpec(opq ? `${opq},IVF${NLIST},${plain}` : `IVF${NLIST},${plain}`)
  const plan = { metric, dim: DIM, quantizer, keep: 'none', seed: 3 } as const
  return { engine, model: await createModel(engine, plan, centroids, toMatrix(sample, DIM, 'vectors'), {}) }
}

/** The bytes of the code rows of slots from … to. */
export async function codeRows(
  engine: Engine,
  { quantizer }: Model,
  { codes }: Segment,
  from: number,
  to: number,
): Promise<Buffer> {
  const bytes = (to - from) * quantizer.codeSize
  return engine.frame(async (scratch) => {
    const at = scratch.alloc(bytes)
    await quantizer.read(codes, at, from, to - from, {})
    return Buffer.from(new Uint8Array(engine.memory.buffer, at, bytes))
  })
}

/** What the code of a slot stands for, and the vector that it was made of. */
export interface Stored {
  cell: number
  x: Float32Array
  decoded: Float32Array
  /** The centroid. */
  c: Float32Array
  /** Of the code, as far as there are any. */
  factors: readonly number[]
}

/** All slots, decoded; x normalized as the model normalizes. */
export async function storedOf(engine: Engine, model: Model, segment: Segment): Promise<Map<number, Stored>> {
  const { quantizer, metric, rows } = model
  const codes = await codeRows(engine, model, segment, 0, COUNT)
  const cells = Array.from({ length: COUNT }, (_, slot) => cellOf(segment, slot))
  const decoded = await engine.frame(async (scratch) => {
    const [at, cellsAt] = [scratch.alloc(codes.length), scratch.alloc(COUNT * 4)]
    new Uint8Array(engine.memory.buffer, at, codes.length).set(codes)
    engine.ints(cellsAt, COUNT).set(cells)
    return engine.floats(await quantizer.decode(scratch, at, cellsAt, COUNT, {}), COUNT * DIM).slice()
  })
  const { factors, stride } = segment.codes
  const floats = engine.floats(factors, stride * quantizer.scan.nfactors)
  const ids = engine.ints(segment.rows, COUNT)
  return new Map(
    cells.map((cell, slot) => {
      const id = ids[slot] as number
      const stored = {
        ...{ cell, x: as(metric, vectors.slice(id * DIM, (id + 1) * DIM)) },
        decoded: decoded.subarray(slot * DIM, (slot + 1) * DIM),
        c: rows.subarray(cell * DIM, (cell + 1) * DIM),
        factors: Array.from({ length: quantizer.scan.nfactors }, (_, i) => floats[i * stride + slot] as number),
      }
      return [id, stored]
    }),
  )
}

/** A distance by the definition, and how far rounding the query may move it. */
export interface Expected {
  /** The metric's own value. */
  score: number
  /** At most, beside what 32-bit floats lose. */
  rounding: number
  /** Its standard error, were the roundings random. */
  usual: number
  float: number
}

/** The score that a scan must find for a query and an id. */
export async function expectedScores(
  engine: Engine,
  model: Model,
  segment: Segment,
): Promise<(q: number, id: number) => Expected> {
  const { metric } = model
  const stored = await storedOf(engine, model, segment)
  const units = await unitsOf(engine, model, queries)
  const sense = metric === 'l2' ? 2 : 1
  return (q, id) => {
    const one = stored.get(id) as Stored
    const query = as(metric, queries.slice(q * DIM, (q + 1) * DIM))
    const { score, size } = scoreOf(model, one, query)
    const [most, usual] = roundingOf(model, one, units[q] as number)
    return { score, rounding: sense * most, usual: sense * usual, float: 1e-5 * (1 + size) }
  }
}

/** By how many of the standard errors that codes tell a score is too far from one of these queries. */
export async function standardErrors(
  engine: Engine,
  model: Model,
  segment: Segment,
  asked: Float32Array,
): Promise<(q: number, match: Match) => number> {
  const { metric, quantizer } = model
  const stored = await storedOf(engine, model, segment)
  const units = await unitsOf(engine, model, asked)
  return (q, { id, score }) => {
    const { x, c, factors } = stored.get(id) as Stored
    const query = as(metric, asked.slice(q * DIM, (q + 1) * DIM))
    const [gap, rest] = [minus(x, query), restOf(query, shareOf(model, query, c), c)]
    // A score of l2 is twice the distance that is estimated.
    const farther = metric === 'l2' ? (score - dot(gap, gap)) / 2 : dot(x, query) - score
    return (
      farther / ((factors[2] as number) * Math.sqrt(dot(rest, rest) + quantizer.rounding * (units[q] as number) ** 2))
    )
  }
}

/** The unit to which each query is rounded; 0 where it is not. */
async function unitsOf(engine: Engine, { quantizer, metric }: Model, asked: Float32Array): Promise<number[]> {
  const nq = asked.length / DIM
  const rows = new Float32Array(asked.length)
  for (let at = 0; at < rows.length; at += DIM) rows.set(as(metric, asked.slice(at, at + DIM)), at)
  return engine.frame(async (scratch) => {
    const at = scratch.alloc(rows.byteLength)
    engine.floats(at, rows.length).set(rows)
    const { units } = await quantizer.prepare(scratch, at, nq, {})
    return units
      ? Array.from({ length: nq }, (_, q) => engine.floats(units + q * 8, 1)[0] as number)
      : new Array(nq).fill(0)
  })
}

/**
 * Products compare with the decoded vector itself (cosine by the distance to it, of unit vectors). Scalar codes, which
 * are unbiased, know what x and its centroid have in common; the code tells the rest: what it has in common with q − c,
 * or, where queries are projected, with q less what of it lies along c.
 */
function scoreOf(model: Model, { x, decoded, c }: Stored, q: Float32Array): { score: number; size: number } {
  const { quantizer, metric } = model
  const size = Math.sqrt(dot(decoded, decoded) * dot(q, q)) + dot(decoded, decoded) + dot(q, q) + dot(c, c)
  if (!quantizer.bounded) {
    const gap = minus(decoded, q)
    const score =
      metric === 'l2' ? dot(gap, gap) : metric === 'ip' || quantizer.exact ? dot(decoded, q) : 1 - dot(gap, gap) / 2
    return { score, size }
  }
  const share = shareOf(model, q, c)
  const product = dot(q, c) + share * dot(minus(x, c), c) + dot(minus(decoded, c), restOf(q, share, c))
  return { score: metric === 'l2' ? dot(x, x) + dot(q, q) - 2 * product : product, size: size + dot(x, x) }
}

/** Entries of tables, and components of queries, are rounded to multiples of the query's unit. */
function roundingOf({ quantizer }: Model, { x, c, factors }: Stored, unit: number): [most: number, usual: number] {
  const { kernel, dim } = quantizer.scan
  const [, scale = 1, sigma = 0] = factors
  if (kernel === 'scanNibbles') return [((unit * dim) / 2) * scale, unit * Math.sqrt(dim / 12) * scale]
  if (kernel !== 'scanQuads') return [0, 0]
  // The code's own length: ‖r‖ / cos.
  const r = minus(x, c)
  const length = Math.sqrt(dot(r, r) + sigma ** 2 * (dim - 1))
  return [(unit / 2) * Math.sqrt(dim) * length, (unit / Math.sqrt(12)) * length]
}

export function cellOf({ starts }: Segment, slot: number): number {
  return starts.findIndex((start, cell) => start <= slot && slot < (starts[cell + 1] as number))
}

/** How much of the centroid is in the query. */
function shareOf({ quantizer }: Model, q: Float32Array, c: Float32Array): number {
  return quantizer.byShare ? Math.max(0, dot(q, c) / dot(c, c)) : 1
}

/** q − share · c */
function restOf(q: Float32Array, share: number, c: Float32Array): Float32Array {
  return q.map((value, i) => value - share * (c[i] as number))
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number)
  return sum
}

export function minus(a: Float32Array, b: Float32Array): Float32Array {
  return a.map((value, i) => value - (b[i] as number))
}

/** Divided by its norm for cosine, unless it is 0. */
function as(metric: Metric, row: Float32Array): Float32Array {
  const norm = Math.sqrt(dot(row, row))
  return metric === 'cosine' && norm > 0 ? row.map((value) => value / norm) : row
}
