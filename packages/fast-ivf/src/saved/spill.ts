import type { Engine } from '../engine/engine.js'
import { hasBit, setBit, wordsFor } from '../ivf/bits.js'
import { spilledBits } from '../ivf/spilled.js'
import { ownCells } from '../ivf/with-spill.js'
import { type Directory, readDirectory, type SegmentShape } from './directory.js'
import { type IndexFile, placeOf, readSmall } from './file.js'
import { damaged, names } from './layout.js'

/** What is spilled of a segment in a file: which of the segment's slots each is, and where its cells are. */
export interface SpillDirectory extends Directory {
  readonly homes: Uint32Array
  /** The cells of those slots. */
  readonly owns: Uint32Array
}

/**
 * Reads where what is spilled of segment s is; no vector is in it twice, nor in the cell that it is in already.
 * @throws IvfError ERR_FORMAT
 */
export async function readSpill(
  engine: Engine,
  shape: SegmentShape,
  file: IndexFile,
  s: number,
  segment: Pick<Directory, 'count' | 'starts' | 'mask'>,
): Promise<SpillDirectory> {
  const { nlist, dim, quantizer } = shape
  const directory = await readDirectory(engine, { nlist, dim, quantizer, keep: 'none' }, file, `${s}.spill`)
  const { starts, count } = directory
  const tensor = names.segment(`${s}.spill`, 'homes')
  const homes = new Uint32Array(await readSmall(engine, file, tensor, placeOf(file, tensor, 'U32', [count])))
  const seen = new Uint32Array(wordsFor(segment.count))
  for (let cell = 0; cell < nlist; cell++) {
    const [first, end] = [segment.starts[cell] as number, segment.starts[cell + 1] as number]
    for (let slot = starts[cell] as number; slot < (starts[cell + 1] as number); slot++) {
      const home = homes[slot] as number
      if (home >= segment.count || hasBit(seen, home) || (home >= first && home < end)) {
        throw damaged(file.name, `spills vector ${home} of segment ${s} where it cannot be`)
      }
      setBit(seen, home)
    }
  }
  return {
    ...directory,
    homes,
    owns: ownCells(segment.starts, homes),
    mask: segment.mask && spilledBits(homes, segment.mask),
  }
}
