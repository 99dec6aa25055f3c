import type { Engine } from '../engine/engine.js'
import type { Contents } from '../ivf/contents.js'
import type { LongCallOptions } from '../options.js'
import { type CalibrationTold, readCalibration } from './calibration.js'
import type { IndexFile } from './file.js'
import { loadContents } from './open.js'
import { openStored } from './stored.js'

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
