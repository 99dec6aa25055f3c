import { IvfError } from '../errors.js'
import { crc32, joinCrc32 } from '../storage/crc32.js'
import type { ByteSource } from '../storage/source.js'
import { dtypeNames } from './dtypes.js'
import type { Encoder, Format, Layout } from './format.js'
import { npyBytes, npyEncoder, openNpy } from './npy.js'
import { openMember } from './unzip.js'
import type { Rows } from './vector-file.js'
import { listZip } from './zip.js'
import { zipFooter, zipHeader } from './zip-write.js'

/** A zip archive of npy files: NumPy's savez and savez_compressed. */
export const npz: Format = {
  name: 'npz',
  extensions: ['npz'],
  dtypes: dtypeNames,
  canBeEmpty: true,
  recognizes: ([p, k, a, b]) => p === 0x50 && k === 0x4b && (a === 3 || a === 5) && b === a + 1,
  open: openNpz,
  encoder: npzEncoder,
}

/** The names of the arrays in an npz archive. */
export async function memberNames(source: ByteSource, name: string): Promise<string[]> {
  return (await listZip(source, name)).map((member) => bare(member.name))
}

const bare = (file: string): string => file.replace(/\.npy$/, '')

async function openNpz(source: ByteSource, name: string, { member }: { member: string | undefined }): Promise<Rows> {
  const members = await listZip(source, name)
  const names = members.map((each) => `'${bare(each.name)}'`).join(', ')
  if (member === undefined && members.length !== 1) {
    throw new IvfError(
      members.length === 0 ? 'ERR_FORMAT' : 'ERR_ARGUMENT',
      `${name} holds ${members.length} arrays${names && ` (${names})`}; one is needed: name it as { member: 'base' }`,
    )
  }
  const chosen = members.find((each) => member === undefined || each.name === member || bare(each.name) === member)
  if (!chosen) throw new IvfError('ERR_NOT_FOUND', `${name} holds no array '${member}'; it holds ${names || 'none'}`)
  const rows = await openNpy(await openMember(source, chosen, name), `${name} ('${bare(chosen.name)}')`)
  return { ...rows, format: 'npz' }
}

/** One array, stored. The checksum covers the npy header too, which is known last: the two are joined at the end. */
function npzEncoder(layout: Layout): Encoder {
  const inner = npyEncoder(layout)
  const file = `${layout.member ?? 'arr_0'}.npy`
  const start = zipHeader(file)
  let crc = 0
  let size = 0
  return {
    header(count) {
      const head = inner.header?.(count) ?? new Uint8Array(0)
      const both = new Uint8Array(start.length + head.length)
      both.set(start)
      both.set(head, start.length)
      return both
    },
    rows(values, from, rows, row) {
      const bytes = inner.rows(values, from, rows, row)
      crc = crc32(bytes, crc)
      size += bytes.length
      return bytes
    },
    footer(count) {
      const head = inner.header?.(count) ?? new Uint8Array(0)
      return zipFooter(file, joinCrc32(crc32(head), crc, size), npyBytes(count, layout))
    },
  }
}
