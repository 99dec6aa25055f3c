import type { Engine } from '../engine/engine.js'
import { hashRanges } from '../engine/hash.js'
import { countBits } from '../ivf/bits.js'
import type { Contents } from '../ivf/contents.js'
import { IdTable } from '../ivf/ids.js'
import type { Model } from '../ivf/model.js'
import { newSegment, type Segment, withMask } from '../ivf/segment.js'
import type { Id, LongCallOptions } from '../options.js'
import type { Codes } from '../quantizers/quantizer.js'
import { type ByteSource, readInto } from '../storage/source.js'
import { hashParts } from './checks.js'
import { type Directory, readDirectory, type Section } from './directory.js'
import { damagedPart, type IndexFile, placeOf, readSmall } from './file.js'
import { readCellIds } from './ids.js'
import { damaged, names } from './layout.js'
import { readModel } from './model.js'
import { cellOf, chunkOf, chunksOf } from './pieces.js'
import type { SpillDirectory } from './spill.js'

/** Reads all that a file holds. @throws IvfError ERR_FORMAT, ERR_MEMORY; the signal's reason */
export async function loadContents(engine: Engine, file: IndexFile, options: LongCallOptions): Promise<Contents> {
  const { header, name } = file
  const model = await readModel(engine, file, options)
  const segments: Segment[] = []
  try {
    const directories: Directory[] = []
    const spills: SpillDirectory[] = []
    for (let s = 0; s < header.segments; s++) {
      const directory = await readDirectory(engine, model, file, s)
      directories.push(directory)
      if (!header.spill) continue
      const { readSpill } = await import('./spill.js')
      spills.push(await readSpill(engine, model, file, s, directory))
    }
    const total = directories.reduce((sum, { count }) => sum + count, 0)
    const rows = header.ids === 'rows' ? header.rows : total
    const table = new IdTable(header.ids)
    const all: Id[] = new Array(header.ids === 'rows' ? 0 : total)
    for (const [s, directory] of directories.entries()) {
      options.signal?.throwIfAborted()
      const ids = await readIds(engine, file, directory, options)
      const own = header.ids === 'rows' ? Uint32Array.from(ids as number[]) : await readOrder(engine, file, directory)
      const high = own.findIndex((row) => row >= rows)
      if (high >= 0) throw damaged(name, `numbers a row ${own[high]}, and tells of ${rows}`)
      if (header.ids !== 'rows') for (const [slot, row] of own.entries()) all[row] = ids[slot] as Id
      segments.push(await loadSegment(model, file, directory, spills[s], own, options))
    }
    const size = segments.reduce((sum, { alive }) => sum + alive, 0)
    if (size !== header.size) throw damaged(name, `holds ${size} vectors, and tells of ${header.size}`)
    if (all.includes(undefined as unknown as Id)) throw damaged(name, 'numbers its rows twice')
    table.append(0, all)
    return { model, segments, ids: table, rows, size }
  } catch (error) {
    for (const segment of segments) segment.held.release()
    model.held.release()
    throw error
  }
}

/** The rows of the slots. */
async function readOrder(engine: Engine, file: IndexFile, { s, count }: Directory): Promise<Uint32Array> {
  const tensor = names.segment(s, 'order')
  return new Uint32Array(await readSmall(engine, file, tensor, placeOf(file, tensor, 'U32', [count])))
}

async function readIds(
  engine: Engine,
  { source, name, header }: IndexFile,
  { ids, starts, s }: Directory,
  options: LongCallOptions,
): Promise<Id[]> {
  const bytes = await source.read(ids.place.from, ids.place.to)
  const hashes = await hashParts(engine, bytes, ids.starts, { signal: options.signal })
  const bad = hashes.findIndex((hash, cell) => hash !== ids.checks[cell])
  if (bad >= 0) throw damagedPart(name, `the ids of cell ${bad} of segment ${s}`)
  const all: Id[] = []
  for (let cell = 0; cell + 1 < starts.length; cell++) {
    const own = bytes.subarray(ids.starts[cell], ids.starts[cell + 1])
    const count = (starts[cell + 1] as number) - (starts[cell] as number)
    if (count > 0) for (const id of readCellIds(header.ids, own, count, name)) all.push(id)
  }
  return all
}

async function loadSegment(
  model: Model,
  file: IndexFile,
  directory: Directory,
  spill: SpillDirectory | undefined,
  rows: Uint32Array,
  { signal, onProgress }: LongCallOptions,
): Promise<Segment> {
  const { engine } = model
  const { starts, mask, count, originals: kept } = directory
  const sections = [directory.codes, directory.originals, spill?.codes].flatMap((section) => section ?? [])
  const total = sections.reduce((sum, { place }) => sum + place.to - place.from, 0)
  let done = 0
  const progress = (bytes: number): void => {
    done += bytes
    if (total > 0) onProgress?.({ phase: 'open', done, total })
  }
  const reading = { model, file, signal, progress }
  const whole = await newSegment(model, starts, async ({ codes, originals, rows: numbers }) => {
    engine.ints(numbers, count).set(rows)
    await loadCodes(reading, directory, codes)
    if (!kept || !originals) return
    const { rowBytes } = kept
    for (const { from, to, ranges, i } of chunksOf(kept.pieces, rowBytes)) {
      const here = originals.rows + from * rowBytes
      await fetchRows(engine, file.source, kept, from, to, here)
      const hashes = await hashRanges(engine, ranges(here), { signal })
      checkPieces(file, directory, kept, hashes, i, 'the vectors kept beside the codes')
      progress((to - from) * rowBytes)
    }
  })
  const segment = spill ? await loadSpill(reading, whole, spill) : whole
  if (!mask) return segment
  try {
    return withMask(model, segment, mask, countBits(mask, 0, count))
  } finally {
    segment.held.release()
  }
}

interface Reading {
  readonly model: Model
  readonly file: IndexFile
  readonly signal: AbortSignal | undefined
  progress(bytes: number): void
}

async function loadSpill(reading: Reading, segment: Segment, spill: SpillDirectory): Promise<Segment> {
  const { withSpill } = await import('../ivf/with-spill.js')
  return withSpill(reading.model, segment, spill.starts, spill.homes, (codes) => loadCodes(reading, spill, codes))
}

/** Reads all code rows, and writes them into their layout. */
async function loadCodes(
  { model: { engine, quantizer }, file, signal, progress }: Reading,
  directory: Directory,
  codes: Codes,
): Promise<void> {
  const { codes: coded, count } = directory
  const { codeSize } = quantizer
  // Two rooms: one is read into while the other is worked on.
  const room = Math.min(count, chunkOf(codeSize)) * codeSize
  await engine.frame(async (scratch) => {
    const at = [scratch.alloc(room), scratch.alloc(room)] as const
    const chunks = [...chunksOf(coded.pieces, codeSize)]
    const fetch = (i: number): Promise<void> => {
      const chunk = chunks[i]
      if (!chunk) return Promise.resolve()
      return fetchRows(engine, file.source, coded, chunk.from, chunk.to, at[(i & 1) as 0 | 1])
    }
    // Where memory is not shared it must not grow while it is read into.
    const ahead = engine.shared
    let next = fetch(0)
    for (const [i, { from, to, ranges, i: first }] of chunks.entries()) {
      await next
      signal?.throwIfAborted()
      if (ahead) {
        next = fetch(i + 1)
        next.catch(() => {})
      }
      const here = at[(i & 1) as 0 | 1]
      checkPieces(file, directory, coded, await hashRanges(engine, ranges(here), { signal }), first, 'the vectors')
      await quantizer.write(codes, here, from, to - from, { signal })
      progress((to - from) * codeSize)
      if (!ahead) next = fetch(i + 1)
    }
  })
}

/** @throws IvfError ERR_FORMAT when a piece, from the `first` on, is another than was written */
function checkPieces(
  file: IndexFile,
  { starts, s }: Directory,
  { checks, pieces }: Section,
  hashes: BigUint64Array,
  first: number,
  what: string,
): void {
  const bad = hashes.findIndex((hash, i) => hash !== checks[first + i])
  if (bad < 0) return
  const slot = pieces[first + bad] as number
  throw damagedPart(file.name, `${what} of cell ${cellOf(starts, slot)} of segment ${s}`)
}

/** Rows from … to of a section, at an address. */
export async function fetchRows(
  engine: Engine,
  source: ByteSource,
  { place, rowBytes }: Section,
  from: number,
  to: number,
  at: number,
): Promise<void> {
  const bytes = (to - from) * rowBytes
  if (bytes === 0) return
  if (engine.shared)
    return readInto(source, place.from + from * rowBytes, new Uint8Array(engine.memory.buffer, at, bytes))
  const read = await source.read(place.from + from * rowBytes, place.from + to * rowBytes)
  new Uint8Array(engine.memory.buffer, at, bytes).set(read)
}
