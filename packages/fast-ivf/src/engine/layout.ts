import { records } from '../generated/kernels.js'

export type RecordName = keyof typeof records
export type RecordFields<N extends RecordName> = { [field in keyof (typeof records)[N]]: number }

/** Each record's fields in order; looked up here once, because a short call writes several records. */
const fieldsOf = Object.fromEntries(
  Object.entries(records).map(([name, types]) => [name, Object.entries(types)]),
) as Record<RecordName, [field: string, type: string][]>

/** Bytes of one record. */
export function recordSize(name: RecordName): number {
  return fieldsOf[name].length * 4
}

/** Writes a record as the kernels read it: 4 bytes a field, in the order of its class. */
export function writeRecord<N extends RecordName>(
  buffer: ArrayBufferLike,
  at: number,
  name: N,
  fields: RecordFields<N>,
): void {
  const view = new DataView(buffer, at, recordSize(name))
  let offset = 0
  for (const [field, type] of fieldsOf[name]) {
    const value = fields[field as keyof RecordFields<N>]
    if (type === 'f') view.setFloat32(offset, value, true)
    else view.setUint32(offset, value, true)
    offset += 4
  }
}
