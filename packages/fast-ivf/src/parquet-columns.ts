import { IvfError } from './errors.js'
import { formatError } from './formats/vector-file.js'

/** Types alone: the package is imported where a file is opened. */
export type Hyparquet = typeof import('hyparquet')
export type Metadata = Awaited<ReturnType<Hyparquet['parquetMetadataAsync']>>
export type SchemaNode = ReturnType<Hyparquet['parquetSchema']>
export type ColumnChunk = NonNullable<Metadata['row_groups'][number]['columns'][number]['meta_data']>

/** A column of a Parquet file, and what is in it: 'float', 'int64', 'string', 'list<float>' … */
export interface ParquetColumn {
  readonly name: string
  readonly type: string
}

/** How the numbers of a column of lists are stored. */
export type ListDtype = 'float32' | 'float64' | 'float16' | 'int32'

/** A column of lists of numbers, as reading its pages needs it. */
export interface ListColumn {
  readonly name: string
  readonly path: readonly string[]
  readonly dtype: ListDtype
  readonly maxRepeat: 1
  /** the definition level of a number, and of a list with at least one element */
  readonly maxLevel: number
  readonly listLevel: number
}

export function columnsOf(root: SchemaNode): ParquetColumn[] {
  return root.children.map((node) => ({ name: node.element.name, type: typeOf(node) }))
}

/** The column of vectors: the one named, or the only list of floats. @throws IvfError ERR_NOT_FOUND, ERR_ARGUMENT */
export function vectorColumn(root: SchemaNode, asked: string | undefined, file: string): ListColumn {
  const columns = columnsOf(root)
  if (asked !== undefined) {
    const list = listColumn(childOf(root, asked, file))
    if (list) return list
    const type = columns.find(({ name }) => name === asked)?.type
    throw new IvfError('ERR_ARGUMENT', `the column '${asked}' of ${file} is of the type ${type}; list<float> is needed`)
  }
  const lists = root.children.map(listColumn).filter((list) => list !== undefined && list.dtype !== 'int32')
  if (lists.length === 1 && lists[0]) return lists[0]
  if (lists.length === 0) {
    const all = columns.map(({ name, type }) => `'${name}' (${type})`).join(', ') || 'none'
    throw formatError(file, `has no column of lists of floats; its columns are ${all}`)
  }
  const names = lists.map((list) => `'${list?.name}'`).join(', ')
  throw new IvfError(
    'ERR_ARGUMENT',
    `${file} has ${lists.length} columns of lists of floats (${names}); name one as { vectors: '${lists[0]?.name}' }`,
  )
}

/** @throws IvfError ERR_NOT_FOUND */
export function childOf(root: SchemaNode, name: string, file: string): SchemaNode {
  const found = root.children.find((node) => node.element.name === name)
  if (found) return found
  const names = root.children.map((node) => `'${node.element.name}'`).join(', ')
  throw new IvfError('ERR_NOT_FOUND', `${file} has no column '${name}'; it has ${names || 'none'}`)
}

/** The parts of a column of the name, and how they are compressed, in all row groups. */
export function codecsOf(metadata: Metadata, names: readonly string[]): Set<string> {
  const codecs = new Set<string>()
  for (const { columns } of metadata.row_groups) {
    for (const { meta_data: chunk } of columns) {
      if (chunk && names.includes(chunk.path_in_schema[0] ?? '')) codecs.add(chunk.codec)
    }
  }
  return codecs
}

/** Lists have one leaf, below one node that repeats. */
function listColumn(node: SchemaNode): ListColumn | undefined {
  const path = [node]
  for (let at = node; at.children.length > 0; at = path.at(-1) as SchemaNode) {
    if (at.children.length > 1) return undefined
    path.push(at.children[0] as SchemaNode)
  }
  const repeated = path.findIndex(({ element }) => element.repetition_type === 'REPEATED')
  if (repeated < 0 || path.slice(repeated + 1).some(({ element }) => element.repetition_type === 'REPEATED')) {
    return undefined
  }
  const dtype = listDtype((path.at(-1) as SchemaNode).element)
  if (!dtype) return undefined
  const levels = path.map(({ element }) => (element.repetition_type === 'REQUIRED' ? 0 : 1) as number)
  const sum = (to: number): number => levels.slice(0, to).reduce((total, level) => total + level, 0)
  const names = (path.at(-1) as SchemaNode).path
  return {
    name: node.element.name,
    path: names,
    dtype,
    maxRepeat: 1,
    maxLevel: sum(path.length),
    listLevel: sum(repeated + 1),
  }
}

function listDtype({ type, type_length, logical_type, converted_type }: SchemaNode['element']): ListDtype | undefined {
  if (type === 'FLOAT') return 'float32'
  if (type === 'DOUBLE') return 'float64'
  if (type === 'FIXED_LEN_BYTE_ARRAY' && type_length === 2 && logical_type?.type === 'FLOAT16') return 'float16'
  const unsigned = converted_type === 'UINT_32' || (logical_type?.type === 'INTEGER' && !logical_type.isSigned)
  const plain = !converted_type || /^U?INT_/.test(converted_type)
  return type === 'INT32' && plain && !unsigned ? 'int32' : undefined
}

function typeOf(node: SchemaNode): string {
  const { element, children } = node
  const { type, converted_type: converted, logical_type: logical } = element
  const list = listColumn(node)
  if (list) return `list<${{ float32: 'float', float64: 'double', float16: 'float16', int32: 'int32' }[list.dtype]}>`
  if (children.length > 0) return converted === 'LIST' || converted === 'MAP' ? converted.toLowerCase() : 'struct'
  if (converted === 'UTF8' || logical?.type === 'STRING') return 'string'
  return (logical?.type ?? converted ?? type ?? 'unknown').toLowerCase()
}
