import { closedOnFailure } from './engine/closing.js'
import { IvfError, show } from './errors.js'
import { elements, type TypedArray } from './formats/dtypes.js'
import { formatError, type VectorFile, vectorFile } from './formats/vector-file.js'
import {
  datasetsOf,
  type H5,
  type Hdf5Dataset,
  listed,
  type Opened,
  readRows,
  rowsOf,
  textAttributes,
} from './hdf5-datasets.js'
import type { Metric } from './options.js'
import { type ByteSource, isByteSource, nameOf, openSource, pathOf, type SourceInput } from './storage/source.js'

export type { Dtype, TypedArray } from './formats/dtypes.js'
export type { BatchOptions, VectorBatch, VectorFile } from './formats/vector-file.js'
export type { Hdf5Dataset } from './hdf5-datasets.js'
export type { Metric } from './options.js'
export type { ByteSource, SourceInput } from './storage/source.js'

/** Options of `openHdf5`. */
export interface OpenHdf5Options {
  /** what to call the bytes in messages, where the input does not tell */
  name?: string
}

/** An open HDF5 file. */
export interface Hdf5File {
  readonly datasets: readonly Hdf5Dataset[]
  /** Attributes of the file that are text. */
  readonly attributes: Readonly<Record<string, string>>
  /**
   * The rows of a dataset of one or two dimensions; read as batches ask for them. Closing it leaves the file open.
   * @throws IvfError ERR_NOT_FOUND, ERR_FORMAT
   */
  vectors(name: string): VectorFile
  close(): Promise<void>
}

/** A file of ann-benchmarks.com: vectors, queries, and which vectors are nearest to them. */
export interface AnnBenchmarks {
  readonly train: VectorFile
  readonly test: VectorFile
  /** rows of `train`, nearest first, per row of `test` */
  readonly neighbors: VectorFile
  readonly distances: VectorFile
  readonly metric: Metric
  close(): Promise<void>
}

/**
 * Opens an HDF5 file with the package h5wasm. Rows are read slice by slice from a path in Node, Deno and Bun and from a
 * Blob in a browser's worker; any other input is held in memory whole, as the file is: compressed, if it is.
 * @throws IvfError ERR_UNSUPPORTED where h5wasm is not installed; ERR_FORMAT, ERR_NOT_FOUND, ERR_ARGUMENT
 */
export async function openHdf5(input: SourceInput, options: OpenHdf5Options = {}): Promise<Hdf5File> {
  const name = options.name ?? nameOf(input) ?? 'the file'
  const opened = await openFile(input, name)
  try {
    const datasets = opened.call(() => datasetsOf(opened.file))
    const attributes = opened.call(() => textAttributes(opened.file))
    return hdf5File(opened, name, datasets, attributes)
  } catch (error) {
    opened.release()
    throw error
  }
}

/**
 * Opens a file in the layout of ann-benchmarks: train, test, neighbors, distances, and the attribute `distance`.
 * @throws IvfError as openHdf5; ERR_FORMAT where one of those is missing, ERR_UNSUPPORTED for other distances
 */
export async function annBenchmarks(input: SourceInput, options: OpenHdf5Options = {}): Promise<AnnBenchmarks> {
  const name = options.name ?? nameOf(input) ?? 'the file'
  const file = await openHdf5(input, options)
  return closedOnFailure(file, async () => {
    for (const part of ['train', 'test', 'neighbors', 'distances']) {
      if (file.datasets.some((dataset) => dataset.name === part)) continue
      throw formatError(name, `holds no dataset '${part}' (${listed(file.datasets)}); ann-benchmarks files do`)
    }
    return {
      train: file.vectors('train'),
      test: file.vectors('test'),
      neighbors: file.vectors('neighbors'),
      distances: file.vectors('distances'),
      metric: metricOf(file.attributes.distance, name),
      close: () => file.close(),
    }
  })
}

const METRICS: Readonly<Record<string, Metric>> = { angular: 'cosine', euclidean: 'l2', dot: 'ip', ip: 'ip' }

function metricOf(distance: string | undefined, name: string): Metric {
  if (distance !== undefined && Object.hasOwn(METRICS, distance)) return METRICS[distance] as Metric
  if (distance === undefined) throw formatError(name, "has no attribute 'distance'; ann-benchmarks files do")
  throw new IvfError(
    'ERR_UNSUPPORTED',
    `${name} is of the distance ${show(distance)}; angular, euclidean and dot are supported: read its parts by openHdf5`,
  )
}

function hdf5File(
  opened: Opened,
  name: string,
  datasets: readonly Hdf5Dataset[],
  attributes: Readonly<Record<string, string>>,
): Hdf5File {
  let closed = false
  return {
    datasets,
    attributes,
    vectors(path) {
      const rows = rowsOf(datasets, path, name)
      const read = async (from: number, to: number): Promise<TypedArray> => {
        if (closed) throw new IvfError('ERR_CLOSED', `${name} was closed; open it again to read it`)
        return readRows(opened, rows, from, to, name)
      }
      const rowBytes = rows.dim * elements[rows.dtype].size
      return vectorFile({ ...rows, format: 'hdf5', rowBytes, read }, `${name} ('${path}')`, async () => {})
    },
    async close() {
      if (!closed) opened.release()
      closed = true
    },
  }
}

async function openFile(input: SourceInput, name: string): Promise<Opened> {
  const path = typeof input === 'string' || input instanceof URL ? pathOf(input) : undefined
  // opened here first, so that what is missing or no HDF5 is told as for any other format
  const source = await openSource(input)
  try {
    await checkStart(source, name)
    // awaited below, so that a failure is met before the source is closed
    if (path !== undefined) return await open(await load(() => import('#h5wasm-for-paths')), path, name, () => {})
    const hdf5 = await load(() => import('h5wasm'))
    const { FS } = await hdf5.ready
    const folder = `/fast-ivf-${Math.random().toString(36).slice(2)}`
    FS.mkdir(folder)
    if (input instanceof Blob && 'FileReaderSync' in globalThis) {
      FS.mount(FS.filesystems.WORKERFS, { blobs: [{ name: 'file', data: input }] }, folder)
      return await open(hdf5, `${folder}/file`, name, () => {
        FS.unmount(folder)
        FS.rmdir(folder)
      })
    }
    FS.writeFile(`${folder}/file`, await source.read(0, source.size))
    return await open(hdf5, `${folder}/file`, name, () => {
      FS.unlink(`${folder}/file`)
      FS.rmdir(folder)
    })
  } finally {
    if (!isByteSource(input)) await source.close()
  }
}

/** Where h5wasm is not there, says so and how to get it. */
async function load(get: () => Promise<unknown>): Promise<H5> {
  try {
    const hdf5 = (await get()) as H5
    await hdf5.ready
    return hdf5
  } catch (cause) {
    throw new IvfError('ERR_UNSUPPORTED', 'HDF5 files are read by the package h5wasm: npm install h5wasm', { cause })
  }
}

async function open(hdf5: H5, path: string, name: string, remove: () => void): Promise<Opened> {
  const library = (await hdf5.ready) as unknown as Record<`${'de' | ''}activate_throwing_error_handler`, () => void>
  const call = <T>(work: () => T): T => {
    library.activate_throwing_error_handler()
    try {
      return work()
    } catch (cause) {
      if (cause instanceof IvfError) throw cause
      const what = /\): ([^\n]+)\n(?![\s\S]*\): )/.exec(String((cause as Error)?.message))?.[1] ?? String(cause)
      throw formatError(name, `cannot be read as HDF5: ${what}; was it damaged?`, cause)
    } finally {
      library.deactivate_throwing_error_handler()
    }
  }
  try {
    const file = call(() => new hdf5.File(path, 'r'))
    return {
      file,
      call,
      release() {
        try {
          call(() => file.close())
        } finally {
          remove()
        }
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}

/** The mark stands at byte 0, 512, 1024, 2048 …; what is before it is the user's. */
async function checkStart(source: ByteSource, name: string): Promise<void> {
  for (let at = 0; at + SIGNATURE.length <= source.size; at = at === 0 ? 512 : at * 2) {
    const head = await source.read(at, at + SIGNATURE.length)
    if (SIGNATURE.every((byte, i) => head[i] === byte)) return
  }
  throw formatError(name, 'is no HDF5 file: it lacks the mark that such files begin with')
}

const SIGNATURE: readonly number[] = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a]
