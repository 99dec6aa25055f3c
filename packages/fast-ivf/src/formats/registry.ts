import { checkOneOf, IvfError } from '../errors.js'
import { fbin, i8bin, ibin, u8bin } from './fbin.js'
import type { Format } from './format.js'
import { bvecs, fvecs, ivecs } from './fvecs.js'
import { jsonl } from './jsonl.js'
import { npy } from './npy.js'
import { npz } from './npz.js'

/** Every format the library reads and writes. */
export const formats: readonly Format[] = [npy, npz, fvecs, bvecs, ivecs, fbin, u8bin, i8bin, ibin, jsonl]

/** The format that was asked for, else the one that the name's extension says. */
export function formatByName(asked: string | undefined, name: string | undefined): Format | undefined {
  if (asked !== undefined) {
    checkOneOf('format', asked, formatNames)
    return formats.find((format) => format.name === asked)
  }
  const extension = /\.(\w+)$/.exec(name ?? '')?.[1]?.toLowerCase() ?? ''
  return formats.find((format) => format.extensions.includes(extension))
}

/** The format whose marks the first bytes bear. @throws IvfError ERR_FORMAT */
export function formatByContent(head: Uint8Array, name: string): Format {
  const found = formats.find((format) => format.recognizes?.(head))
  if (found) return found
  throw new IvfError(
    'ERR_FORMAT',
    `${name} is of no format that can be told from its name or its first bytes; name it as { format: 'fbin' }, ` +
      `one of ${formatNames.join(', ')}`,
  )
}

export const formatNames: readonly string[] = formats.map((format) => format.name)
