import type { RunOptions } from '../engine/executor.js'
import { hashRanges } from '../engine/hash.js'
import { hasBit, setBit, wordsFor } from '../ivf/bits.js'
import { Held } from '../ivf/held.js'
import type { Model } from '../ivf/model.js'
import type { Codes } from '../quantizers/quantizer.js'
import type { Directory, Section } from './directory.js'
import { damagedPart, type IndexFile } from './file.js'
import { placeIn } from './pieces.js'
import { type ReadCount, readRanges } from './ranges.js'

/** A segment that stays in a file but for its directory. */
export interface StoredSegment extends Directory {
  /** Number of its first slot, counted over all segments. */
  readonly slot: number
  /** The last 32 bits of the hash of each row that is kept beside the codes. */
  readonly rowChecks: Uint32Array
  /** What is spilled: the segment of the vectors, and each one's slot and cell there. */
  readonly home?: { readonly segment: StoredSegment; readonly slots: Uint32Array; readonly cells: Uint32Array }
}

export interface CellPlace {
  readonly segment: StoredSegment
  readonly cell: number
}

/** The codes of a stored cell, in memory. */
export interface Cell extends CellPlace {
  readonly codes: Codes
  /** Address: a bit per slot of the cell, set where its vector is there; 0: all are. */
  readonly mask: number
  /** Address: what is spilled: each slot's own cell; else 0. */
  readonly owns: number
  readonly bytes: number
  readonly held: Held
}

interface Entry {
  readonly cell: Promise<Cell>
  /** Searches that use it at present. */
  users: number
}

/** Cells that were read, up to so many bytes beside those in use; those not used for longest go first. */
export class CellCache {
  readonly #model: Model
  readonly #file: IndexFile
  readonly #limit: number
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  constructor(model: Model, file: IndexFile, limit: number) {
    this.#model = model
    this.#file = file
    this.#limit = limit
  }

  /** Bytes of the cells in memory. */
  get bytes(): number {
    return this.#bytes
  }

  /** Runs `work` with these cells, in their order; those that are not there yet are read in one round. */
  async with<T>(
    places: readonly CellPlace[],
    count: ReadCount,
    options: RunOptions,
    work: (cells: Cell[]) => Promise<T>,
  ): Promise<T> {
    const missing = places.filter((place) => !this.#entries.has(keyOf(place)))
    if (missing.length > 0) this.#read(missing, count, options)
    const entries = places.map((place) => {
      const key = keyOf(place)
      const entry = this.#entries.get(key) as Entry
      // To the end: used last.
      this.#entries.delete(key)
      this.#entries.set(key, entry)
      entry.users++
      return entry
    })
    try {
      return await work(await Promise.all(entries.map(({ cell }) => cell)))
    } finally {
      for (const entry of entries) entry.users--
      await this.#shrink()
    }
  }

  /** Starts to read cells that are not there. */
  #read(places: readonly CellPlace[], count: ReadCount, options: RunOptions): void {
    const loaded = new Map<string, Cell>()
    const wanted = places.map((place) => ({ ...bytesOfCell(place.segment.codes, place), place }))
    const round = readRanges(this.#file.source, wanted, count, options.signal, async ({ place }, bytes) => {
      const cell = await loadCell(this.#model, place, bytes, this.#file.name, options)
      loaded.set(keyOf(place), cell)
      this.#bytes += cell.bytes
    }).catch((error: unknown) => {
      for (const place of places) this.#entries.delete(keyOf(place))
      for (const cell of loaded.values()) this.#free(cell)
      throw error
    })
    for (const place of places) {
      const cell = round.then(() => loaded.get(keyOf(place)) as Cell)
      // Whoever waits for it is told; nobody may.
      cell.catch(() => {})
      this.#entries.set(keyOf(place), { cell, users: 0 })
    }
  }

  async #shrink(): Promise<void> {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= this.#limit) return
      if (entry.users > 0) continue
      this.#entries.delete(key)
      const cell = await entry.cell.catch(() => undefined)
      if (cell) this.#free(cell)
    }
  }

  #free({ held, bytes }: Cell): void {
    this.#bytes -= bytes
    held.release()
  }
}

/** Slots of a cell. */
export function slotsOf({ segment: { starts }, cell }: CellPlace): { from: number; to: number; count: number } {
  const [from, to] = [starts[cell] as number, starts[cell + 1] as number]
  return { from, to, count: to - from }
}

/** Tells cells apart. */
export function keyOf({ segment, cell }: CellPlace): string {
  return `${segment.s} ${cell}`
}

function bytesOfCell({ place, rowBytes }: Section, at: CellPlace): { from: number; to: number } {
  const { from, to } = slotsOf(at)
  return { from: place.from + from * rowBytes, to: place.from + to * rowBytes }
}

async function loadCell(
  model: Model,
  place: CellPlace,
  bytes: Uint8Array,
  name: string,
  options: RunOptions,
): Promise<Cell> {
  const { engine, quantizer } = model
  const { segment, cell } = place
  const { from, to, count } = slotsOf(place)
  const held = new Held(engine)
  try {
    const codes = quantizer.alloc((size) => held.alloc(size), count)
    const words = wordsFor(count)
    const mask = segment.mask ? held.alloc(words * 4) : 0
    if (mask && segment.mask) engine.ints(mask, words).set(sliceBits(segment.mask, from, count))
    const own = segment.home?.cells.subarray(from, to)
    const owns = own ? held.alloc(own.byteLength) : 0
    if (own) engine.ints(owns, count).set(own)
    await engine.frame(async (scratch) => {
      const rows = scratch.alloc(bytes.length)
      new Uint8Array(engine.memory.buffer, rows, bytes.length).set(bytes)
      const { pieces, checks, rowBytes } = segment.codes
      const first = placeIn(pieces, from)
      const ranges: { at: number; bytes: number }[] = []
      for (let i = first; (pieces[i] as number) < to; i++) {
        const [start, end] = [pieces[i] as number, pieces[i + 1] as number]
        ranges.push({ at: rows + (start - from) * rowBytes, bytes: (end - start) * rowBytes })
      }
      const hashes = await hashRanges(engine, ranges, options)
      if (hashes.some((hash, i) => hash !== checks[first + i])) {
        throw damagedPart(name, `the vectors of cell ${cell} of segment ${segment.s}`)
      }
      await quantizer.write(codes, rows, 0, count, options)
    })
    return { ...place, codes, mask, owns, bytes: quantizer.bytes(count) + (own?.byteLength ?? 0), held }
  } catch (error) {
    held.release()
    throw error
  }
}

function sliceBits(words: Uint32Array, from: number, count: number): Uint32Array {
  const own = new Uint32Array(wordsFor(count))
  for (let i = 0; i < count; i++) if (hasBit(words, from + i)) setBit(own, i)
  return own
}
