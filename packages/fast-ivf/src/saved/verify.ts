import type { Engine } from '../engine/engine.js'
import { hashRanges, hashRows } from '../engine/hash.js'
import { IvfError } from '../errors.js'
import { countBits } from '../ivf/bits.js'
import type { LongCallOptions } from '../options.js'
import { readCalibration } from './calibration.js'
import { hashParts, shortHash } from './checks.js'
import { type Directory, readDirectory, type Section } from './directory.js'
import { type IndexFile, placeOf, readSmall } from './file.js'
import { readCellIds } from './ids.js'
import { names } from './layout.js'
import { readModel } from './model.js'
import { fetchRows } from './open.js'
import { CHUNK_BYTES, cellOf, chunkOf, chunksOf } from './pieces.js'

/**
 * Compares all of a file with its checksums, in pieces of some megabytes, and tells in words which parts are damaged:
 * none when it is whole. What was learned is read in one piece, as by those who open the file.
 * @throws IvfError ERR_MEMORY, and as the source; the signal's reason
 */
export async function verifyFile(
  engine: Engine,
  file: IndexFile,
  { signal, onProgress }: LongCallOptions = {},
): Promise<string[]> {
  const damaged = new Set<string>()
  let done = 0
  const total = [...file.tensors.values()].reduce((sum, { from, to }) => sum + to - from, 0)
  const looking: Looking = {
    ...{ engine, file, signal },
    found: (part) => damaged.add(part),
    passed(bytes) {
      signal?.throwIfAborted()
      done += bytes
      onProgress?.({ phase: 'open', done, total })
    },
  }
  await verifySmall(looking)
  if (damaged.size === 0) await verifyModel(looking)
  const { segments, size } = file.header
  let there: number | undefined = 0
  for (let s = 0; s < segments; s++) {
    const alive = await verifySegment(looking, s)
    there = alive === undefined || there === undefined ? undefined : there + alive
  }
  if (there !== undefined && there !== size) looking.found(`its header, which tells of ${size} vectors, not ${there}`)
  return [...damaged]
}

/** A look at all of a file. */
interface Looking {
  readonly engine: Engine
  readonly file: IndexFile
  readonly signal: AbortSignal | undefined
  found(part: string): void
  /** So many bytes more have been looked at. */
  passed(bytes: number): void
}

/** Of a segment; each is checked by its `checks`, which have a check of their own. */
const SECTION = /^segment\.\d+\.(codes|originals|originals\.checks|ids|checks)$/

async function verifySmall({ engine, file, found, passed }: Looking): Promise<void> {
  const small = [...file.tensors.keys()].filter((name) => !SECTION.test(name))
  for (const name of new Set([...Object.keys(file.checksums), ...small])) {
    const info = file.tensors.get(name)
    if (!info) {
      found(`'${name}', which is missing`)
      continue
    }
    await told(readSmall(engine, file, name, info), () => found(`'${name}'`))
    passed(info.to - info.from)
  }
}

/** Whether what was learned can be used. */
async function verifyModel({ engine, file, found, signal }: Looking): Promise<void> {
  const model = await told(readModel(engine, file, { signal }), ({ message }) =>
    found(`what it has learned: ${message}`),
  )
  model?.held.release()
  await told(readCalibration(engine, file), ({ message }) => found(`its calibration: ${message}`))
}

/** Returns how many vectors are there; undefined when that cannot be told. */
async function verifySegment(looking: Looking, s: number): Promise<number | undefined> {
  const { engine, file, found, passed } = looking
  const { nlist, dim, keep, quantizer } = file.header
  const exact = quantizer.exact === true
  const columns = file.tensors.get(names.segment(s, 'codes'))?.shape[1] ?? 0
  // As wide as the file says: what was learned may be damaged, and the rest is to be looked at all the same.
  const shape = { nlist, dim, keep, quantizer: { exact, codeSize: Math.max(1, columns * (exact ? 4 : 1)) } }
  const directory = await told(readDirectory(engine, shape, file, s), ({ message }) =>
    found(`the places of segment ${s}, without which the rest of it cannot be checked: ${message}`),
  )
  if (!directory) return undefined
  const { codes, originals, ids, mask, count } = directory
  passed(8 * (codes.checks.length + (originals?.checks.length ?? 0) + ids.checks.length + 1))
  await verifyRows(looking, directory, codes, 'the vectors')
  if (originals) await verifyOriginals(looking, directory, originals)
  await verifyIds(looking, directory)
  return mask ? countBits(mask, 0, count) : count
}

/** `each`: is given the place in memory of rows that are right, or of some of which one is not. */
async function verifyRows(
  { engine, file, found, passed, signal }: Looking,
  { starts, count, s }: Directory,
  section: Section,
  what: string,
  each?: (at: number, from: number, rows: number, right: boolean) => Promise<void>,
): Promise<void> {
  const { pieces, rowBytes, checks } = section
  await engine.frame(async (scratch) => {
    const at = scratch.alloc(Math.min(count, chunkOf(rowBytes)) * rowBytes)
    for (const { i, from, to, ranges } of chunksOf(pieces, rowBytes)) {
      await fetchRows(engine, file.source, section, from, to, at)
      const hashes = await hashRanges(engine, ranges(at), { signal })
      const bad = [...hashes.keys()].filter((j) => hashes[j] !== checks[i + j])
      for (const j of bad) found(`${what} of cell ${cellOf(starts, pieces[i + j] as number)} of segment ${s}`)
      await each?.(at, from, to - from, bad.length === 0)
      passed((to - from) * rowBytes)
    }
  })
}

/** Vectors beside the codes have a check each, too, for those who read a few of them. */
async function verifyOriginals(looking: Looking, directory: Directory, originals: Section): Promise<void> {
  const { engine, file, found, passed, signal } = looking
  const { count, starts, s } = directory
  const place = await told(
    (async () => placeOf(file, names.segment(s, 'originals.checks'), 'U32', [count]))(),
    ({ message }) => found(`the checks of the vectors kept beside the codes of segment ${s}: ${message}`),
  )
  const each = async (at: number, from: number, rows: number, right: boolean): Promise<void> => {
    if (!place || !right) return
    const bytes = await file.source.read(place.from + from * 4, place.from + (from + rows) * 4)
    const told = new Uint32Array(bytes.slice().buffer)
    const hashes = await hashRows(engine, { at, rowBytes: originals.rowBytes, count: rows }, { signal })
    for (const [j, hash] of hashes.entries()) {
      if (shortHash(hash) === told[j]) continue
      const cell = cellOf(starts, from + j)
      found(`the checks of the vectors kept beside the codes of cell ${cell} of segment ${s}`)
    }
    passed(bytes.length)
  }
  await verifyRows(looking, directory, originals, 'the vectors kept beside the codes', each)
}

async function verifyIds(
  { engine, file, found, passed, signal }: Looking,
  { ids, starts, s }: Directory,
): Promise<void> {
  const { header, source, name } = file
  const nlist = starts.length - 1
  for (let first = 0; first < nlist; ) {
    const from = ids.starts[first] as number
    let end = first + 1
    while (end < nlist && (ids.starts[end + 1] as number) - from <= CHUNK_BYTES) end++
    const bytes = await source.read(ids.place.from + from, ids.place.from + (ids.starts[end] as number))
    const places = Array.from(ids.starts.subarray(first, end + 1), (start) => start - from)
    const hashes = await hashParts(engine, bytes, places, { signal })
    for (const [i, hash] of hashes.entries()) {
      const part = `the ids of cell ${first + i} of segment ${s}`
      const count = (starts[first + i + 1] as number) - (starts[first + i] as number)
      if (hash !== ids.checks[first + i]) found(part)
      else if (count > 0) await told(readable(bytes.subarray(places[i], places[i + 1]), count), () => found(part))
    }
    passed(bytes.length)
    first = end
  }

  async function readable(own: Uint8Array, count: number): Promise<void> {
    const all = readCellIds(header.ids, own, count, name)
    if (header.ids !== 'rows' || all.every((row) => (row as number) < header.rows)) return
    throw new IvfError('ERR_FORMAT', `${name} holds numbers of rows from ${header.rows} on`)
  }
}

/** What is read; where the file is damaged, `damaged` is told and there is nothing. */
async function told<T>(read: Promise<T>, damaged: (error: IvfError) => void): Promise<T | undefined> {
  try {
    return await read
  } catch (error) {
    if (!(error instanceof IvfError) || error.code !== 'ERR_FORMAT') throw error
    damaged(error)
    return undefined
  }
}
