import type { Metric } from './options.js'
import { createEngine } from './runtime.js'
import type { IndexFile } from './saved/file.js'
import type { SourceInput } from './storage/source.js'

/** What the file of an index tells without its vectors being read. */
export interface IndexDescription {
  /** The class that wrote it. */
  class: string
  /** Of an `IvfIndex` and a `FastIVF`. */
  spec?: string
  /** How the vectors are encoded. */
  codes: string
  /** What is done to vectors before. */
  projection?: string
  metric: Metric
  dim: number
  /** Number of vectors. */
  size: number
  /** Removed vectors that still take room. */
  removed: number
  /** 'rows': ids are the numbers of the rows. */
  ids: 'rows' | 'number' | 'string' | 'bigint'
  keep: 'f32' | 'f16' | 'int8' | 'none'
  segments: number
  /**
   * For which numbers of answers a recall may be asked for, by how many queries it was judged, and how many vectors came
   * or went since; left out where the index is not calibrated.
   */
  calibrated?: { k: number[]; queries: number; changed: number }
  /** nlist: vectors of each cell, removed ones that still take room included */
  cellSizes: Uint32Array
  bytes: IndexBytes
}

/** Bytes of the file, and of its parts. */
export interface IndexBytes {
  total: number
  /** Centroids, projection, codebooks, calibration. */
  learned: number
  codes: number
  /** The vectors kept beside the codes, and their checks. */
  originals: number
  /** Also in which order they were added. */
  ids: number
  /** Where cells are, what was removed, and the checks. */
  places: number
  /** The header, what is kept beside the index, and what fills the gaps. */
  other: number
}

/**
 * Tells what the file of an index holds, without reading its vectors.
 *
 * @param source a path, a URL, a Blob, bytes or a ByteSource, which is closed
 * @throws IvfError ERR_NOT_FOUND, ERR_FORMAT
 */
export async function describeIndex(source: SourceInput): Promise<IndexDescription> {
  const { openIndexFile } = await import('./saved/file.js')
  const file = await openIndexFile(source)
  try {
    const { face, spec, projection, metric, dim, nlist, size, ids, keep, segments, quantizer } = file.header
    const cellSizes = await readCellSizes(file, nlist, segments)
    const calibrated = await (await import('./saved/calibration.js')).calibratedFor(file)
    return {
      class: face,
      ...(spec !== '' && { spec }),
      codes: String(quantizer.word),
      ...(projection && { projection: projection.word }),
      ...{ metric, dim, size, removed: cellSizes.reduce((sum, one) => sum + one, 0) - size },
      ...{ ids, keep, segments, ...(calibrated && { calibrated }), cellSizes, bytes: bytesOf(file) },
    }
  } finally {
    await file.close()
  }
}

async function readCellSizes(file: IndexFile, nlist: number, segments: number): Promise<Uint32Array> {
  const [{ placeOf, readSmall }, { names }] = await Promise.all([
    import('./saved/file.js'),
    import('./saved/layout.js'),
  ])
  const sizes = new Uint32Array(nlist)
  const engine = await createEngine({ threads: 0 })
  try {
    for (let s = 0; s < segments; s++) {
      const tensor = names.segment(s, 'starts')
      const starts = new Uint32Array(await readSmall(engine, file, tensor, placeOf(file, tensor, 'U32', [nlist + 1])))
      for (let cell = 0; cell < nlist; cell++) {
        sizes[cell] = (sizes[cell] as number) + (starts[cell + 1] as number) - (starts[cell] as number)
      }
    }
    return sizes
  } finally {
    engine.close()
  }
}

function bytesOf({ tensors, source }: IndexFile): IndexBytes {
  const sum = (pattern: RegExp): number =>
    [...tensors].reduce((all, [name, { from, to }]) => (pattern.test(name) ? all + to - from : all), 0)
  const parts = {
    learned: sum(/^(centroids$|calibration$|projection\.|quantizer\.)/),
    codes: sum(/^segment\.\d+\.codes$/),
    originals: sum(/^segment\.\d+\.originals/),
    ids: sum(/^segment\.\d+\.(ids|order)/),
    places: sum(/^segment\.\d+\.(starts|mask|checks)$/),
  }
  const told = Object.values(parts).reduce((all, bytes) => all + bytes, 0)
  return { total: source.size, ...parts, other: source.size - told }
}
