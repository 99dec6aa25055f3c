import { IvfError } from 'fast-ivf'
import { formatNames, openVectors, type TypedArray, type VectorBatch, type VectorFile } from 'fast-ivf/formats'
import { openHdf5 } from 'fast-ivf/hdf5'
import { openParquet } from 'fast-ivf/parquet'
import type { Context } from './context.js'
import { UsageError, withFlags } from './errors.js'

/** What the command line says about a file of vectors. */
export interface FileOptions {
  format?: string | undefined
  /** An array of an archive, a dataset of an HDF5 file, a column of a Parquet file. */
  member?: string | undefined
  /** How the command calls the options above. */
  flags: { format: string; member: string }
}

/** Every format that vectors are read from. */
export const inputFormats: readonly string[] = [...formatNames, 'hdf5', 'parquet']

/** Every format that vectors are written to. */
export const outputFormats: readonly string[] = [...formatNames, 'parquet']

/** Of these two, which the library has in parts of their own, the one that is meant. */
export function ownFormat(path: string, format: string | undefined): 'hdf5' | 'parquet' | undefined {
  if (format === 'hdf5' || format === 'parquet') return format
  if (format !== undefined) return undefined
  const [name = ''] = /^[a-z]+:\/\//i.test(path) ? path.split(/[?#]/) : [path]
  return /\.(hdf5|h5|hdf)$/i.test(name) ? 'hdf5' : /\.(parquet|pq)$/i.test(name) ? 'parquet' : undefined
}

/** Opens a file of vectors for the time of `use`. */
export async function withVectors<T>(
  path: string,
  options: FileOptions,
  use: (file: VectorFile) => Promise<T>,
): Promise<T> {
  const { vectors, close } = await withFlags({ ...options.flags, vectors: options.flags.member }, () =>
    open(path, options),
  )
  try {
    return await use(vectors)
  } finally {
    await close()
  }
}

interface Open {
  vectors: VectorFile
  close(): Promise<void>
}

async function open(path: string, { format, member, flags }: FileOptions): Promise<Open> {
  const own = ownFormat(path, format)
  if (own === 'hdf5') return openDataset(path, member, flags.member)
  if (own === 'parquet') {
    const { compressors } = await import('hyparquet-compressors')
    const file = await openParquet(path, { compressors: { ...compressors }, ...(member && { vectors: member }) })
    return { vectors: file.vectors, close: () => file.close() }
  }
  const vectors = await openVectors(path, { ...(format && { format }), ...(member && { member }) })
  return { vectors, close: () => vectors.close() }
}

/** The dataset that is asked for; else train, as ann-benchmarks calls the vectors, or the only one of rows. */
async function openDataset(path: string, member: string | undefined, flag: string): Promise<Open> {
  const file = await openHdf5(path)
  try {
    const tables = file.datasets.filter(({ shape, dtype }) => shape.length === 2 && dtype !== 'other')
    const [only] = tables.length === 1 ? tables : tables.filter(({ name }) => name === 'train')
    const name = member ?? only?.name
    if (name === undefined) {
      const all = file.datasets.map((each) => `'${each.name}'`).join(', ')
      throw new UsageError(`${path} holds ${all || 'no datasets'}; name one of them as ${flag} <dataset>`)
    }
    return { vectors: file.vectors(name), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** The first `limit` rows in one array, read piece by piece so that it can be followed and aborted. */
export async function readRows(
  path: string,
  phase: string,
  { signal, progress }: Context,
  limit: number = Number.POSITIVE_INFINITY,
): Promise<VectorBatch & { dtype: string }> {
  const [whole, member] = splitMember(path)
  return withVectors(whole, { member, flags: ELSEWHERE }, async (file) => {
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

/** A command of many files has no options for each, but a part is told behind a #: `glove.hdf5#test`. */
export const ELSEWHERE: FileOptions['flags'] = { format: 'fast-ivf convert --from', member: '<file>#' }

/** A path, and the part of the file that is told behind a #. */
export function splitMember(path: string): [file: string, member: string | undefined] {
  const [, file, member] = /^(.*\.(?:hdf5|h5|hdf|parquet|pq|npz))#([^#]+)$/i.exec(path) ?? []
  return file === undefined ? [path, undefined] : [file, member]
}

/** The batches of a file as they come, with the rows counted. */
export async function* counted(
  file: VectorFile,
  phase: string,
  { signal, progress }: Context,
): AsyncGenerator<VectorBatch> {
  let done = 0
  for await (const batch of file.batches()) {
    signal.throwIfAborted()
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
