import { formatError } from './formats/vector-file.js'
import { eachPage, type Pages, pageParts } from './parquet-chunk.js'
import type { ColumnChunk, SchemaNode } from './parquet-columns.js'
import { runs } from './parquet-values.js'

/**
 * Walks over the pages of a chunk that hyparquet is to read, which believes every count it meets: a damaged one would
 * make it fill memory without end.
 * @throws IvfError ERR_FORMAT
 */
export async function checkChunk(pages: Pages, chunk: ColumnChunk, root: SchemaNode, file: string): Promise<void> {
  const levels = levelsOf(root, chunk.path_in_schema)
  let entries = 0
  for await (const { header, bytes } of eachPage(pages, chunk, file)) {
    if (header.type === 'DICTIONARY_PAGE') {
      entries = header.dictionary_page_header?.num_values ?? 0
      const size = header.uncompressed_page_size
      // a boolean, the smallest value, takes a bit
      if (!(entries >= 0 && entries <= size * 8 && size <= MOST_BYTES)) {
        throw formatError(file, `tells of a dictionary of ${entries} values in ${size} bytes; it is damaged`)
      }
      continue
    }
    if (header.type !== 'DATA_PAGE' && header.type !== 'DATA_PAGE_V2') continue
    const { count, encoding, levels: own, body } = pageParts(pages, header, bytes, chunk, levels, file)
    const values = levels.maxLevel === 0 ? count : own.filter((level) => level === levels.maxLevel).length
    const given = header.data_page_header_v2?.num_nulls
    if (given !== undefined && given !== count - values) {
      throw formatError(file, `tells of ${given} nulls in a page of ${count - values}; it is damaged`)
    }
    if (values === 0) continue
    if (encoding.endsWith('_DICTIONARY')) {
      const places = runs(body.subarray(1), body[0] ?? 33, new Uint32Array(values), file)
      if (places.some((place) => place >= entries))
        throw formatError(file, 'points outside of a dictionary; it is damaged')
    } else if (encoding === 'RLE') {
      runs(body.subarray(4), 1, new Uint8Array(values), file)
    }
  }
}

const MOST_BYTES = 2 ** 30

function levelsOf(root: SchemaNode, path: readonly string[]): { maxRepeat: number; maxLevel: number } {
  let node: SchemaNode | undefined = root
  let maxRepeat = 0
  let maxLevel = 0
  for (const name of path) {
    node = node?.children.find(({ element }) => element.name === name)
    if (node?.element.repetition_type === 'REPEATED') maxRepeat++
    if (node?.element.repetition_type !== 'REQUIRED') maxLevel++
  }
  return { maxRepeat, maxLevel }
}
