import { IvfError } from '../errors.js'
import { MetadataTable } from '../filter/metadata-table.js'
import { hasBit, wordsFor } from '../ivf/bits.js'
import { type Contents, release } from '../ivf/contents.js'
import { IvfIndex } from '../ivf-index.js'
import type { LifeOptions } from '../life-options.js'
import type { LongCallOptions } from '../options.js'
import { readExtra, sizeOfExtra } from '../saved/extras.js'
import { makeFace } from '../saved/face.js'
import { type IndexFile, openIndexFile } from '../saved/file.js'
import { damaged, refused } from '../saved/layout.js'
import { loadContents } from '../saved/open.js'
import { type Extra, writeIndex } from '../saved/write.js'
import { writeWhole } from '../storage/sink.js'
import type { ItemId } from './options.js'
import { type Settings, type State, stateOf } from './state.js'

/*
 * A checkpoint is the file of an index. Beside it there is `collection`, JSON, and the metadata, in the order in which
 * vectors are in the file, in parts: `metadata.<p>.ends`, u32, where each text ends, and `metadata.<p>.texts`, UTF-8.
 */

/** A part is closed when it has so many bytes, or rows. */
const PART_BYTES = 1 << 20
const PART_ROWS = 8192

/** Options of `writeCheckpoint`. */
export interface WriteCheckpointOptions extends LongCallOptions {
  sync: boolean
  /** Called when the state is held: what is written from then on is not in it. */
  onHeld(): void
}

/** Writes the state as it is now to `path`, whole or not at all. @throws IvfError ERR_NOT_FOUND; the signal's reason */
export function writeCheckpoint(
  path: string,
  state: State,
  settings: Settings,
  { sync, onHeld, ...options }: WriteCheckpointOptions,
): Promise<void> {
  return state.index.whileHeld(async (contents, told) => {
    onHeld()
    const { spec = null } = settings
    const text = JSON.stringify({ version: 1, spec, trainedOn: state.trainedOn })
    const extras = async function* (): AsyncGenerator<Extra> {
      yield { name: 'collection', dtype: 'U8', data: new TextEncoder().encode(text) }
      yield* metadataParts(contents, state.table, options.signal)
    }
    await writeWhole(path, { sync }, (sink) => writeIndex(sink, contents, told, { ...options, extras }))
  })
}

/** Options of `readCheckpoint`. */
export interface ReadCheckpointOptions extends LongCallOptions {
  life: LifeOptions
  recover: boolean
}

/** What a checkpoint holds. `lost`: vectors whose metadata could not be read. @throws IvfError ERR_FORMAT, ERR_NOT_FOUND */
export async function readCheckpoint(
  path: string,
  { life, recover, ...options }: ReadCheckpointOptions,
): Promise<{ state: State; settings: Settings; lost: number }> {
  const file = await openIndexFile(path)
  try {
    const table = new MetadataTable()
    let own = { spec: undefined as string | undefined, trainedOn: 0 }
    let lost = 0
    const index = await IvfIndex.assemble<ItemId>(
      makeFace(file, 'IvfIndex', (header) => header),
      life,
      async (engine) => {
        own = readOwn(new Uint8Array(await readExtra(engine, file, 'collection', 'U8')), path)
        const contents = await loadContents(engine, file, options)
        try {
          const part = (name: string, dtype: 'U8' | 'U32'): Promise<ArrayBuffer> => readExtra(engine, file, name, dtype)
          const found = await readMetadata(file, part, recover)
          lost = found.lost
          byRow(contents, found.texts, path).forEach((text, row) => {
            table.set(row, text || undefined)
          })
          return contents
        } catch (error) {
          release(contents)
          throw error
        }
      },
    )
    const { dim, metric, seed } = file.header
    return { state: stateOf(index, table, own.trainedOn), settings: { dim, metric, seed, spec: own.spec }, lost }
  } finally {
    await file.close()
  }
}

async function* metadataParts(
  { segments, model: { engine } }: Contents,
  table: MetadataTable,
  signal: AbortSignal | undefined,
): AsyncGenerator<Extra> {
  const encoder = new TextEncoder()
  const pace = engine.pace(signal)
  let texts: Uint8Array[] = []
  let ends: number[] = []
  let p = 0

  function* part(): Generator<Extra> {
    if (ends.length === 0) return
    const bytes = new Uint8Array(ends.at(-1) as number)
    for (const [i, text] of texts.entries()) bytes.set(text, (ends[i] as number) - text.length)
    yield { name: `metadata.${p}.ends`, dtype: 'U32', data: Uint32Array.from(ends) }
    yield { name: `metadata.${p}.texts`, dtype: 'U8', data: bytes }
    p++
    texts = []
    ends = []
  }

  for (const { count, rows, mask } of segments) {
    for (let slot = 0; slot < count; slot++) {
      const row = engine.ints(rows, count)[slot] as number
      const there = mask === 0 || hasBit(engine.ints(mask, wordsFor(count)), slot)
      const text = encoder.encode((there ? table.text(row) : undefined) ?? '')
      const end = (ends.at(-1) ?? 0) + text.length
      if (ends.length === PART_ROWS || (ends.length > 0 && end > PART_BYTES)) {
        yield* part()
        await pace()
      }
      ends.push((ends.at(-1) ?? 0) + text.length)
      texts.push(text)
      if (slot % 256 === 255) await pace()
    }
  }
  yield* part()
}

/** The texts in the order of the file, '' for none. `lost`: those that could not be read. */
async function readMetadata(
  file: IndexFile,
  read: (name: string, dtype: 'U8' | 'U32') => Promise<ArrayBuffer>,
  recover: boolean,
): Promise<{ texts: string[]; lost: number }> {
  const texts: string[] = []
  let lost = 0
  for (let p = 0; ; p++) {
    const rows = sizeOfExtra(file, `metadata.${p}.ends`)
    if (rows === undefined) return { texts, lost }
    let part: string[]
    try {
      const ends = new Uint32Array(await read(`metadata.${p}.ends`, 'U32'))
      part = cut(new Uint8Array(await read(`metadata.${p}.texts`, 'U8')), ends, file.name)
    } catch (error) {
      if (!recover || !isDamage(error)) throw error
      part = new Array<string>(rows).fill('')
      lost += rows
    }
    for (const text of part) texts.push(text)
  }
}

/** The texts by the rows that their vectors have now. */
function byRow({ segments, rows, model: { engine } }: Contents, texts: readonly string[], path: string): string[] {
  const count = segments.reduce((sum, segment) => sum + segment.count, 0)
  if (texts.length !== count) throw damaged(path, `holds the metadata of ${texts.length} vectors, and ${count} vectors`)
  const all = new Array<string>(rows).fill('')
  let i = 0
  for (const segment of segments) {
    for (const row of engine.ints(segment.rows, segment.count)) all[row] = texts[i++] as string
  }
  return all
}

function cut(bytes: Uint8Array, ends: Uint32Array, name: string): string[] {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let from = 0
  const texts = Array.from(ends, (end) => {
    if (end < from || end > bytes.length) throw damaged(name, 'holds metadata that do not follow each other')
    const text = decoder.decode(bytes.subarray(from, end))
    from = end
    return text
  })
  if (from !== bytes.length) throw damaged(name, 'holds metadata of no vector')
  return texts
}

function readOwn(bytes: Uint8Array, path: string): { spec: string | undefined; trainedOn: number } {
  const { version, spec, trainedOn } = JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>
  if (version !== 1) throw refused(path, `is of version ${version}, and 1 is known; a newer fast-ivf wrote it`)
  if ((spec === null || typeof spec === 'string') && Number.isSafeInteger(trainedOn)) {
    return { spec: spec ?? undefined, trainedOn: trainedOn as number }
  }
  throw damaged(path, 'does not tell what the collection is')
}

/** Whether a file is to blame. */
export function isDamage(error: unknown): boolean {
  return error instanceof IvfError && error.code === 'ERR_FORMAT'
}
