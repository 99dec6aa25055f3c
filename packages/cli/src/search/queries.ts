/** Where do queries come from? A file, the command line, or what is piped in. */

import { IvfError } from 'fast-ivf'
import type { VectorBatch } from 'fast-ivf/formats'
import type { Context } from '../context.js'
import { UsageError } from '../errors.js'
import { ELSEWHERE, splitMember, withVectors } from '../vectors.js'

/** Queries that are answered at a time. */
const ROWS = 1024

/** Calls `use` with one batch of queries after another. */
export async function eachBatch(
  queries: string | undefined,
  { signal, progress, stdin }: Context,
  use: (batch: VectorBatch) => Promise<void>,
): Promise<void> {
  if (queries !== undefined && queries !== '-' && !/^\s*\[/.test(queries)) {
    const [path, member] = splitMember(queries)
    return withVectors(path, { member, flags: ELSEWHERE }, async (file) => {
      if (file.count === 0) throw new IvfError('ERR_EMPTY', `${queries} holds no vectors; queries are needed`)
      let done = 0
      for await (const batch of file.batches({ rows: ROWS })) {
        signal.throwIfAborted()
        await use(batch)
        done += batch.dims[0]
        progress.update({ phase: 'search', done, total: file.count })
      }
    })
  }
  const given = queries === undefined || queries === '-' ? await readAll(stdin) : queries
  return use(parseQueries(given))
}

/** A vector as JSON, an array of them, or one on each line. @throws UsageError */
export function parseQueries(text: string): VectorBatch {
  const values = parseJson(text)
  const rows = Array.isArray(values) && values.length > 0 && values.every(Array.isArray) ? values : [values]
  const dim = Array.isArray(rows[0]) ? rows[0].length : 0
  for (const [i, row] of rows.entries()) {
    if (dim > 0 && isVector(row) && row.length === dim) continue
    const what = rows.length > 1 ? `query ${i}` : 'the query'
    throw new UsageError(
      `${what} is no array of ${dim > 0 ? `${dim} ` : ''}numbers; give a vector as JSON, like [0.1,0.2]`,
    )
  }
  return { data: Float32Array.from((rows as number[][]).flat()), dims: [rows.length, dim] }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not one document; perhaps one on each line.
  }
  try {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    return lines.map((line): unknown => JSON.parse(line))
  } catch (cause) {
    throw new UsageError(`the query is no JSON (${(cause as Error).message}); give a vector, like [0.1,0.2]`, { cause })
  }
}

function isVector(row: unknown): row is number[] {
  return Array.isArray(row) && row.every((value) => typeof value === 'number')
}

async function readAll(stdin: Context['stdin']): Promise<string> {
  if (!stdin) throw new UsageError('there are no queries; name a file, or give a vector as JSON')
  const decoder = new TextDecoder()
  let text = ''
  for await (const chunk of stdin) text += typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}
