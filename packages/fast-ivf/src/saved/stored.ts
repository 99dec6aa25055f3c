import type { Engine } from '../engine/engine.js'
import type { Contents } from '../ivf/contents.js'
import { IdTable } from '../ivf/ids.js'
import type { LongCallOptions } from '../options.js'
import { CellCache, type StoredSegment } from './cells.js'
import { readDirectory } from './directory.js'
import { type IndexFile, placeOf } from './file.js'
import { names } from './layout.js'
import { readModel } from './model.js'

/** An index whose cells stay in a file: they are read when they are visited. */
export interface Stored {
  readonly file: IndexFile
  readonly segments: readonly StoredSegment[]
  /** All that is visited: segments, each with what is spilled of it after it. */
  readonly parts: readonly StoredSegment[]
  readonly cache: CellCache
}

/** Contents whose cells stay in a file. */
export type StoredContents = Contents & { readonly stored: Stored }

/** Reads what was learned, and where cells are. @throws IvfError ERR_FORMAT, ERR_MEMORY; the signal's reason */
export async function openStored(
  engine: Engine,
  file: IndexFile,
  cacheBytes: number,
  options: LongCallOptions,
): Promise<StoredContents> {
  const { header } = file
  const model = await readModel(engine, file, options)
  try {
    const segments: StoredSegment[] = []
    const parts: StoredSegment[] = []
    let slot = 0
    for (let s = 0; s < header.segments; s++) {
      options.signal?.throwIfAborted()
      const directory = await readDirectory(engine, model, file, s)
      const segment = { ...directory, slot, rowChecks: await readRowChecks(file, s, directory) }
      segments.push(segment)
      parts.push(segment)
      slot += segment.count
      if (!header.spill) continue
      const { readSpill } = await import('./spill.js')
      const { homes: slots, owns: cells, ...spill } = await readSpill(engine, model, file, s, directory)
      const home = { segment, slots, cells }
      parts.push({ ...spill, slot, rowChecks: new Uint32Array(0), home })
      slot += spill.count
    }
    const stored = { file, segments, parts, cache: new CellCache(model, file, cacheBytes) }
    return { model, segments: [], ids: new IdTable(header.ids), rows: header.rows, size: header.size, stored }
  } catch (error) {
    model.held.release()
    throw error
  }
}

async function readRowChecks(
  file: IndexFile,
  s: number,
  { originals, count }: Pick<StoredSegment, 'originals' | 'count'>,
): Promise<Uint32Array> {
  if (!originals || count === 0) return new Uint32Array(0)
  const { from, to } = placeOf(file, names.segment(s, 'originals.checks'), 'U32', [count])
  return new Uint32Array((await file.source.read(from, to)).slice().buffer)
}
