import { IvfError, show } from './errors.js'

type FieldType = 'INT64' | 'DOUBLE' | 'BOOLEAN' | 'STRING' | 'TIMESTAMP' | 'JSON'

/** A column beside the vectors. */
export interface Field {
  readonly name: string
  readonly type: FieldType
  readonly nullable: boolean
  readonly count: number
  /** Its values in the rows [from, to), as they are written. */
  values(from: number, to: number): unknown[]
}

/** @throws IvfError ERR_ID */
export function idField(name: string, ids: ArrayLike<number | bigint> | ArrayLike<string>): Field {
  const text = typeof ids[0] === 'string'
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]
    if (text ? typeof id === 'string' : typeof id === 'bigint' ? isWord(id) : Number.isSafeInteger(id)) continue
    const needed = text ? 'text, as the first is' : 'a safe integer or a bigint of 64 bits'
    throw new IvfError('ERR_ID', `the id of row ${i} is ${show(id)}; it must be ${needed}`)
  }
  return field(name, text ? 'STRING' : 'INT64', false, ids.length, (row) => ids[row])
}

/** A column for each name in any of the rows. @throws IvfError ERR_ARGUMENT */
export function metadataFields(rows: readonly Readonly<Record<string, unknown>>[]): Field[] {
  const names = new Set<string>()
  for (const [i, row] of rows.entries()) {
    if (typeof row !== 'object' || row === null) {
      throw new IvfError('ERR_ARGUMENT', `the metadata of row ${i} is ${show(row)}; it must be an object`)
    }
    for (const name of Object.keys(row)) names.add(name)
  }
  return [...names].map((name) => {
    const type = typeFor(rows.map((row) => row[name]))
    return field(name, type, true, rows.length, (row) => rows[row]?.[name] ?? null)
  })
}

function field(name: string, type: FieldType, nullable: boolean, count: number, at: (row: number) => unknown): Field {
  return {
    name,
    type,
    nullable,
    count,
    values(from, to) {
      return Array.from({ length: to - from }, (_, i) => written(type, at(from + i), name, from + i))
    },
  }
}

function written(type: FieldType, value: unknown, name: string, row: number): unknown {
  if (value === null) return null
  if (type === 'INT64') return BigInt(value as number | bigint)
  if (type !== 'JSON') return value
  try {
    // the writer makes text of it; undefined, where JSON has nothing for the value
    if (JSON.stringify(value) !== undefined) return value
  } catch (cause) {
    throw noJson(value, name, row, cause)
  }
  throw noJson(value, name, row)
}

function noJson(value: unknown, name: string, row: number, cause?: unknown): IvfError {
  const message = `the metadata '${name}' of row ${row} is ${show(value)}, which JSON cannot tell; leave it out`
  return new IvfError('ERR_ARGUMENT', message, { cause })
}

function typeFor(values: readonly unknown[]): FieldType {
  const given = values.filter((value) => value !== null && value !== undefined)
  const all = (fits: (value: unknown) => boolean): boolean => given.length > 0 && given.every(fits)
  if (all((value) => (typeof value === 'bigint' ? isWord(value) : Number.isSafeInteger(value)))) return 'INT64'
  if (all((value) => typeof value === 'number')) return 'DOUBLE'
  if (all((value) => typeof value === 'boolean')) return 'BOOLEAN'
  if (all((value) => value instanceof Date && !Number.isNaN(value.getTime()))) return 'TIMESTAMP'
  return given.length === 0 || all((value) => typeof value === 'string') ? 'STRING' : 'JSON'
}

function isWord(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}
