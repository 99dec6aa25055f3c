import { closedOnFailure } from '../engine/closing.js'
import type { Engine } from '../engine/engine.js'
import { IvfError } from '../errors.js'
import { openSafetensors, type SafetensorsFile, type TensorInfo } from '../storage/safetensors.js'
import { type ByteSource, nameOf, openSource, readInto, type SourceInput } from '../storage/source.js'
import { xxh64 } from '../storage/xxh64.js'
import { hashHex, hex } from './checks.js'
import { damaged, fromMetadata, type IndexHeader, NO_CHECKSUM, refused } from './layout.js'

/** An open file of an index, whose header has been read and checked. */
export interface IndexFile {
  readonly name: string
  readonly header: IndexHeader
  readonly source: ByteSource
  readonly tensors: SafetensorsFile['tensors']
  /** Of the tensors that are no section. */
  readonly checksums: Readonly<Record<string, unknown>>
  close(): Promise<void>
}

/** Opens the file of an index; a ByteSource that is given is closed with it. @throws IvfError ERR_NOT_FOUND, ERR_FORMAT */
export async function openIndexFile(input: SourceInput): Promise<IndexFile> {
  const source = await openSource(input)
  const name = nameOf(input) ?? 'the file'
  return closedOnFailure(source, async () => {
    await refuseFaiss(source, name)
    const { metadata, tensors } = await openSafetensors(source, name)
    const { header, checksums } = fromMetadata(metadata, name)
    const lost = Object.keys(checksums).find((tensor) => !tensors.has(tensor))
    if (lost !== undefined) throw damaged(name, `holds no tensor '${lost}'`)
    await checkHeader(source, metadata.checksum, name)
    let closed: Promise<void> | undefined
    return { name, header, source, tensors, checksums, close: () => (closed ??= source.close()) }
  })
}

/** Those who come from faiss are told where to go. @throws IvfError ERR_FORMAT */
async function refuseFaiss(source: ByteSource, name: string): Promise<void> {
  if (source.size < 4) return
  const letters = new TextDecoder('latin1').decode(await source.read(0, 4))
  // As the length of a header it would be far more than one may have.
  if (!/^I[xwvH][A-Za-z0-9]{2}$/.test(letters)) return
  throw refused(name, `begins with '${letters}', as faiss's indexes do; read it with importFaiss of fast-ivf/faiss`)
}

/** A tensor's place. @throws IvfError ERR_FORMAT when it is missing, or has another shape or dtype */
export function placeOf(
  { tensors, name }: IndexFile,
  tensor: string,
  dtype: string,
  shape: readonly number[],
): TensorInfo {
  const info = tensors.get(tensor)
  if (!info) throw damaged(name, `holds no tensor '${tensor}'`)
  const same = info.shape.length === shape.length && info.shape.every((size, i) => size === shape[i])
  if (same && info.dtype === dtype) return info
  throw damaged(name, `has '${tensor}' as ${info.dtype} [${info.shape}], and ${dtype} [${shape}] is needed`)
}

/** The bytes of a tensor that is no section, checked, in a buffer of their own. @throws IvfError ERR_FORMAT */
export async function readSmall(
  engine: Engine,
  { source, checksums, name }: IndexFile,
  tensor: string,
  { from, to }: TensorInfo,
): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(allocated(to - from, name))
  if (to > from) await readInto(source, from, bytes)
  if ((await hashHex(engine, bytes, {})) !== checksums[tensor]) throw damagedPart(name, `'${tensor}'`)
  return bytes.buffer
}

export function damagedPart(name: string, part: string): IvfError {
  return damaged(name, `is damaged in ${part}: its checksum differs`)
}

function allocated(bytes: number, name: string): ArrayBuffer {
  try {
    return new ArrayBuffer(bytes)
  } catch (cause) {
    throw new IvfError('ERR_MEMORY', `${name} needs ${bytes} bytes in one piece, which cannot be had`, { cause })
  }
}

async function checkHeader(source: ByteSource, checksum: string | undefined, name: string): Promise<void> {
  const length = await source.read(0, 8)
  const view = new DataView(length.buffer, length.byteOffset)
  const bytes = await source.read(0, 8 + view.getUint32(0, true))
  const at = new TextDecoder('latin1').decode(bytes).indexOf(`"checksum":"${checksum}"`) + '"checksum":"'.length
  bytes.set(new TextEncoder().encode(NO_CHECKSUM), at)
  if (hex(xxh64(bytes)) !== checksum) throw damagedPart(name, 'its header')
}
