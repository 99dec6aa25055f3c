import { IvfError } from './errors.js'
import type { Metadata } from './parquet-columns.js'

/** Ids of one kind. */
export type Ids = number[] | string[] | bigint[]

/** Whether a column has integers that numbers do not hold, as far as the file's statistics tell. */
export function isWide({ row_groups }: Metadata, name: string): boolean {
  return row_groups.some(({ columns }) => {
    const chunk = columns.find(({ meta_data: data }) => data?.path_in_schema[0] === name)?.meta_data
    const { min_value, max_value, min, max } = chunk?.statistics ?? {}
    return [min_value ?? min, max_value ?? max].some((value) => typeof value === 'bigint' && !isSafe(value))
  })
}

/** @throws IvfError ERR_ID for an id that is null or of another kind */
export function idsOf(values: readonly unknown[], wide: boolean, row: number, column: string): Ids {
  const kind = typeof values[0]
  for (const [i, value] of values.entries()) {
    if (['number', 'bigint', 'string'].includes(typeof value) && typeof value === kind) continue
    const what = value === null || value === undefined ? 'null' : typeof value
    throw new IvfError(
      'ERR_ID',
      `row ${row + i} has the id ${what} in the column '${column}'; integers or text are needed, and in every row`,
    )
  }
  if (kind !== 'bigint') return values as number[] | string[]
  const integers = values as readonly bigint[]
  return wide || !integers.every(isSafe) ? [...integers] : integers.map(Number)
}

/** A value as it is, but numbers for integers that they hold. */
export function plain(value: unknown): unknown {
  return typeof value === 'bigint' && isSafe(value) ? Number(value) : value
}

function isSafe(value: bigint): boolean {
  return value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER
}
