/** Files that faiss has written become indexes, and indexes become such files. */

import { checkInteger, checkNumber, checkOneOf } from './errors.js'
import { describe } from './faiss/describe.js'
import { loadFaiss } from './faiss/load.js'
import { planImport } from './faiss/plan.js'
import { readFaiss } from './faiss/read.js'
import { writeFaiss } from './faiss/write.js'
import type { InvertedFile } from './inverted-file.js'
import { IvfIndex } from './ivf-index.js'
import { storedOptions } from './ivf-options.js'
import type { LifeOptions } from './life-options.js'
import type { Id, LongCallOptions } from './options.js'
import type { WriteTarget } from './storage/sink.js'
import { nameOf, type SourceInput } from './storage/source.js'

export type { WriteTarget } from './storage/sink.js'
export type { ByteSource, SourceInput } from './storage/source.js'

/** Options of `importFaiss`. */
export interface ImportOptions<B extends boolean = boolean> extends LifeOptions, LongCallOptions {
  /** Ids are bigints, as faiss has them; left out they are numbers, and larger ones than 2^53 are refused. */
  bigint?: B
}

/**
 * Reads a file that faiss has written: an index that answers as faiss does, with the nprobe of the file as its default,
 * and that can be added to, saved and searched as any other. Flat, IVF (Flat, PQ, SQ, RaBitQ), PQ and SQ are read, by
 * L2 or inner product, with transforms, ids of their own and refinement.
 *
 * Scores are faiss's distances: squared for l2. RaBitQ answers as with qb = 0, queries that are not rounded.
 *
 * @param source a path, a URL, a Blob, bytes or a ByteSource
 * @throws IvfError ERR_UNSUPPORTED for what has no form here, saying what to do in Python; ERR_FORMAT, ERR_NOT_TRAINED,
 *   ERR_ID, ERR_NOT_FINITE, ERR_NOT_FOUND, ERR_MEMORY; the signal's reason
 */
export async function importFaiss<B extends boolean = false>(
  source: SourceInput,
  options: ImportOptions<B> = {},
): Promise<IvfIndex<B extends true ? bigint : number>> {
  const { signal, onProgress, bigint = false, ...life } = options
  signal?.throwIfAborted()
  const { index, close } = await readFaiss(source)
  try {
    const plan = await planImport(index, nameOf(source) ?? 'the file')
    const { metric, dim, nlist, nprobe, keep, projection, rescoreFactor } = plan
    const { word, exact, bounded } = plan.codes.plan
    const told = {
      ...{ metric, dim, nlist, keep, seed: 1 },
      quantizer: { word, exact, bounded },
      projection: projection && {
        word: projection.word,
        width: projection.width,
        unit: projection.unit,
        beforeCells: true,
      },
      options: storedOptions({ nprobe, rescoreFactor }),
    }
    return await IvfIndex.assemble(told, life, (engine) => loadFaiss(engine, plan, bigint, { signal, onProgress }))
  } finally {
    await close()
  }
}

/** Options of `exportFaiss`. */
export interface ExportOptions<I extends Id = Id> extends LongCallOptions {
  /** What faiss visits by default. Default: the index's own. */
  nprobe?: number
  /**
   * 'flat' writes the vectors themselves, as well as they are stored; 'sq8' 8 bits per component. Default: Flat and PQ
   * as they are; codes that faiss does not have (SQ) as 'sq8'.
   */
  as?: 'flat' | 'sq8'
  /** Writes the vectors that are kept beside codes, too, by which faiss refines. Default: where there are some, and `as` is left out. */
  refine?: boolean
  /** faiss refines the best rescoreFactor · k. Default: the index's own, else 4. */
  rescoreFactor?: number
  /**
   * Is told all ids once the file is written, and the file has the numbers 0, 1, 2, … of their places among them: for
   * ids that are strings, which faiss does not know.
   */
  onIds?: (ids: I[]) => void | Promise<void>
}

/**
 * Writes an index as a file that faiss reads: Flat, IVF with Flat, PQ or SQ8, with transforms before the cells and
 * vectors that refine. Vectors that were removed are left out.
 *
 * Under cosine faiss is told to normalize, and to compare by inner product.
 *
 * @throws IvfError ERR_UNSUPPORTED for a projection that comes after the cells; ERR_ID for ids that are strings, without
 *   `onIds`; ERR_NOT_TRAINED, ERR_ARGUMENT, ERR_NOT_FOUND; the signal's reason
 */
export async function exportFaiss<I extends Id>(
  index: InvertedFile<I>,
  target: WriteTarget,
  options: ExportOptions<I> = {},
): Promise<{ bytes: number }> {
  const { as, refine, onIds, signal, onProgress } = options
  const nprobe = checkInteger('nprobe', options.nprobe ?? index.nprobe, 1, index.nlist)
  if (as !== undefined) checkOneOf('as', as, ['flat', 'sq8'])
  return index.whileHeld(async (contents, { options: own }) => {
    const rescoreFactor = checkNumber('rescoreFactor', options.rescoreFactor ?? own.rescoreFactor ?? 4, 1, 65536)
    const plan = { nprobe, as, refine, rescoreFactor, numbered: onIds !== undefined, signal, onProgress }
    const described = await describe(contents, plan)
    const written = await writeFaiss(target, described.index, { signal })
    const { count, idOf } = described.order
    await onIds?.(Array.from({ length: count }, (_, i) => idOf(i) as I))
    return written
  })
}
