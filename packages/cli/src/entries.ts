/** Vectors of a file with their ids: of its rows, of a file of text, or of a column. */

import { type Id, IvfError } from 'fast-ivf'
import type { VectorBatch, VectorFile } from 'fast-ivf/formats'
import { openParquet, type ParquetFile } from 'fast-ivf/parquet'
import type { Context } from './context.js'
import { convertIds, type IdKind, readIdFile } from './ids.js'
import { counted, type FileOptions, ownFormat, withVectors } from './vectors.js'

/** What the command line says about vectors that go into an index. */
export interface EntryOptions extends Omit<FileOptions, 'flags'> {
  /** A file of text, or a column of a Parquet file. */
  ids?: string
  /** What ids are to be; undefined: as they come. */
  kind?: IdKind | undefined
}

/** Takes vectors, and their ids unless those are the numbers of the rows. */
export type Put = (vectors: AsyncIterable<VectorBatch> | VectorBatch, ids: readonly Id[] | undefined) => Promise<void>

/** An open file of vectors with ids. */
export interface Entries {
  file: VectorFile
  /** Puts all of them: at once, to be read a batch at a time, or in parts where their ids are read with them. */
  into(put: Put): Promise<void>
}

/** Bytes of vectors that are put at a time where ids are read with them. */
const PART_BYTES = 32 << 20

/** Opens vectors with their ids for the time of `use`. */
export async function withEntries<T>(
  path: string,
  { ids, kind, ...options }: EntryOptions,
  context: Context,
  use: (entries: Entries) => Promise<T>,
): Promise<T> {
  let columns: string[] | undefined
  if (ids !== undefined && ownFormat(path, options.format) === 'parquet') {
    const named = await withParquet(path, options.member, ids, (file) => use(ofColumn(file, path, ids, kind, context)))
    if ('result' in named) return named.result
    columns = named.columns
  }
  const list =
    ids === undefined
      ? undefined
      : await readIdFile(ids, kind, columns && `as a column of ${path}, which has ${columns.join(', ')}, or as a file`)
  return withVectors(path, { ...options, flags: { format: '--format', member: '--member' } }, async (file) => {
    if (list && list.length !== file.count) {
      throw new IvfError(
        'ERR_ARGUMENT',
        `${ids} holds ${list.length} ids, ${path} ${file.count} vectors; give one for each`,
      )
    }
    return use(ofList(file, list, context))
  })
}

function ofList(file: VectorFile, list: readonly Id[] | undefined, context: Context): Entries {
  return { file, into: (put) => put(counted(file, 'add', context), list) }
}

function ofColumn(
  file: ParquetFile,
  path: string,
  column: string,
  kind: IdKind | undefined,
  { signal, progress }: Context,
): Entries {
  return {
    file: file.vectors,
    async into(put) {
      const rows = Math.max(1, Math.floor(PART_BYTES / (4 * Math.max(1, file.dim))))
      let done = 0
      for await (const { vectors, ids, dim, count } of file.batches({ rows, signal })) {
        const first = done
        const own = convertIds(ids as readonly Id[], kind, (i) => `row ${first + i} of '${column}' of ${path}`)
        await put({ data: vectors, dims: [count, dim] }, own).catch((cause: unknown) => {
          throw inPart(cause, `${path}, from row ${first} on`)
        })
        done += count
        progress.update({ phase: 'add', done, total: file.count })
      }
    },
  }
}

/** Rows are counted from the part's first in the message: says which that is. */
function inPart(cause: unknown, part: string): unknown {
  return cause instanceof IvfError ? new IvfError(cause.code, `${part}: ${cause.message}`, { cause }) : cause
}

/** Does `use` if the file has this column; else tells which it has. */
async function withParquet<T>(
  path: string,
  member: string | undefined,
  id: string,
  use: (file: ParquetFile) => Promise<T>,
): Promise<{ result: T } | { columns: string[] }> {
  const { compressors } = await import('hyparquet-compressors')
  const options = { compressors: { ...compressors }, ...(member && { vectors: member }) }
  const plain = await openParquet(path, options)
  const columns = plain.columns.map(({ name }) => name)
  await plain.close()
  if (!columns.includes(id)) return { columns }
  const file = await openParquet(path, { ...options, id })
  try {
    return { result: await use(file) }
  } finally {
    await file.close()
  }
}
