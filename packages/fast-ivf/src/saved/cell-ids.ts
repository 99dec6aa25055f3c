import type { Id } from '../options.js'
import { type CellPlace, slotsOf } from './cells.js'
import { hashOf } from './checks.js'
import { damagedPart } from './file.js'
import { readCellIds } from './ids.js'
import { type ReadCount, readRanges } from './ranges.js'
import type { StoredContents } from './stored.js'

/** Reads the ids of whole cells. @throws IvfError ERR_FORMAT, and as the source; the signal's reason */
export async function fetchIds(
  { model: { engine }, stored: { file }, ids }: StoredContents,
  places: readonly CellPlace[],
  read: ReadCount,
  signal: AbortSignal | undefined,
): Promise<Id[][]> {
  const found: Id[][] = places.map(() => [])
  const ranges = places.map(({ segment, cell }, i) => {
    const { place, starts, checks } = segment.ids
    const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
    return { i, from: place.from + from, to: place.from + to, check: checks[cell], cell, segment }
  })
  await readRanges(file.source, ranges, read, signal, async ({ i, check, cell, segment }, bytes) => {
    if ((await hashOf(engine, bytes, { signal })) !== check)
      throw damagedPart(file.name, `the ids of cell ${cell} of segment ${segment.s}`)
    found[i] = readCellIds(ids.kind, bytes, slotsOf({ segment, cell }).count, file.name)
  })
  return found
}
