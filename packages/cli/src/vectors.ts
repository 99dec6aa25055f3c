import { IvfError } from 'fast-ivf'
import { openVectors, type TypedArray, type VectorBatch, type VectorFile } from 'fast-ivf/formats'
import type { Context } from './context.js'
import { withFlags } from './errors.js'

/** What the command line says about a file of vectors. */
export interface FileOptions {
  format?: string | undefined
  member?: string | undefined
  /** How the command calls the options above. */
  flags: { format: string; member: string }
}

/** Opens a file of vectors for the time of `use`. */
export async function withVectors<T>(
  path: string,
  options: FileOptions,
  use: (file: VectorFile) => Promise<T>,
): Promise<T> {
  const { format, member, flags } = options
  const file = await withFlags(flags, () => openVectors(path, { ...(format && { format }), ...(member && { member }) }))
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

/** The first `limit` rows in one array, read piece by piece so that it can be followed and aborted. */
export async function readRows(
  path: string,
  phase: string,
  { signal, progress }: Context,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<VectorBatch & { dtype: string }> {
  return withVectors(path, { flags: ELSEWHERE }, async (file) => {
    const { dim, dtype } = file
    const rows = Math.min(limit, file.count)
    if (rows === 0) throw new IvfError('ERR_EMPTY', `${path} holds no vectors`)
    let data: TypedArray | undefined
    let done = 0
    for await (const batch of file.batches({ to: rows })) {
      signal.throwIfAborted()
      data ??= arrayLike(batch.data, rows * dim, path)
      data.set(batch.data, done * dim)
      done += batch.dims[0]
      progress.update({ phase, done, total: rows })
    }
    return { data: data as TypedArray, dims: [rows, dim], dtype }
  })
}

/** A command of many files has no options for each. */
const ELSEWHERE = { format: 'fast-ivf convert --from', member: 'fast-ivf convert --member' }

/** The batches of a file as they come, with the rows counted. */
export async function* counted(file: VectorFile, phase: string, { progress }: Context): AsyncGenerator<VectorBatch> {
  let done = 0
  for await (const batch of file.batches()) {
    yield batch
    done += batch.dims[0]
    progress.update({ phase, done, total: file.count })
  }
}

function arrayLike(sample: TypedArray, length: number, path: string): TypedArray {
  try {
    return new (sample.constructor as new (length: number) => TypedArray)(length)
  } catch (cause) {
    throw new IvfError('ERR_MEMORY', `${path} needs an array of ${length} numbers; give --limit to read fewer rows`, {
      cause,
    })
  }
}
