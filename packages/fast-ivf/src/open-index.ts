import { CompressedFastIVF } from './compressed-fast-ivf.js'
import { IvfError } from './errors.js'
import { FastIVF } from './fast-ivf.js'
import { FastIVFPQ } from './fast-ivf-pq.js'
import { IvfIndex } from './ivf-index.js'
import type { OpenOptions } from './life-options.js'
import type { Id } from './options.js'
import type { SourceInput } from './storage/source.js'

/** An index of any class. */
export type AnyIndex<I extends Id = number> = IvfIndex<I> | FastIVF<I> | FastIVFPQ<I> | CompressedFastIVF<I>

const FACES = { IvfIndex, FastIVF, FastIVFPQ, CompressedFastIVF }

/**
 * Opens the file of an index, whatever class has written it.
 *
 * @param source a path, a URL, a Blob, bytes or a ByteSource
 * @throws IvfError as `FastIVF.open`
 */
export async function openIndex<I extends Id = number>(
  source: SourceInput,
  options: OpenOptions = {},
): Promise<AnyIndex<I>> {
  const { openIndexFile } = await import('./saved/file.js')
  const file = await openIndexFile(source)
  const { face } = file.header
  if (Object.hasOwn(FACES, face)) return FACES[face as keyof typeof FACES].open<I>(file, options)
  await file.close()
  throw new IvfError('ERR_FORMAT', `${file.name} holds a ${face}, which is not known; a newer fast-ivf wrote it`)
}
