/** Changes a file of an index and puts its checksums right again, as someone would who means harm. */
import { layTensors } from '../../src/storage/safetensors-write.js'
import type { TensorDtype } from '../../src/storage/tensor-dtypes.js'
import { xxh64 } from '../../src/storage/xxh64.js'

export interface Part {
  dtype: TensorDtype
  shape: number[]
  data: Uint8Array
}

export interface Parts {
  metadata: Record<string, string>
  tensors: Map<string, Part>
}

/** Where the header of a file ends. */
export function headerEnd(bytes: Uint8Array): number {
  return 8 + new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true)
}

/** Where each tensor lies in the file, those that fill space included. */
export function placesOf(bytes: Uint8Array): { name: string; from: number; to: number; info: Part }[] {
  const end = headerEnd(bytes)
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, end)))
  delete header.__metadata__
  return Object.entries<{ dtype: TensorDtype; shape: number[]; data_offsets: [number, number] }>(header).map(
    ([name, { dtype, shape, data_offsets: offsets }]) => {
      const [from, to] = [end + offsets[0], end + offsets[1]]
      return { name, from, to, info: { dtype, shape, data: bytes.slice(from, to) } }
    },
  )
}

/** The file with changes, and with checksums that fit them but for those that `change` itself sets. */
export function edited(bytes: Uint8Array, change: (parts: Parts) => void): Uint8Array {
  const { __metadata__: metadata } = JSON.parse(new TextDecoder().decode(bytes.subarray(8, headerEnd(bytes))))
  const own = placesOf(bytes).filter(({ name }) => !name.startsWith('__pad__'))
  const parts: Parts = { metadata, tensors: new Map(own.map(({ name, info }) => [name, info])) }
  change(parts)
  return written(parts)
}

function written({ metadata, tensors }: Parts): Uint8Array {
  const checksums = JSON.parse(metadata.checksums ?? '{}')
  for (const [name, { data }] of tensors) if (name in checksums) checksums[name] = hex(xxh64(data))
  for (const [name, part] of tensors) {
    const s = /^segment\.(.*)\.checks$/.exec(name)?.[1]
    const data = s === undefined ? undefined : checksOf(tensors, s)
    if (data) Object.assign(part, { data, shape: [data.length / 8] })
  }
  const told = { ...metadata, checksums: metadata.checksums && JSON.stringify(checksums), checksum: '0'.repeat(16) }
  const given = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== undefined))
  const list = [...tensors].map(([name, { dtype, shape, data }]) => ({ name, dtype, shape, data }))
  const { header, spaces } = layTensors(list, given as Record<string, string>)
  const at = new TextDecoder('latin1').decode(header).indexOf(`"checksum":"${'0'.repeat(16)}"`) + 12
  header.set(new TextEncoder().encode(hex(xxh64(header))), at)
  return Buffer.concat([header, ...list.flatMap(({ data }, i) => [new Uint8Array(spaces[i] ?? 0), data])])
}

/** The checks of a segment, one for each cell of each of its parts; undefined where its cells make no sense. */
function checksOf(tensors: Parts['tensors'], s: string): Uint8Array | undefined {
  const numbers = (part: string): number[] | undefined => {
    const found = tensors.get(`segment.${s}.${part}`)
    if (!found) return undefined
    const { buffer } = found.data.slice(0, found.data.length & ~7)
    return part === 'starts'
      ? [...new Uint32Array(found.data.slice().buffer)]
      : Array.from(new BigUint64Array(buffer), Number)
  }
  const starts = numbers('starts')
  const count = starts?.at(-1)
  const ids = tensors.get(`segment.${s}.ids`)
  if (!starts || count === undefined || !ids) return undefined
  const hashes: bigint[] = []
  for (const part of ['codes', 'originals']) {
    const data = tensors.get(`segment.${s}.${part}`)?.data
    for (let cell = 0; data && cell + 1 < starts.length; cell++) {
      const [from, to] = [starts[cell]!, starts[cell + 1]!].map((slot) => (slot * data.length) / count)
      if (from !== to) hashes.push(xxh64(data.slice(from, to)))
    }
  }
  const places = numbers('ids.starts') ?? starts.map((slot) => (slot * ids.data.length) / count)
  for (let cell = 0; cell + 1 < places.length; cell++)
    hashes.push(xxh64(ids.data.slice(places[cell], places[cell + 1])))
  const checks = new BigUint64Array(hashes.length + 1)
  checks.set(hashes)
  checks[hashes.length] = xxh64(new Uint8Array(checks.buffer, 0, hashes.length * 8))
  return new Uint8Array(checks.buffer)
}

function hex(hash: bigint): string {
  return hash.toString(16).padStart(16, '0')
}
