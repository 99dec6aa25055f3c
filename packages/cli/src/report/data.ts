/** What is searched, and for what: read, held out, or made up; and left in files for those who measure. */

import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Metric } from 'fast-ivf'
import type { Context } from '../context.js'
import { readData } from '../evaluate/data.js'
import { computeTruth } from '../evaluate/truth.js'
import { uniform } from '../sample.js'
import { readRows } from '../vectors.js'
import { madeUp } from './made-up.js'

/** What the command line says about the vectors. */
export interface SetOptions {
  base?: string
  queries?: string
  truth?: string
  limit?: number
  metric: Metric
  k: number
  seed: number
  threads?: number
  revectorize?: true
}

/** What a report tells of its vectors. */
export interface SetFigures {
  name: string
  count: number
  dim: number
  queries: number
  metric: Metric
  k: number
  /** How queries and truth came about, in words. */
  how: string
}

/** Files without any head, which every process reads as they are. */
export interface SetFiles {
  dim: number
  metric: Metric
  k: number
  /** count × dim and queries × dim f32; queries × k f64 ids, NaN where there is none. */
  base: string
  queries: string
  truth: string
}

const MADE_UP = { rows: 50_000, dim: 96, clusters: 1500 }
/** Queries that are taken out of the vectors where none are given: a tenth, at most so many. */
const HELD_OUT = 1000

/** Brings the vectors into files of `folder`. */
export async function writeSet(
  options: SetOptions,
  folder: string,
  context: Context,
): Promise<{ set: SetFigures; files: SetFiles; base: Float32Array }> {
  const { name, base, queries, dim, truth, how } = await vectorsOf(options, context)
  const { metric, k } = options
  const files = { base: join(folder, 'base'), queries: join(folder, 'queries'), truth: join(folder, 'truth') }
  await writeFile(files.base, base)
  await writeFile(files.queries, queries)
  await writeFile(files.truth, truth)
  const set = { name, count: base.length / dim, dim, queries: queries.length / dim, metric, k, how }
  return { set, files: { dim, metric, k, ...files }, base }
}

interface Vectors {
  name: string
  dim: number
  base: Float32Array
  queries: Float32Array
  truth: Float64Array
  how: string
}

async function vectorsOf(options: SetOptions, context: Context): Promise<Vectors> {
  const { base, queries } = options
  if (base !== undefined && queries !== undefined) return readBoth({ ...options, base, queries }, context)
  const { data, dims } = base === undefined ? made(options) : await readRows(base, READING, context, options.limit)
  const [rows, dim] = dims
  const held = holdOut(Float32Array.from(data), { rows, dim, seed: options.seed })
  const asked = held.queries.length / dim
  const truth = await computeTruth(batchOf(held.base, dim), batchOf(held.queries, dim), options, quiet(context))
  const source = base === undefined ? 'made up by chance' : 'taken out of the file by chance'
  const how = `${asked.toLocaleString('en')} queries, ${source}, not among the vectors; true answers by exact search`
  const name = base === undefined ? 'made-up vectors' : basename(base)
  return { name, dim, ...held, truth: knownIds(truth, options.k), how }
}

const READING = 'read the base'

async function readBoth(options: SetOptions & { base: string; queries: string }, context: Context): Promise<Vectors> {
  const data = await readData(options, quiet(context))
  const truth = await data.truth()
  const [asked, dim] = data.queries.dims
  const by = truth.source === 'file' ? `of ${basename(options.truth ?? '')}` : 'by exact search'
  return {
    name: basename(options.base),
    dim,
    base: Float32Array.from(data.base.data),
    queries: Float32Array.from(data.queries.data),
    truth: knownIds(truth, options.k),
    how: `${asked.toLocaleString('en')} queries of ${basename(options.queries)}, true answers ${by}`,
  }
}

/** nq × k of wider truth; −1 stands for no answer in some files. */
function knownIds({ ids, k: width }: { ids: ArrayLike<number | undefined>; k: number }, k: number): Float64Array {
  const kept = Math.min(k, width)
  return Float64Array.from({ length: (ids.length / width) * kept }, (_, i) => {
    const id = ids[Math.floor(i / kept) * width + (i % kept)] ?? Number.NaN
    return id < 0 ? Number.NaN : id
  })
}

function made({ limit, seed }: SetOptions): { data: Float32Array; dims: [rows: number, dim: number] } {
  const rows = Math.min(limit ?? Number.POSITIVE_INFINITY, MADE_UP.rows)
  return { data: madeUp({ ...MADE_UP, rows, seed }), dims: [rows, MADE_UP.dim] }
}

/** Queries are rows drawn by chance; the others stay, in their order. */
function holdOut(
  data: Float32Array,
  { rows, dim, seed }: { rows: number; dim: number; seed: number },
): { base: Float32Array; queries: Float32Array } {
  const random = uniform(seed)
  const asked = Math.max(1, Math.min(HELD_OUT, Math.floor(rows / 10)))
  const drawn = new Set<number>()
  while (drawn.size < Math.min(asked, rows - 1)) drawn.add(Math.floor(random() * rows))
  const base = new Float32Array((rows - drawn.size) * dim)
  const queries = new Float32Array(drawn.size * dim)
  let [kept, taken] = [0, 0]
  for (let row = 0; row < rows; row++) {
    const vector = data.subarray(row * dim, (row + 1) * dim)
    if (drawn.has(row)) queries.set(vector, dim * taken++)
    else base.set(vector, dim * kept++)
  }
  return { base, queries }
}

function batchOf(data: Float32Array, dim: number): { data: Float32Array; dims: [rows: number, dim: number] } {
  return { data, dims: [data.length / dim, dim] }
}

/** The page says where the truth came from. */
function quiet(context: Context): Context {
  return { ...context, note: () => {} }
}
