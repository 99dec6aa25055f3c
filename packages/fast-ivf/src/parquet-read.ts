import { checkInteger, IvfError } from './errors.js'
import { type Dtype, elements, type TypedArray } from './formats/dtypes.js'
import {
  BATCH_BYTES,
  type BatchOptions,
  formatError,
  type VectorBatch,
  type VectorFile,
  vectorFile,
} from './formats/vector-file.js'
import type { ListColumn, Metadata } from './parquet-columns.js'
import { readLists } from './parquet-pages.js'
import type { ParquetSource } from './parquet-source.js'

/** Rows of one row group: `values` is rows × dim, `row` the number of the first. */
export interface GroupRows {
  readonly values: TypedArray
  readonly rows: number
  readonly row: number
  readonly group: RowGroup
}

export interface RowGroup {
  readonly from: number
  readonly to: number
  readonly index: number
}

/** The vectors of a Parquet file. */
export interface ParquetRows {
  readonly count: number
  readonly dim: number
  readonly dtype: Dtype
  /** `step` rows at a time, fewer at the end of a row group. */
  read(step: number | undefined, from: number, to: number): AsyncGenerator<GroupRows>
}

/** Reads the first row, which tells the dim. @throws IvfError */
export async function parquetRows(source: ParquetSource, metadata: Metadata, column: ListColumn): Promise<ParquetRows> {
  const groups = groupsOf(metadata, source.name)
  const count = groups.at(-1)?.to ?? 0
  const size = elements[column.dtype].size

  async function* parts(group: RowGroup, dim: number): AsyncGenerator<{ values: TypedArray; dim: number }> {
    const chunk = metadata.row_groups[group.index]?.columns.find(
      ({ meta_data: data }) => data?.path_in_schema.join('.') === column.path.join('.'),
    )
    if (!chunk?.meta_data || chunk.file_path) {
      throw formatError(source.name, `does not hold the column '${column.name}' itself in all its row groups`)
    }
    yield* readLists(source.pages, chunk.meta_data, column, { row: group.from, dim, file: source.name })
  }

  let dim = 0
  for (const group of groups) {
    for await (const part of parts(group, 0)) {
      dim = part.dim
      break
    }
    if (dim > 0) break
  }
  if (dim === 0 && count > 0) throw formatError(source.name, `tells of ${count} rows and holds none; it is damaged`)

  async function* ofGroup(group: RowGroup, step: number, from: number, to: number): AsyncGenerator<GroupRows> {
    let row = group.from
    /** rows that wait to be `step` */
    let held = elements[column.dtype].make(0)
    for await (const { values } of parts(group, dim)) {
      const rows = values.length / dim
      const wanted = values.subarray(Math.max(0, from - row) * dim, Math.max(0, to - row) * dim)
      row += rows
      const joined = elements[column.dtype].make(held.length + wanted.length)
      joined.set(held)
      joined.set(wanted, held.length)
      let at = 0
      for (; joined.length - at >= step * dim; at += step * dim) {
        const first = Math.min(row, to) - (joined.length - at) / dim
        yield { values: joined.slice(at, at + step * dim), rows: step, row: first, group }
      }
      held = joined.slice(at)
      if (row >= to) break
    }
    const rows = held.length / dim
    if (rows > 0) yield { values: held, rows, row: Math.min(row, to) - rows, group }
    if (row >= Math.min(to, group.to) && row <= group.to) return
    throw formatError(
      source.name,
      `holds ${row - group.from} rows in a group of ${group.to - group.from}; it is damaged`,
    )
  }

  return {
    count,
    dim,
    dtype: column.dtype,
    async *read(asked, from, to) {
      const step = asked ?? Math.max(1, Math.floor(BATCH_BYTES / (dim * size)))
      for (const group of groups) {
        if (group.from < to && group.to > from && group.from < group.to) yield* ofGroup(group, step, from, to)
      }
    },
  }
}

/** The column of vectors as a VectorFile: its batches are read in one go, rather than each from the start of its group. */
export function rowsFile(rows: ParquetRows, name: string, check: () => void): VectorFile {
  const { count, dim, dtype } = rows
  const readAll = async (from: number, to: number): Promise<TypedArray> => {
    check()
    const all = elements[dtype].make((to - from) * dim)
    for await (const part of rows.read(undefined, from, to)) all.set(part.values, (part.row - from) * dim)
    return all
  }
  const rowBytes = Math.max(1, dim * elements[dtype].size)
  const file = vectorFile({ format: 'parquet', dtype, count, dim, rowBytes, read: readAll }, name, async () => {})
  let closed = false

  async function* batches(step: number | undefined, from: number, to: number): AsyncGenerator<VectorBatch> {
    if (closed) throw new IvfError('ERR_CLOSED', `${name} was closed; open it again to read it`)
    check()
    for await (const part of rows.read(step, from, to)) yield { data: part.values, dims: [part.rows, dim] }
  }

  return {
    ...file,
    batches: (options = {}) => batches(...range(options, count)),
    async close() {
      closed = true
      await file.close()
    },
  }
}

/** @throws IvfError ERR_ARGUMENT */
export function range(options: BatchOptions, count: number): [step: number | undefined, from: number, to: number] {
  const to = checkInteger('to', options.to ?? count, 0, count)
  const from = checkInteger('from', options.from ?? 0, 0, to)
  return [options.rows === undefined ? undefined : checkInteger('rows', options.rows, 1), from, to]
}

function groupsOf(metadata: Metadata, name: string): RowGroup[] {
  let from = 0
  const groups = metadata.row_groups.map(({ num_rows }, index) => {
    const group = { from, to: from + Number(num_rows), index }
    from = group.to
    return group
  })
  const good = groups.every(({ from, to }) => to >= from) && Number.isSafeInteger(from)
  if (good && from === Number(metadata.num_rows)) return groups
  throw formatError(name, `tells of ${metadata.num_rows} rows, its row groups of ${from}; it is damaged`)
}
