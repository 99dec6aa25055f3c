import type { VectorBatches, Vectors } from './engine/vectors.js'
import { checkInteger, checkOneOf, IvfError } from './errors.js'
import { elements, misfit } from './formats/dtypes.js'
import { type Block, toBlocks } from './formats/rows.js'
import type { Written } from './formats/write.js'
import { type Field, idField, metadataFields } from './parquet-fields.js'
import { type Sink, type WriteTarget, writeWhole } from './storage/sink.js'

export type { Written } from './formats/write.js'

type Writer = typeof import('hyparquet-writer')

/** What a Parquet file is to hold: vectors, and what belongs to the row of the same place. */
export interface ParquetData {
  /** rows × dim, or batches of rows */
  vectors: Vectors | VectorBatches
  /** needed for flat arrays, and for a file without rows */
  dim?: number
  /** safe integers, bigints of 64 bits, or text */
  ids?: ArrayLike<number | bigint> | ArrayLike<string>
  /**
   * A column for each name that any row has: integers, other numbers, booleans, text or dates, where all values are;
   * JSON for everything else.
   */
  metadata?: readonly Readonly<Record<string, unknown>>[]
}

export interface WriteParquetOptions {
  /** Default 'float32'; numbers that would not survive it are refused, as by writeVectors. */
  dtype?: 'float32' | 'float64'
  /** What to call the columns. Default 'vector' and 'id'. */
  columns?: { vectors?: string; id?: string }
  signal?: AbortSignal
}

/** Numbers of a row group, about. */
const GROUP_NUMBERS = 2 ** 21

export async function writeRows(
  writer: Writer,
  target: WriteTarget,
  data: ParquetData,
  options: WriteParquetOptions,
): Promise<Written> {
  const { signal } = options
  const dtype = checkOneOf('dtype', options.dtype ?? 'float32', ['float32', 'float64'])
  if (data.dim !== undefined) checkInteger('dim', data.dim, 1)
  const { vectors: name = 'vector', id = 'id' } = options.columns ?? {}
  const fields = fieldsOf(data, name, id)
  signal?.throwIfAborted()
  return writeWhole(target, {}, async (sink) => {
    const groups = groupWriter(writer, sink, name, dtype, fields)
    let dim = data.dim
    for await (const block of toBlocks(data.vectors, data.dim)) {
      signal?.throwIfAborted()
      checkFits(block, dtype)
      dim ??= block.dim
      await groups.add(block)
    }
    signal?.throwIfAborted()
    if (dim === undefined) {
      throw new IvfError('ERR_EMPTY', 'there are no vectors to write; give their dim to write a file without rows')
    }
    const written = { ...(await groups.finish()), dim }
    checkCount(fields, (field) => field.count === written.count, written.count)
    return written
  })
}

function fieldsOf({ ids, metadata }: ParquetData, vectors: string, id: string): Field[] {
  const fields = [...(ids ? [idField(id, ids)] : []), ...(metadata ? metadataFields(metadata) : [])]
  const names = [vectors, ...fields.map(({ name }) => name)]
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice === undefined) return fields
  throw new IvfError('ERR_ARGUMENT', `two columns would be called '${twice}'; give { columns: { vectors, id } }`)
}

/** Gathers rows into groups, whatever the size of the blocks they come in. */
function groupWriter(
  { ByteWriter, ParquetWriter, schemaFromColumnData }: Writer,
  sink: Sink,
  name: string,
  dtype: 'float32' | 'float64',
  fields: readonly Field[],
): { add(block: Block): Promise<void>; finish(): Promise<{ count: number; bytes: number }> } {
  const bytes = new ByteWriter()
  const beside = schemaFromColumnData({
    columnData: fields.map((field) => ({ name: field.name, type: field.type, nullable: field.nullable, data: [] })),
  })
  const schema: (typeof beside)[number][] = [
    { name: 'schema', num_children: fields.length + 1 },
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST', logical_type: { type: 'LIST' } },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { name: 'element', type: dtype === 'float32' ? 'FLOAT' : 'DOUBLE', repetition_type: 'REQUIRED' },
    ...beside.slice(1),
  ]
  const file = new ParquetWriter({ writer: bytes, schema, createdBy: 'fast-ivf' })
  let rows: number[][] = []
  let count = 0

  async function flush(): Promise<void> {
    const from = count - rows.length
    checkCount(fields, (field) => field.count >= count, count)
    const vectors = { name, data: rows, codec: 'UNCOMPRESSED' as const, encoding: 'PLAIN' as const, statistics: false }
    const columns = fields.map((field) => ({ name: field.name, data: field.values(from, count) }))
    if (rows.length > 0) file.write({ columnData: [vectors, ...columns], rowGroupSize: rows.length })
    rows = []
    await pass()
  }

  async function pass(): Promise<void> {
    const part = bytes.getBytes().slice()
    bytes.index = 0
    if (part.length > 0) await sink.write(part)
  }

  return {
    async add({ values, from, rows: more, dim }) {
      const most = Math.max(1, Math.floor(GROUP_NUMBERS / dim))
      for (let i = 0; i < more; i++) {
        const at = from + i * dim
        rows.push(Array.from({ length: dim }, (_, k) => values[at + k] as number))
        count++
        if (rows.length === most) await flush()
      }
    },
    async finish() {
      await flush()
      file.finish()
      await pass()
      return { count, bytes: bytes.offset }
    },
  }
}

function checkCount(fields: readonly Field[], fits: (field: Field) => boolean, count: number): void {
  const other = fields.find((field) => !fits(field))
  if (!other) return
  const told = `there are ${count} vectors${other.count < count ? ' or more' : ''} and ${other.count} values of '${other.name}'`
  throw new IvfError('ERR_ARGUMENT', `${told}; each needs one`)
}

function checkFits({ values, from, rows, dim, row, dtype: own }: Block, dtype: 'float32' | 'float64'): void {
  if (own === dtype) return
  const bad = misfit(dtype, values, from, from + rows * dim, !elements[own].float)
  if (bad < 0) return
  const at = `row ${row + Math.floor((bad - from) / dim)}, column ${(bad - from) % dim}`
  throw new IvfError(
    'ERR_ARGUMENT',
    `${at} holds ${values[bad]}; ${dtype} holds ${elements[dtype].holds} (integers: exactly): choose another dtype`,
  )
}
