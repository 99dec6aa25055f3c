import { type Cursor, formatError, ownBuffer } from './cursor.js'
import type { FaissFlat } from './description.js'
import { storedRows } from './lists.js'
import { checkEqual, readHeader } from './parts.js'

export const FLAT_LETTERS: readonly string[] = ['IxF2', 'IxFI', 'IxFl']

/** header · u64 floats · ntotal × dim floats */
export async function readFlat(cursor: Cursor, letters: string): Promise<FaissFlat> {
  const header = await readHeader(cursor)
  const { dim, ntotal, metric } = header
  if (letters !== 'IxFl' && letters !== (metric === 'l2' ? 'IxF2' : 'IxFI')) {
    throw formatError(cursor.name, `has the letters ${letters} and the metric ${metric} before byte ${cursor.at}`)
  }
  const count = await cursor.u64('the number of floats')
  const start = cursor.pass(ntotal, dim * 4, 'the vectors')
  checkEqual(cursor, 'the number of floats', count, ntotal * dim)
  const vectors = storedRows(cursor, start, ntotal, dim * 4, (bytes) => new Float32Array(ownBuffer(bytes)))
  return { kind: 'flat', ...header, vectors }
}
