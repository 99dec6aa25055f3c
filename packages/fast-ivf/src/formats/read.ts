import { closedOnFailure } from '../engine/closing.js'
import { type ByteSource, isByteSource, nameOf, openSource, type SourceInput } from '../storage/source.js'
import type { Format } from './format.js'
import { memberNames } from './npz.js'
import { formatByContent, formatByName } from './registry.js'
import { type VectorFile, vectorFile } from './vector-file.js'

export interface OpenOptions {
  /** 'npy', 'fvecs' …: needed only where neither the name nor the content tells */
  format?: string
  /** what the bytes are called: its extension tells the format, and messages use it */
  name?: string
  /** which array of an npz archive; needed where there are several */
  member?: string
}

/**
 * Opens a file of vectors: npy, npz, fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin or jsonl. Its header is checked
 * against its size; its rows are read by `batches` and `readAll`.
 * @throws IvfError ERR_FORMAT, ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_ARGUMENT
 */
export async function openVectors(input: SourceInput, options: OpenOptions = {}): Promise<VectorFile> {
  return withSource(input, async (source, close) => {
    const { name, format } = await recognize(source, input, options)
    return vectorFile(await format.open(source, name, { member: options.member }), name, close)
  })
}

/** The names of the arrays that an npz archive holds. */
export async function listMembers(input: SourceInput): Promise<string[]> {
  return withSource(input, async (source, close) => {
    const names = await memberNames(source, nameOf(input) ?? 'the archive')
    await close()
    return names
  })
}

/** Closes what it opened when `use` fails; a ByteSource given by the caller stays the caller's to close. */
async function withSource<T>(
  input: SourceInput,
  use: (source: ByteSource, close: () => Promise<void>) => Promise<T>,
): Promise<T> {
  const source = await openSource(input)
  const close = isByteSource(input) ? async () => {} : () => source.close()
  return closedOnFailure({ close }, () => use(source, close))
}

const HEAD_BYTES = 64

async function recognize(
  source: ByteSource,
  input: SourceInput,
  options: OpenOptions,
): Promise<{ name: string; format: Format }> {
  const found = options.name ?? nameOf(input)
  const name = found ?? 'the file'
  const byName = formatByName(options.format, found)
  return { name, format: byName ?? formatByContent(await source.read(0, Math.min(HEAD_BYTES, source.size)), name) }
}
