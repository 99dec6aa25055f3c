import { IvfError } from '../errors.js'
import type { SourceInput } from '../storage/source.js'
import { type IndexFile, openIndexFile } from './file.js'
import { damaged, refused } from './layout.js'

/** The file, which may be open already. @throws IvfError ERR_NOT_FOUND, ERR_FORMAT */
export async function asIndexFile(source: SourceInput | IndexFile): Promise<IndexFile> {
  return typeof source === 'object' && source !== null && 'header' in source ? source : openIndexFile(source)
}

/** What `make` makes of the header, if it is that of class `face`. @throws IvfError ERR_FORMAT */
export function makeFace<T>({ header, name }: IndexFile, face: string, make: (header: IndexFile['header']) => T): T {
  if (header.face !== face) {
    throw refused(name, `holds a ${header.face}; open it with ${header.face}.open, or with openIndex`)
  }
  try {
    return make(header)
  } catch (cause) {
    if (!(cause instanceof IvfError)) throw cause
    throw damaged(name, `does not hold together: ${cause.message}`, cause)
  }
}
