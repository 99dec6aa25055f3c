import type { Engine } from '../engine/engine.js'
import { IvfError } from '../errors.js'
import type { Contents } from '../ivf/contents.js'
import type { LongCallOptions } from '../options.js'
import type { SourceInput } from '../storage/source.js'
import { type CalibrationTold, readCalibration } from './calibration.js'
import { type IndexFile, openIndexFile } from './file.js'
import { damaged, refused } from './layout.js'
import { loadContents } from './open.js'
import { openStored } from './stored.js'

/** The file, which may be open already. @throws IvfError ERR_NOT_FOUND, ERR_FORMAT */
export async function asIndexFile(source: SourceInput | IndexFile): Promise<IndexFile> {
  return typeof source === 'object' && source !== null && 'header' in source ? source : openIndexFile(source)
}

/** What `make` makes of the header, if it is that of class `face`. @throws IvfError ERR_FORMAT */
export function makeFace<T>({ header, name }: IndexFile, face: string, make: (header: IndexFile['header']) => T): T {
  if (header.face !== face) {
    throw refused(name, `holds a ${header.face}; open it with ${header.face}.open, or with openIndex`)
  }
  try {
    return make(header)
  } catch (cause) {
    if (!(cause instanceof IvfError)) throw cause
    throw damaged(name, `does not hold together: ${cause.message}`, cause)
  }
}

/**
 * What a file holds, and what it tells of recall. `cacheBytes`: cells stay in the file, which stays open, and so many
 * bytes of them are kept in memory; undefined: all is read, and the file closed.
 * @throws IvfError ERR_FORMAT, ERR_MEMORY; the signal's reason
 */
export async function readIndex(
  engine: Engine,
  file: IndexFile,
  cacheBytes: number | undefined,
  options: LongCallOptions,
): Promise<{ contents: Contents; told: CalibrationTold | undefined }> {
  const told = await readCalibration(engine, file)
  if (cacheBytes !== undefined) return { contents: await openStored(engine, file, cacheBytes, options), told }
  const contents = await loadContents(engine, file, options)
  await file.close()
  return { contents, told }
}
